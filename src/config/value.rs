//! How a single value is written, and what it may be: `10s`, `64KiB`, a number, a list ….

use std::{net::IpAddr, time::Duration};
use toml::Value;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An IP address to listen at.
    Address,
    Flag,
    List,
    /// A part of a whole, from 0.0 to 1.0.
    Share,
    /// A plain number, from … to ….
    Count(i64, i64),
    /// Bytes: a plain number or `64KiB`, `5MiB` …, from … to ….
    Size(&'static str, &'static str),
    /// `500ms`, `10s`, `5m`, `12h`, `7d`, from … to ….
    Time(&'static str, &'static str),
}

/// A value as a source gives it.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Toml(Value),
    Environment(String),
}

impl Kind {
    /// Brings a value into the one form that the sections deserialize from.
    ///
    /// # Errors
    /// What would be right. (Not what is wrong: the value may be a secret, which only the caller knows.)
    pub(super) fn read(self, raw: &Raw) -> Result<Value, String> {
        let text = match raw {
            Raw::Environment(text) => Some(text.trim()),
            Raw::Toml(Value::String(text)) => Some(text.trim()),
            Raw::Toml(_) => None,
        };
        let value = match self {
            Self::Text => text.map(|text| Value::String(text.to_owned())),
            Self::Choice(words) => text.filter(|text| words.contains(text)).map(|text| Value::String(text.to_owned())),
            Self::Address => text.and_then(|text| text.parse::<IpAddr>().ok()).map(|address| Value::String(address.to_string())),
            Self::Flag => match (raw, text) {
                (Raw::Toml(Value::Boolean(flag)), _) => Some(Value::Boolean(*flag)),
                (Raw::Environment(_), Some("true" | "1")) => Some(Value::Boolean(true)),
                (Raw::Environment(_), Some("false" | "0")) => Some(Value::Boolean(false)),
                _ => None,
            },
            Self::List => list(raw),
            Self::Share => {
                let share = match raw {
                    Raw::Toml(Value::Float(share)) => Some(*share),
                    _ => integer(raw)
                        .map(|whole| whole as f64)
                        .or_else(|| text?.parse().ok().filter(|_| matches!(raw, Raw::Environment(_)))),
                };
                share.filter(|share| (0.0..=1.0).contains(share)).map(Value::Float)
            }
            Self::Count(least, most) => integer(raw).filter(|number| (least..=most).contains(number)).map(Value::Integer),
            Self::Size(least, most) => {
                let bytes = integer(raw).and_then(|bytes| u64::try_from(bytes).ok()).or_else(|| size(text?));
                bytes
                    .filter(|bytes| (size(least)..=size(most)).contains(&Some(*bytes)))
                    .and_then(|bytes| i64::try_from(bytes).ok())
                    .map(Value::Integer)
            }
            Self::Time(least, most) => {
                let time = text.and_then(duration);
                time.filter(|time| (duration(least)..=duration(most)).contains(&Some(*time))).map(time_value)
            }
        };
        value.ok_or_else(|| self.right())
    }

    /// What would be right, for people.
    pub(super) fn right(self) -> String {
        match self {
            Self::Text => "expected a text".to_owned(),
            Self::Choice(words) => format!("expected one of {}", words.join(", ")),
            Self::Address => "expected an IP address such as 0.0.0.0 or 127.0.0.1".to_owned(),
            Self::Flag => "expected true or false".to_owned(),
            Self::List => "expected a list of texts (comma-separated in the environment)".to_owned(),
            Self::Share => "expected a share from 0.0 to 1.0".to_owned(),
            Self::Count(least, most) => format!("expected a number from {least} to {most}"),
            Self::Size(least, most) => format!("expected a size from {least} to {most}, such as 512KiB"),
            Self::Time(least, most) => {
                format!("expected a time from {least} to {most}, with its unit: 500ms, 10s, 5m, 12h, 7d")
            }
        }
    }
}

fn integer(raw: &Raw) -> Option<i64> {
    match raw {
        Raw::Toml(Value::Integer(number)) => Some(*number),
        Raw::Environment(text) => text.trim().parse().ok(),
        Raw::Toml(_) => None,
    }
}

fn list(raw: &Raw) -> Option<Value> {
    let texts: Vec<String> = match raw {
        Raw::Environment(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        Raw::Toml(Value::Array(parts)) => {
            parts.iter().map(|part| part.as_str().map(|part| part.trim().to_owned())).collect::<Option<_>>()?
        }
        Raw::Toml(_) => return None,
    };
    Some(Value::Array(texts.into_iter().filter(|text| !text.is_empty()).map(Value::String).collect()))
}

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `500ms`, `10s`, `5m`, `12h`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    measure(text, &TIMES).map(Duration::from_millis)
}

