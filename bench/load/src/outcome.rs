//! What a run found, in a form in which the parts of several processes add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::histogram::Histogram;

/// Counts of which the number a second is told, too.
const RATED: [&str; 4] = ["acked", "delivered", "connected", "answered"];

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) command: String,
    /// How long was measured.
    pub(crate) seconds: f64,
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) times: BTreeMap<String, Histogram>,
    /// What failed, and how often.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// CPU time of the tool itself while it measured.
    pub(crate) cpu_s: f64,
}

impl Outcome {
    pub(crate) fn new(command: &str, seconds: f64) -> Self {
        Self { command: command.to_owned(), seconds, ..Self::default() }
    }

    pub(crate) fn counts<const N: usize>(mut self, counts: [(&str, u64); N]) -> Self {
        self.counts.extend(counts.map(|(name, count)| (name.to_owned(), count)));
        self
    }

    pub(crate) fn times<const N: usize>(mut self, times: [(&str, Histogram); N]) -> Self {
        self.times.extend(times.map(|(name, histogram)| (name.to_owned(), histogram)));
        self
    }

    /// Adds what another process found at the same time.
    pub(crate) fn merge(&mut self, other: Self) {
        self.command = other.command;
        self.seconds = self.seconds.max(other.seconds);
        self.cpu_s += other.cpu_s;
        for (name, count) in other.counts {
            *self.counts.entry(name).or_default() += count;
        }
        for (name, histogram) in other.times {
            self.times.entry(name).or_default().merge(&histogram);
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    /// The line of JSON that is the result.
    pub(crate) fn told(&self) -> Value {
        let mut told = json!({ "event": "result", "command": self.command, "seconds": round(self.seconds) });
        for (name, count) in &self.counts {
            told[name] = json!(count);
            if RATED.contains(&name.as_str()) {
                told[format!("{name}_per_s")] = json!(round(*count as f64 / self.seconds));
            }
        }
        for (name, histogram) in &self.times {
            told[format!("{name}_ms")] = json!(histogram.summary());
        }
        told["reasons"] = json!(self.reasons);
        told["cpu_s"] = json!(round(self.cpu_s));
        told
    }
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn parts_add_up_and_rates_come_from_the_longest() {
        let part = |seconds: f64, ms| {
            let mut histogram = Histogram::default();
            histogram.add(Duration::from_millis(ms));
            Outcome {
                cpu_s: 0.5,
                ..Outcome::new("deliver", seconds).counts([("acked", 10), ("lost", 1)]).times([("ack", histogram)])
            }
        };
        let mut whole = Outcome::default();
        whole.merge(part(1.0, 1));
        whole.merge(part(2.0, 1_000));
        let told = whole.told();
        assert_eq!((&told["command"], &told["acked"], &told["lost"]), (&json!("deliver"), &json!(20), &json!(2)));
        assert_eq!((&told["acked_per_s"], &told["cpu_s"]), (&json!(10.0), &json!(1.0)));
        assert_eq!((&told["ack_ms"]["count"], &told["ack_ms"]["max"]), (&json!(2), &json!(1_000.0)));
        assert!(told.get("lost_per_s").is_none());
    }
}
