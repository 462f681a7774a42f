//! Who is typing to whom: said in passing, kept nowhere, and over by itself.

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::to_raw_value;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::limits::Limits;
use crate::{
    backplane::Backplane,
    model::{
        Error, Result, UserId,
        event::{Whisper, WhisperKind},
    },
};

/// How long a sign counts. Whoever goes on typing says so again before that.
const LIFE: Duration = Duration::from_secs(6);

/// Within this the same is not said again: clients tend to say it at every key.
const REPEAT: Duration = Duration::from_secs(2);

/// Pairs that are remembered for that, at most.
const REMEMBERED: usize = 10_000;

#[derive(Clone, Debug)]
pub struct Typing {
    backplane: Backplane,
    limits: Limits,
    /// What was said last, by whom to whom.
    said: Arc<Mutex<HashMap<(UserId, UserId), Said>>>,
}

#[derive(Debug, Clone, Copy)]
struct Said {
    typing: bool,
    at: Instant,
}

/// The payload of `typing`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sign {
    user_id: UserId,
    typing: bool,
    /// Milliseconds for which it counts, if nothing else is said.
    expires_in: u64,
}

impl Typing {
    pub fn new(backplane: Backplane, limits: Limits) -> Self {
        Self { backplane, limits, said: Arc::default() }
    }

    /// `me` is typing to `other`, or no longer. Never waits.
    ///
    /// # Errors
    /// [`Error::RateLimited`]; [`Error::SelfMessage`].
    pub fn says(&self, me: UserId, other: UserId, typing: bool) -> Result<()> {
        if me == other {
            return Err(Error::SelfMessage);
        }
        if !self.is_news((me, other), typing, Instant::now()) {
            return Ok(());
        }
        self.limits.typing(me)?;
        let life = if typing { LIFE } else { Duration::ZERO };
        let sign = Sign { user_id: me, typing, expires_in: u64::try_from(life.as_millis()).unwrap_or(u64::MAX) };
        let payload = to_raw_value(&sign).map_err(|cause| Error::internal("json", cause))?;
        self.backplane.whisper(Whisper { kind: WhisperKind::Typing, to: vec![other], payload: payload.into() });
        Ok(())
    }

    /// Whether the other does not know this yet; from now on they do.
    fn is_news(&self, pair: (UserId, UserId), typing: bool, now: Instant) -> bool {
        let mut said = self.said.lock();
        let fresh = |said: &Said, within| now.saturating_duration_since(said.at) < within;
        match said.get(&pair) {
            Some(last) if last.typing == typing && fresh(last, REPEAT) => return false,
            // Nobody typed: there is nothing to end.
            None if !typing => return false,
            _ => {}
        }
        if said.len() >= REMEMBERED {
            said.retain(|_, said| fresh(said, LIFE));
        }
        // With so many at once, what is not remembered is only said more often.
        if said.len() < REMEMBERED {
            said.insert(pair, Said { typing, at: now });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backplane::{Signal, Signals},
        config::Config,
        lifecycle::Lifecycle,
        metrics::Metrics,
        model::Clock,
        recent::Recent,
    };

    fn typing() -> (Typing, Signals) {
        let metrics = Metrics::new().expect("series are fine");
        let (backplane, signals) = Backplane::local(&Lifecycle::new(), metrics.clone(), Recent::new(0, Clock::default()));
        let config = Config::load(None, []).expect("defaults are fine").limits;
        (Typing::new(backplane.clone(), Limits::new(backplane, &config, &metrics)), signals)
    }

    fn heard(signals: &mut Signals) -> Vec<String> {
        let said = std::iter::from_fn(|| match signals.try_recv() {
            Ok(Signal::Whisper(whisper)) => Some(whisper.payload.get().to_owned()),
            _ => None,
        });
        said.collect()
    }

    #[tokio::test]
    async fn a_sign_says_who_and_for_how_long_and_is_not_repeated_at_every_key() {
        let (typing, mut signals) = typing();
        let [ann, bob] = std::array::from_fn(|_| UserId::new());
        typing.backplane.attach(bob).await;
        for _ in 0..20 {
            assert_eq!(typing.says(ann, bob, true), Ok(()));
        }
        typing.says(ann, bob, false).expect("she stops");
        typing.says(ann, bob, false).expect("and says so twice");

        let sign = |typing, life| format!(r#"{{"userId":"{ann}","typing":{typing},"expiresIn":{life}}}"#);
        assert_eq!(heard(&mut signals), [sign(true, 6000), sign(false, 0)]);
    }

    #[tokio::test]
    async fn it_is_said_again_when_time_has_passed() {
        let (typing, _signals) = typing();
        let (pair, now) = ((UserId::new(), UserId::new()), Instant::now());
        assert!(typing.is_news(pair, true, now));
        assert!(!typing.is_news(pair, true, now + REPEAT / 2));
        assert!(typing.is_news(pair, true, now + REPEAT));
    }

    #[tokio::test]
    async fn whoever_types_to_everybody_is_refused_and_nobody_types_to_themselves() {
        let (typing, _signals) = typing();
        let ann = UserId::new();
        let refused = (0..1000).find(|_| matches!(typing.says(ann, UserId::new(), true), Err(Error::RateLimited { .. })));
        assert!(refused.is_some());
        assert_eq!(typing.says(ann, ann, true), Err(Error::SelfMessage));
    }
}