/// Reads `512`, `64KiB`, `5MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| measure(text, &SIZES))
}

fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The form in which serde reads a [`Duration`].
fn time_value(time: Duration) -> Value {
    let mut parts = toml::Table::new();
    parts.insert("secs".to_owned(), Value::Integer(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)));
    parts.insert("nanos".to_owned(), Value::Integer(i64::from(time.subsec_nanos())));
    Value::Table(parts)
}

/// Writes a value that [`Kind::read`] answered as one would write it in a file.
pub(super) fn show(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Time(..), Value::Table(parts)) => {
            let part =
                |name| parts.get(name).and_then(Value::as_integer).and_then(|part| u64::try_from(part).ok()).unwrap_or_default();
            quote(&in_units(part("secs") * 1_000 + part("nanos") / 1_000_000, &TIMES))
        }
        (Kind::Size(..), Value::Integer(bytes)) => quote(&in_units(u64::try_from(*bytes).unwrap_or_default(), &SIZES)),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Float(share)) => format!("{share:?}"),
        (_, Value::Boolean(flag)) => flag.to_string(),
        (_, Value::Array(parts)) => {
            let parts: Vec<String> = parts.iter().filter_map(Value::as_str).map(quote).collect();
            format!("[{}]", parts.join(", "))
        }
        (_, value) => quote(value.as_str().unwrap_or_default()),
    }
}

/// The largest unit in which the amount is whole.
fn in_units(amount: u64, units: &[(&str, u64)]) -> String {
    let unit = units.iter().rev().find(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor)).or(units.first());
    unit.map_or_else(String::new, |(name, factor)| format!("{}{name}", amount / factor))
}

/// As a TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(text: &str) -> Raw {
        Raw::Environment(text.to_owned())
    }

    #[test]
    fn times_need_a_unit_and_sizes_may_have_one() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(duration("10 s"), Some(Duration::from_secs(10)));
        for text in ["10", "s", "", "-1s", "1.5s", "10 sec", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        assert_eq!((size("512"), size("64KiB"), size("5MiB")), (Some(512), Some(65_536), Some(5 << 20)));
        for text in ["", "KiB", "64kb", "-1", "1.5MiB"] {
            assert_eq!(size(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_value_out_of_its_range_or_of_another_type_is_refused() {
        assert!(Kind::Count(1, 10).read(&env("11")).is_err());
        assert!(Kind::Count(1, 10).read(&Raw::Toml(Value::String("5".into()))).is_err());
        assert!(Kind::Time("1s", "1m").read(&env("999ms")).is_err());
        assert!(Kind::Time("1s", "1m").read(&Raw::Toml(Value::Integer(5))).is_err());
        assert!(Kind::Size("1KiB", "1MiB").read(&env("2MiB")).is_err());
        assert!(Kind::Flag.read(&env("yes")).is_err());
        for share in ["1.1", "-0.1", "NaN", "all"] {
            assert!(Kind::Share.read(&env(share)).is_err(), "{share}");
        }
        assert!(Kind::Address.read(&env("localhost")).is_err());
        assert!(Kind::Choice(&["human", "json"]).read(&env("xml")).is_err());
        assert!(Kind::List.read(&Raw::Toml(Value::Array(vec![Value::Integer(1)]))).is_err());
    }

    #[test]
    fn lists_in_the_environment_are_split_at_commas() {
        let value = Kind::List.read(&env(" http://a , http://b,")).unwrap();
        assert_eq!(show(Kind::List, &value), r#"["http://a", "http://b"]"#);
    }

    #[test]
    fn values_are_shown_as_one_would_write_them() {
        for (kind, text, shown) in [
            (Kind::Time("0s", "30d"), "1500ms", r#""1500ms""#),
            (Kind::Time("0s", "30d"), "604800s", r#""7d""#),
            (Kind::Time("0s", "30d"), "0s", r#""0ms""#),
            (Kind::Size("0", "1GiB"), "65536", r#""64KiB""#),
            (Kind::Count(0, 9), "7", "7"),
            (Kind::Flag, "true", "true"),
            (Kind::Share, "1", "1.0"),
            (Kind::Share, "0.05", "0.05"),
            (Kind::Text, "a\"b\\c", r#""a\"b\\c""#),
        ] {
            assert_eq!(show(kind, &kind.read(&env(text)).unwrap()), shown);
        }
    }
}
