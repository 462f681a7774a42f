//! Rate limits: who may do what how often.

use parking_lot::Mutex;
use prometheus::IntCounter;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fmt::Write,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    backplane::{Backplane, gcra::Buckets},
    config,
    metrics::Metrics,
    model::{Error, Result, UserId, user::Email},
};

pub use crate::backplane::gcra::Bucket;

/// Log-ins of one account from one address that are checked at the same time. Failures are counted after the check, so
/// without this bound a volley of guesses would pass before the first of them counts.
const ATTEMPTS_AT_ONCE: usize = 4;

/// All limits of a node; cheap to clone.
#[derive(Clone, Debug)]
pub struct Limits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backplane: Backplane,
    config: config::Limits,
    sends: Buckets<UserId>,
    typing: Buckets<UserId>,
    admissions: Bucket,
    attempts: Mutex<HashMap<String, usize>>,
    refused_sends: IntCounter,
    refused_typing: IntCounter,
    refused_admissions: IntCounter,
    refused_handshakes: IntCounter,
    refused_sign_ups: IntCounter,
    refused_log_ins: IntCounter,
}

/// A log-in that is being checked; dropping it ends that.
#[derive(Debug)]
pub struct Attempt {
    limits: Limits,
    key: Option<String>,
}

impl Limits {
    pub fn new(backplane: Backplane, config: &config::Limits, metrics: &Metrics) -> Self {
        let refused = |limit: &str| metrics.rate_limited.with_label_values(&[limit]);
        Self(Arc::new(Inner {
            backplane,
            config: config.clone(),
            sends: Buckets::default(),
            typing: Buckets::default(),
            admissions: Bucket::default(),
            attempts: Mutex::default(),
            refused_sends: refused("send"),
            refused_typing: refused("typing"),
            refused_admissions: refused("admission"),
            refused_handshakes: refused("handshake"),
            refused_sign_ups: refused("sign_up"),
            refused_log_ins: refused("log_in"),
        }))
    }

    /// One message of this account; in this node's memory.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn send(&self, user: UserId) -> Result<()> {
        let taken = self.0.sends.take(&user, self.0.config.send, Instant::now());
        limited(taken, &self.0.refused_sends)
    }

    /// One sign that this account is typing; in this node's memory.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn typing(&self, user: UserId) -> Result<()> {
        let taken = self.0.typing.take(&user, self.0.config.typing, Instant::now());
        limited(taken, &self.0.refused_typing)
    }

    /// One more socket session on this node; in its memory. Before anything is known of whoever comes: what it protects is
    /// the work of finding out, when all clients of a lost node come at once.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub fn admission(&self) -> Result<()> {
        let taken = self.0.admissions.take(self.0.config.admission, Instant::now());
        limited(taken, &self.0.refused_admissions)
    }

    /// As [`Limits::admission`], for who asks that, too, before anybody is refused: no refusal is counted here.
    pub fn admits(&self) -> bool {
        self.0.admissions.take(self.0.config.admission, Instant::now()).is_ok()
    }

    /// One socket connection of this account; through the backplane.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn handshake(&self, user: UserId) -> Result<()> {
        let Inner { backplane, config, .. } = &*self.0;
        let taken = backplane.take(&format!("handshake:{user}"), config.handshake, config.deadline).await;
        limited(taken, &self.0.refused_handshakes)
    }

    /// One attempt to make this account from this address; through the backplane. And, where that is configured, one
    /// new account of any name from this address.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn sign_up(&self, email: &Email, from: IpAddr) -> Result<()> {
        let Inner { backplane, config, .. } = &*self.0;
        let taken = backplane.take(&key("sign_up", email, from), config.sign_up, config.deadline).await;
        limited(taken, &self.0.refused_sign_ups)?;
        let address = format!("sign_ups:{}", origin(from));
        let taken = backplane.take(&address, config.sign_ups_from_address, config.deadline).await;
        limited(taken, &self.0.refused_sign_ups)
    }

    /// Whether this account may be tried from this address; takes nothing.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn log_in(&self, email: &Email, from: IpAddr) -> Result<()> {
        let Inner { backplane, config, .. } = &*self.0;
        let there = backplane.peek(&key("log_in", email, from), config.failed_log_in, config.deadline).await;
        limited(there, &self.0.refused_log_ins)
    }

    /// Counts a failed log-in.
    pub async fn failed_log_in(&self, email: &Email, from: IpAddr) {
        let Inner { backplane, config, .. } = &*self.0;
        // An empty bucket is no news: it stays empty, and the next look says so.
        let _empty = backplane.take(&key("log_in", email, from), config.failed_log_in, config.deadline).await;
    }

    /// Begins to check a log-in; held until its failure is counted.
    ///
    /// # Errors
    /// [`Error::RateLimited`] while too many of the same are being checked.
    pub fn attempt(&self, email: &Email, from: IpAddr) -> Result<Attempt> {
        if self.0.config.failed_log_in.burst == 0 {
            return Ok(Attempt { limits: self.clone(), key: None });
        }
        let key = key("log_in", email, from);
        let mut attempts = self.0.attempts.lock();
        let running = attempts.entry(key.clone()).or_default();
        if *running >= ATTEMPTS_AT_ONCE {
            self.0.refused_log_ins.inc();
            return Err(Error::RateLimited { retry_after: Duration::from_secs(1) });
        }
        *running += 1;
        drop(attempts);
        Ok(Attempt { limits: self.clone(), key: Some(key) })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut attempts = self.limits.0.attempts.lock();
        if let Some(running) = attempts.get_mut(&key) {
            *running -= 1;
            if *running == 0 {
                attempts.remove(&key);
            }
        }
    }
}

