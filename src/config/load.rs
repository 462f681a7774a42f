//! Defaults <- file <- environment, with every fault of each.

use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};
use toml::Value;

use super::{
    Config, Faults, Source, check,
    schema::{self, KEYS, Key, PREFIX, Secrecy},
    suggest,
    value::{self, Raw},
};

/// The defaults, and the manual of all keys.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The value of every key and where it came from.
#[derive(Clone, Default)]
pub(super) struct Settings(BTreeMap<&'static str, (Value, Source)>);

/// Values may be secrets: only the keys are shown.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Settings {
    pub(super) fn get(&self, path: &str) -> Option<&(Value, Source)> {
        self.0.get(path)
    }

    /// Where the value of a key came from.
    pub(super) fn source(&self, path: &str) -> Source {
        self.0.get(path).map_or(Source::Default, |(_, source)| source.clone())
    }

    pub(super) fn set(&mut self, key: &'static Key, value: Value, source: Source) {
        self.0.insert(key.path, (value, source));
    }

    fn read(&mut self, key: &'static Key, raw: &Raw, source: Source, faults: &mut Faults) {
        match key.kind.read(raw) {
            Ok(value) => self.set(key, value, source),
            Err(right) => faults.add(source, key.path, wrong(key, raw), right),
        }
    }

    fn read_table(&mut self, table: &toml::Table, above: &str, source: &Source, faults: &mut Faults) {
        for (name, value) in table {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            match (schema::find(&path), value) {
                (Some(key), value) => self.read(key, &Raw::Toml(value.clone()), source.clone(), faults),
                (None, Value::Table(below)) if schema::is_section(&path) => self.read_table(below, &path, source, faults),
                (None, _) if schema::is_section(&path) => {
                    faults.add(
                        source.clone(),
                        &path,
                        "this is a section, not a value",
                        format!("expected [{path}] with keys below it"),
                    );
                }
                (None, _) => faults.add(source.clone(), &path, "there is no such key", did_you_mean(&path)),
            }
        }
    }

    fn read_environment(&mut self, variables: &BTreeMap<String, String>, faults: &mut Faults) {
        // The well-known names first, so that the precise ones win. Empty counts as not set for the former: that is
        // what `REDIS_URL=${REDIS_URL:-}` in a compose file means.
        for key in KEYS {
            if let Some((name, text)) =
                key.variable.and_then(|name| variables.get_key_value(name)).filter(|(_, text)| !text.trim().is_empty())
            {
                self.read(key, &Raw::Environment(text.clone()), Source::Environment(name.clone()), faults);
            }
        }
        for (name, text) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            let source = Source::Environment(name.clone());
            match KEYS.iter().find(|key| key.long_variable() == *name) {
                Some(key) => self.read(key, &Raw::Environment(text.clone()), source, faults),
                None => {
                    let path = name.trim_start_matches(PREFIX).replace("__", ".").to_lowercase();
                    let right = closest(&path).map_or_else(no_suggestion, |key| format!("did you mean {}?", key.long_variable()));
                    faults.add(source, &path, "there is no such key", right);
                }
            }
        }
    }

    /// The nested form that the sections deserialize from.
    fn nested(&self) -> toml::Table {
        let mut root = toml::Table::new();
        for (path, (value, _)) in &self.0 {
            insert(&mut root, path, value.clone());
        }
        root
    }
}

fn insert(table: &mut toml::Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((section, rest)) => {
            let below = table.entry(section).or_insert_with(|| Value::Table(toml::Table::new()));
            if let Value::Table(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

/// See [`Config::load`]; `signs`: tokens are signed and read with it.
pub(super) fn load(file: Option<&Path>, variables: BTreeMap<String, String>, signs: bool) -> Result<Config, Faults> {
    let (mut settings, mut faults) = (Settings::default(), Faults::default());
    match DEFAULTS.parse::<toml::Table>() {
        Ok(table) => settings.read_table(&table, "", &Source::Default, &mut faults),
        Err(error) => faults.add(Source::Default, "", error.to_string(), "this is a defect of hubbub"),
    }
    if let Some(path) = file {
        let source = Source::File(path.display().to_string());
        match std::fs::read_to_string(path) {
            Err(error) => faults.add(source, "", format!("cannot be read: {error}"), "expected a TOML file"),
            Ok(text) => match text.parse::<toml::Table>() {
                Err(error) => faults.add(source, "", place(&text, &error), "expected TOML, as in config/default.toml"),
                Ok(table) => settings.read_table(&table, "", &source, &mut faults),
            },
        }
    }
    settings.read_environment(&variables, &mut faults);
    check::derive(&mut settings);
    // What could not be read kept its default, so that the combinations can be judged in the same go.
    match Config::deserialize(settings.nested()) {
        Ok(mut config) => {
            check::check(&config, &settings, &mut faults, signs);
            config.settings = settings;
            if faults.0.is_empty() { Ok(config) } else { Err(faults) }
        }
        Err(error) => {
            faults.add(Source::Default, "", error.message(), "this is a defect of hubbub");
            Err(faults)
        }
    }
}

/// Where in a file the syntax is wrong. Not the error's own text, which quotes the line: a secret may stand there.
fn place(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1));
    format!("line {line} is not TOML: {}", error.message())
}

fn wrong(key: &Key, raw: &Raw) -> String {
    let shown = match raw {
        _ if key.secrecy != Secrecy::Public => return "the value is not of the right type".to_owned(),
        Raw::Environment(text) | Raw::Toml(Value::String(text)) => value::quote(text),
        Raw::Toml(Value::Integer(number)) => number.to_string(),
        Raw::Toml(Value::Boolean(flag)) => flag.to_string(),
        Raw::Toml(other) => format!("a TOML {}", other.type_str()),
    };
    format!("{shown} is not acceptable")
}

fn closest(path: &str) -> Option<&'static Key> {
    suggest::closest(path, KEYS.iter().map(|key| key.path)).and_then(schema::find)
}

fn did_you_mean(path: &str) -> String {
    closest(path).map_or_else(no_suggestion, |key| format!("did you mean {}?", key.path))
}

fn no_suggestion() -> String {
    "config/default.toml lists all keys".to_owned()
}
