//! Every metric series, declared once. Hot children are resolved here, so that counting is one atomic add. Nothing is
//! ever labelled by user, conversation or path with ids.

use parking_lot::Mutex;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};
use std::{fmt, ops::Deref, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How often it is measured how late timers fire.
const LAG_INTERVAL: Duration = Duration::from_millis(500);

/// Sets gauges of what is counted elsewhere, such as a pool's connections.
type Probe = Box<dyn Fn(&Series) + Send + Sync>;

/// A cheap handle on all series of one node; each node has a registry of its own, so that tests can run several.
#[derive(Clone)]
pub struct Metrics(Arc<Series>);

impl Deref for Metrics {
    type Target = Series;

    fn deref(&self) -> &Series {
        &self.0
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

macro_rules! series {
    ($($(#[doc = $help:literal])+ $name:ident: $make:ident($series:literal $(, $arg:expr)*) -> $type:ty;)*) => {
        /// The series; the doc comment of each is its help text.
        pub struct Series {
            registry: Registry,
            probes: Mutex<Vec<Probe>>,
            $($(#[doc = $help])+ pub $name: $type,)*
        }

        impl Metrics {
            /// # Errors
            /// If two series share a name: a defect that the first test run shows.
            pub fn new() -> prometheus::Result<Self> {
                let registry = Registry::new();
                $(let $name = register(&registry, $make(concat!("hubbub_", $series), concat!($($help),+).trim() $(, $arg)*)?)?;)*
                #[cfg(target_os = "linux")]
                registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
                let metrics = Self(Arc::new(Series { registry, probes: Mutex::default(), $($name,)* }));
                metrics.begin_at_zero();
                Ok(metrics)
            }
        }
    };
}

series! {
    /// Constant 1, labelled with the version.
    build_info: gauges("build_info", &["version"]) -> IntGaugeVec;
    /// Requests of polling sessions that another node holds and that were passed on to it, by result.
    polls_forwarded: counters("polls_forwarded_total", &["result"]) -> IntCounterVec;
    /// REST requests answered, by matched route, method and status.
    http_requests: counters("http_requests_total", &["route", "method", "status"]) -> IntCounterVec;
    /// Time to answer REST requests, by matched route.
    http_seconds: histograms("http_request_seconds", &["route"], TIMES) -> HistogramVec;
    /// TCP connections that are held, by listener.
    http_connections: gauges("http_connections", &["listener"]) -> IntGaugeVec;
    /// Sockets connected to the namespace.
    sockets: gauge("sockets") -> IntGauge;
    /// People with at least one socket on this node.
    local_users: gauge("local_users") -> IntGauge;
    /// Socket handshakes, by result.
    handshakes: counters("handshakes_total", &["result"]) -> IntCounterVec;
    /// Sockets that ended, by reason.
    disconnects: counters("disconnects_total", &["reason"]) -> IntCounterVec;
    /// Events queued to sockets, by event.
    emitted: counters("events_emitted_total", &["event"]) -> IntCounterVec;
    /// Events from sockets, by event and result.
    received: counters("events_received_total", &["event", "result"]) -> IntCounterVec;
    /// Sockets cut because their outbox was full.
    outbox_overflows: counter("outbox_overflows_total") -> IntCounter;
    /// People online on all nodes, as this node sees it.
    presence_online: gauge("presence_online") -> IntGauge;
    /// Whose coming and going people are told: 1 for what is in force.
    presence_audience: gauges("presence_audience", &["audience"]) -> IntGaugeVec;
    /// People who came or left, as this node told its sockets.
    presence_changes: counter("presence_changes_total") -> IntCounter;
    /// Payload queued to sockets to tell who is online, by kind: list, snapshot, changes.
    presence_bytes: counters("presence_bytes_total", &["kind"]) -> IntCounterVec;
    /// Messages committed for the first time.
    messages_accepted: counter("messages_accepted_total") -> IntCounter;
    /// Sends answered with the message that their clientId already named.
    messages_repeated: counter("messages_repeated_total") -> IntCounter;
    /// Log entries queued to the sockets of their people, by the way they came: local (committed on this node), remote (told by another) or log (nobody had told them).
    delivered: counters("log_entries_delivered_total", &["path"]) -> IntCounterVec;
    /// Time from a commit to the queues of the sockets, by the way it came; across nodes their clocks are compared.
    delivery_seconds: histograms("delivery_seconds", &["path"], DELIVERY) -> HistogramVec;
    /// Log entries that a hint did not bring and that were read from the log instead.
    gaps_repaired: counter("gaps_repaired_total") -> IntCounter;
    /// Sockets that said where they were when they came back, by what it came to.
    resumes: counters("resumes_total", &["verdict", "reason"]) -> IntCounterVec;
    /// Log entries sent to sockets that came back.
    replayed: counter("log_entries_replayed_total") -> IntCounter;
    /// Log entries removed because they are older than database.log_retention.
    pruned: counter("log_entries_pruned_total") -> IntCounter;
    /// People whose last departure was forgotten before the database could be told.
    last_seen_lost: counter("last_seen_lost_total") -> IntCounter;
    /// Reconciles, by reason.
    reconciles: counters("reconciles_total", &["reason"]) -> IntCounterVec;
    /// Sends that shared one transaction.
    batch_size: histogram("batch_sends", SIZES) -> Histogram;
    /// Time that a transaction of sends took.
    batch_seconds: histogram("batch_seconds", TIMES) -> Histogram;
    /// Sends waiting for a writer.
    send_queue: gauge("send_queue") -> IntGauge;
    /// Transactions of sends that were tried again, by reason.
    batch_retries: counters("batch_retries_total", &["reason"]) -> IntCounterVec;
    /// 1 while the database answers.
    database_up: gauge("database_up") -> IntGauge;
    /// Connections to the database, by pool and state.
    database_connections: gauges("database_pool_connections", &["pool", "state"]) -> IntGaugeVec;
    /// Connections to the database that a pool may have.
    database_limit: gauges("database_pool_limit", &["pool"]) -> IntGaugeVec;
    /// 1 while Redis answers; constant 1 on a node alone.
    backplane_up: gauge("backplane_up") -> IntGauge;
    /// 1 while the node does not hear its own beacon.
    backplane_deaf: gauge("backplane_deaf") -> IntGauge;
    /// Time since the node heard its own beacon.
    beacon_age: fraction("beacon_age_seconds") -> Gauge;
    /// 1 while it is known who is online; constant 1 on a node alone.
    presence_known: gauge("presence_known") -> IntGauge;
    /// People shown as online, or not, of whom Redis knew better when all was read again after it had lost its memory.
    presence_corrected: counter("presence_corrected_total") -> IntCounter;
    /// Dead nodes that this node swept.
    nodes_swept: counter("nodes_swept_total") -> IntCounter;
    /// Connections to Redis, by whether they stand.
    redis_connections: gauges("redis_connections", &["state"]) -> IntGaugeVec;
    /// Commands that wait to be written to Redis.
    redis_queued_commands: gauge("redis_queued_commands") -> IntGauge;
    /// Envelopes told to other nodes.
    published: counter("envelopes_published_total") -> IntCounter;
    /// Envelopes that could not be told to other nodes and are made good by a reconcile.
    publish_failures: counter("publish_failures_total") -> IntCounter;
    /// Signals dropped because the consumer was slow; made good by a reconcile.
    signals_dropped: counter("signals_dropped_total") -> IntCounter;
    /// Requests refused by a rate limit, by limit.
    rate_limited: counters("rate_limited_total", &["limit"]) -> IntCounterVec;
    /// Rate limit decisions taken without Redis, because it did not answer in time.
    limit_fallbacks: counter("limit_fallbacks_total") -> IntCounter;
    /// Images accepted or refused.
    images: counters("images_total", &["result"]) -> IntCounterVec;
    /// 1 while the node is draining.
    draining: gauge("draining") -> IntGauge;
    /// Sockets that the drain still has to close.
    drain_sockets_left: gauge("drain_sockets_left") -> IntGauge;
    /// Sockets closed because this node held more than its share.
    shed: counter("sockets_shed_total") -> IntCounter;
    /// How late the runtime's timers fire: time that ready tasks wait for a thread.
    runtime_lag: histogram("runtime_lag_seconds", TIMES) -> Histogram;
}

const TIMES: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Local deliveries take microseconds.
const DELIVERY: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

impl Metrics {
    /// Makes the children whose labels are known: a rate over one that appears with its first event misses that event.
    fn begin_at_zero(&self) {
        for result in ["accepted", "refused", "passing", "throttled", "shed", "draining"] {
            self.handshakes.with_label_values(&[result]);
        }
        for result in ["answered", "failed"] {
            self.polls_forwarded.with_label_values(&[result]);
        }
        for path in ["local", "remote", "log"] {
            self.delivered.with_label_values(&[path]);
            self.delivery_seconds.with_label_values(&[path]);
        }
        for kind in ["list", "snapshot", "changes"] {
            self.presence_bytes.with_label_values(&[kind]);
        }
        for (verdict, reason) in [("current", ""), ("resumed", ""), ("reset", "too_far"), ("reset", "trimmed")] {
            self.resumes.with_label_values(&[verdict, reason]);
        }
    }

    /// Asks `probe` before each rendering. It must not wait, nor hold these metrics.
    pub fn probe(&self, probe: impl Fn(&Series) + Send + Sync + 'static) {
        self.probes.lock().push(Box::new(probe));
    }

    /// Measures the runtime's lag, for ever.
    pub async fn watch_runtime(self) {
        loop {
            let due = Instant::now() + LAG_INTERVAL;
            sleep(LAG_INTERVAL).await;
            // Timers are exact to a millisecond, which is no lag.
            let late = due.elapsed().saturating_sub(Duration::from_millis(1));
            self.runtime_lag.observe(late.as_secs_f64());
        }
    }

    /// The text exposition format, version 0.0.4.
    ///
    /// # Errors
    /// If a collector yields something that can't be written; a defect.
    pub fn render(&self) -> prometheus::Result<String> {
        for probe in &*self.probes.lock() {
            probe(&self.0);
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, series: C) -> prometheus::Result<C> {
    registry.register(Box::new(series.clone()))?;
    Ok(series)
}

fn counter(name: &str, help: &str) -> prometheus::Result<IntCounter> {
    IntCounter::new(name, help)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::new(name, help)
}

fn fraction(name: &str, help: &str) -> prometheus::Result<Gauge> {
    Gauge::new(name, help)
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
}

fn histograms(name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_registers_once_and_is_named_for_hubbub() -> prometheus::Result<()> {
        let metrics = Metrics::new()?;
        metrics.messages_accepted.inc();
        let text = metrics.render()?;
        assert!(text.contains("# HELP hubbub_messages_accepted_total Messages committed for the first time."), "{text}");
        assert!(text.contains("hubbub_messages_accepted_total 1"));
        Ok(())
    }
}
