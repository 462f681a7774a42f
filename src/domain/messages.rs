//! Sending.

use serde_json::value::RawValue;
use std::sync::Arc;
use tracing::{Instrument, Span};

use super::{delivery::Delivery, limits::Limits, media::Media};
use crate::{
    metrics::Metrics,
    model::{
        Clock, Error, MessageId, Result, UserId,
        event::Event,
        message::{Draft, Message, NewMessage, Sent, Text},
    },
    store::Store,
    trace::step,
};

#[derive(Clone, Debug)]
pub struct Messages {
    store: Store,
    media: Media,
    limits: Limits,
    clock: Clock,
    announcer: Arc<Announcer>,
}

/// Tells of messages once they are committed.
#[derive(Debug)]
struct Announcer {
    delivery: Delivery,
    metrics: Metrics,
}

/// A message that nobody was told of yet.
struct News {
    message: MessageId,
    event: Event,
    entries: Vec<(UserId, i64)>,
}

impl Messages {
    pub fn new(store: Store, media: Media, limits: Limits, delivery: Delivery, clock: Clock, metrics: Metrics) -> Self {
        Self { store, media, limits, clock, announcer: Arc::new(Announcer { delivery, metrics }) }
    }

    /// Sends a message; it is answered as everybody sees it, as final JSON ([`Message`]). Answers when it and its entry in both
    /// people's logs are committed; the sockets are told after that, without this call waiting for it. With the `clientId` of an
    /// earlier send: that message, nothing stored.
    ///
    /// # Errors
    /// What the contract names for a send; [`Error::RateLimited`]; [`Error::Unavailable`], after which a retry with
    /// the same `clientId` is safe.
    pub async fn send(&self, sender: UserId, receiver: UserId, draft: Draft) -> Result<Arc<RawValue>> {
        let text = draft.text.map_or(Ok(None), Text::parse)?;
        let image = draft.image.filter(|image| !image.is_empty());
        if text.is_none() && image.is_none() {
            return Err(Error::MessageEmpty);
        }
        if sender == receiver {
            return Err(Error::SelfMessage);
        }
        self.limits.send(sender)?;
        let image = match image {
            None => None,
            Some(data_url) => {
                // Decoding is the dearest step: a retry must not pay for it again, nor a send to nobody at all.
                if let Some(client_id) = draft.client_id
                    && let Some(first) = self.store.sent_before(sender, client_id).await?
                {
                    return self.announcer.repeated(first, receiver);
                }
                self.store.user(receiver).await?.ok_or(Error::ReceiverNotFound)?;
                Some(self.media.accept(sender, &data_url).await?)
            }
        };
        let new = NewMessage {
            id: MessageId::new(),
            sender,
            receiver,
            client_id: draft.client_id,
            text,
            image,
            created_at: self.clock.now(),
        };
        // Not here, but where it is committed: a caller that hangs up before it has the answer must not take the hint with it.
        let (announcer, span) = (self.announcer.clone(), Span::current());
        let then = move |sent| {
            let (answer, news) = announcer.takes(sent, receiver);
            (answer, move || span.in_scope(|| announcer.announces(news)))
        };
        self.store.send(new, then).instrument(step!("commit")).await?
    }
}

impl Announcer {
    /// What a send that was committed just now is answered, and what is to be told of it.
    fn takes(&self, sent: Sent, receiver: UserId) -> (Result<Arc<RawValue>>, Option<News>) {
        if !sent.first {
            return (self.repeated(sent.message, receiver), None);
        }
        self.metrics.messages_accepted.inc();
        match Event::new_message(&sent.message) {
            Ok(event) => (Ok(event.payload.clone()), Some(News { message: sent.message.id, event, entries: sent.entries })),
            Err(error) => (Err(error), None),
        }
    }

    /// Tells everybody concerned.
    fn announces(&self, news: Option<News>) {
        if let Some(News { message, event, entries }) = news {
            self.delivery.publish_message(message, event, entries);
        }
    }

    fn repeated(&self, first: Message, receiver: UserId) -> Result<Arc<RawValue>> {
        if first.receiver_id != receiver {
            return Err(Error::ClientIdReused);
        }
        self.metrics.messages_repeated.inc();
        Ok(Event::new_message(&first)?.payload)
    }
}