fn limited(outcome: Result<(), Duration>, refused: &IntCounter) -> Result<()> {
    outcome.map_err(|retry_after| {
        refused.inc();
        Error::RateLimited { retry_after }
    })
}

/// A digest, since keys are seen in Redis, and addresses of people are nobody's business there.
fn key(action: &str, email: &Email, from: IpAddr) -> String {
    let mut key = format!("{action}:");
    for byte in Sha256::digest(email.as_str().as_bytes()).iter().take(16) {
        // Writing to a String cannot fail.
        let _infallible = write!(key, "{byte:02x}");
    }
    let _infallible = write!(key, ":{}", origin(from));
    key
}

/// Who counts as one: an IPv4 address, or the /64 that an IPv6 customer gets and can pick any address of.
fn origin(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(burst: u32) -> (Limits, Metrics) {
        let mut config = config::Config::load(None, []).unwrap().limits;
        let quota = config::Quota { burst, every: Duration::from_secs(3600) };
        (config.send, config.handshake, config.sign_up, config.failed_log_in) = (quota, quota, quota, quota);
        config.sign_ups_from_address = config::Quota { burst: burst * 2, ..quota };
        let metrics = Metrics::new().unwrap();
        let (backplane, _signals) = Backplane::local(
            &crate::lifecycle::Lifecycle::new(),
            metrics.clone(),
            crate::recent::Recent::new(0, crate::model::Clock::default()),
        );
        (Limits::new(backplane, &config, &metrics), metrics)
    }

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[tokio::test]
    async fn each_limit_refuses_what_exceeds_it_and_counts_that() {
        let (limits, metrics) = limits(1);
        let (ann, bob) = (UserId::new(), UserId::new());
        assert_eq!(limits.send(ann), Ok(()));
        assert!(matches!(limits.send(ann), Err(Error::RateLimited { retry_after }) if retry_after > Duration::from_secs(3500)));
        assert_eq!(limits.send(bob), Ok(()));
        assert_eq!(limits.handshake(ann).await, Ok(()));
        assert!(limits.handshake(ann).await.is_err());
        let [first, second, third] = ["a@b.test", "c@d.test", "e@f.test"].map(|email| Email::parse(email).unwrap());
        assert_eq!(limits.sign_up(&first, V4).await, Ok(()));
        assert!(limits.sign_up(&first, V4).await.is_err());
        assert_eq!(limits.sign_up(&second, V4).await, Ok(()), "people behind one address don't share a bucket");
        assert!(limits.sign_up(&third, V4).await.is_err(), "unless the address itself is limited");
        for (limit, refused) in [("send", 1), ("handshake", 1), ("sign_up", 2)] {
            assert_eq!(metrics.rate_limited.with_label_values(&[limit]).get(), refused, "{limit}");
        }
    }

    #[tokio::test]
    async fn only_failures_use_up_log_ins_and_only_of_that_account_from_there() {
        let (limits, _) = limits(1);
        let (ann, bob) = (Email::parse("ann@example.org").unwrap(), Email::parse("bob@example.org").unwrap());
        for _ in 0..5 {
            assert_eq!(limits.log_in(&ann, V4).await, Ok(()));
        }
        limits.failed_log_in(&ann, V4).await;
        assert!(limits.log_in(&ann, V4).await.is_err());
        assert_eq!(limits.log_in(&bob, V4).await, Ok(()));
        assert_eq!(limits.log_in(&ann, "198.51.100.7".parse().unwrap()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_limit_of_zero_is_switched_off() {
        let (limits, _) = limits(0);
        let ann = Email::parse("ann@example.org").unwrap();
        let held: Vec<_> = (0..100).map(|_| limits.attempt(&ann, V4)).collect();
        assert!(held.iter().all(Result::is_ok));
        for _ in 0..100 {
            assert_eq!(limits.sign_up(&ann, V4).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn a_volley_of_guesses_is_checked_a_few_at_a_time() {
        let (limits, _) = limits(10);
        let ann = Email::parse("ann@example.org").unwrap();
        let held: Vec<_> = (0..ATTEMPTS_AT_ONCE).map(|_| limits.attempt(&ann, V4).unwrap()).collect();
        assert!(matches!(limits.attempt(&ann, V4), Err(Error::RateLimited { .. })));
        drop(held);
        assert!(limits.attempt(&ann, V4).is_ok());
        assert!(limits.0.attempts.lock().is_empty(), "nothing is kept of what is over");
    }

    #[test]
    fn an_ipv6_customer_counts_as_one() {
        let one = |a: &str| origin(a.parse().unwrap());
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), one("2001:db8:1:2:ffff::1"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:192.0.2.1"), V4);
    }

    #[test]
    fn an_address_is_not_readable_in_a_key() {
        let key = key("log_in", &Email::parse("ann@example.org").unwrap(), V4);
        assert!(!key.contains("ann") && key.ends_with(":192.0.2.1"), "{key}");
    }
}
