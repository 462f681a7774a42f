//! What is wrong with a configuration: all of it at once, so that nobody has to start ten times to find ten mistakes.

use std::fmt;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Default,
    /// The path of a configuration file.
    File(String),
    /// The name of an environment variable.
    Environment(String),
    /// Follows from another value; says from which.
    Derived(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => f.write_str(path),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Derived(from) => f.write_str(from),
        }
    }
}

/// One mistake. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub source: Source,
    /// `section.key`, or as much of it as was understood; empty when a whole source is unreadable.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, key, wrong, right } = self;
        match key.as_str() {
            "" => write!(f, "{source}: {wrong}; {right}"),
            key => write!(f, "{key} ({source}): {wrong}; {right}"),
        }
    }
}

/// Every mistake of a configuration; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, source: Source, key: &str, wrong: impl Into<String>, right: impl Into<String>) {
        self.0.push(Fault { source, key: key.to_owned(), wrong: wrong.into(), right: right.into() });
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault{}:", self.0.len(), if self.0.len() == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}
