//! What the benchmarks work on: a hub's configuration in a folder of its own, people, messages.

use chrono::SubsecRound;
use hubbub::{
    config::Config,
    model::{
        Clock, ConversationId, MessageId, UserId,
        event::{Envelope, Event, Origin},
        message::{Message, NewMessage, Text},
        user::Email,
    },
    store::{NewUser, Store},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Signs the tokens.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What somebody says: 60 characters, as most do.
const TEXT: &str = "See you at the harbour at seven, and bring the good camera.";

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The embedded defaults below a folder, on free ports; nothing but what is measured runs while it is.
pub(crate) fn config(folder: &TempDir) -> Config {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings = [
        ("DATABASE_URL", format!("sqlite://{}", path("hubbub.db"))),
        ("HUBBUB__MEDIA__URL", format!("file://{}", path("media"))),
        ("JWT_SECRET", SECRET.to_owned()),
        ("PORT", "0".to_owned()),
        ("OPS_PORT", "0".to_owned()),
        ("HUBBUB__HTTP__HOST", "127.0.0.1".to_owned()),
        ("HUBBUB__OPS__HOST", "127.0.0.1".to_owned()),
        ("HUBBUB__REALTIME__PING_INTERVAL", "5m".to_owned()),
        ("HUBBUB__REALTIME__SWEEP_INTERVAL", "5m".to_owned()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    Config::load(None, settings).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) async fn person(store: &Store) -> UserId {
    let id = UserId::new();
    let email = Email::parse(&format!("{}@example.org", id.0.simple())).expect("an address");
    let created_at = Clock::default().now();
    let user = NewUser { id, full_name: "Somebody".to_owned(), email, password_hash: "$argon2id$".to_owned(), created_at };
    store.create_user(user).await.expect("an account").id
}

pub(crate) fn message(sender: UserId, receiver: UserId) -> NewMessage {
    let text = Text::parse(TEXT.to_owned()).expect("a text");
    let created_at = Clock::default().now();
    NewMessage { id: MessageId::new(), sender, receiver, client_id: None, text, image: None, created_at }
}

/// A `newMessage` between two people whom nobody knows.
pub(crate) fn event() -> Event {
    let now = Clock::default().now().trunc_subsecs(3);
    let message = Message {
        id: MessageId::new(),
        sender_id: UserId::new(),
        receiver_id: UserId::new(),
        text: Some(TEXT.to_owned()),
        image: None,
        client_id: None,
        created_at: now,
        updated_at: now,
        conversation_id: ConversationId(Uuid::now_v7()),
        number: 1,
    };
    Event::new_message(&message).expect("JSON")
}

/// As many envelopes as are published in one round, with the receiver's entry each.
pub(crate) fn envelopes(count: usize) -> Vec<Envelope> {
    let envelope = |_| {
        let origin = Origin { committed_at: Some(Clock::default().micros()), ..Origin::default() };
        Envelope { event: event(), entries: vec![(UserId::new(), 1_234)], origin }
    };
    (0..count).map(envelope).collect()
}
