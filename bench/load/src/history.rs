//! Pages of conversations, the newest first.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;

use crate::{
    closed::{Asks, Loop},
    http::{Answer, Server, request},
    outcome::Outcome,
    people,
    run::Run,
};

/// Read conversations: of each of the people, `{"id", "token", "other"}`, the one with `other`. Says `ready`, `begin`, `end`.
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    asked: Loop,
    /// Messages of a page; 0 leaves it to the server
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Older pages that are read after the newest, as the answers link them
    #[arg(long, default_value_t = 0)]
    back: usize,
}

#[derive(Debug, Deserialize)]
struct Reader {
    token: String,
    other: String,
}

/// What a connection reads.
#[derive(Debug, Clone, Default)]
struct Place {
    reader: usize,
    /// The page that is next, and how many were read; none: the newest one.
    next: Option<String>,
    pages: usize,
}

struct Pages<'a> {
    settings: &'a History,
    readers: Vec<Reader>,
    places: Vec<Place>,
    begun: usize,
}

impl History {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        let readers = people::read(&run.people)?;
        self.asked.run(run, "history", Pages { settings: self, readers, places: Vec::new(), begun: run.share.index })
    }
}

impl Asks for Pages<'_> {
    fn asks(&mut self, connection: usize, server: &Server, into: &mut Vec<u8>) {
        if connection >= self.places.len() {
            self.places.resize(connection + 1, Place::default());
        }
        let place = &mut self.places[connection];
        let path = place.next.take().filter(|_| place.pages <= self.settings.back).unwrap_or_else(|| {
            *place = Place { reader: self.begun % self.readers.len(), next: None, pages: 0 };
            self.begun += 1;
            let limit = if self.settings.limit > 0 { format!("?limit={}", self.settings.limit) } else { String::new() };
            format!("/api/messages/{}{limit}", self.readers[place.reader].other)
        });
        request(into, server, &path, Some(&self.readers[place.reader].token), None);
    }

    fn answered(&mut self, connection: usize, answer: &Answer<'_>) -> bool {
        let place = &mut self.places[connection];
        place.pages += 1;
        place.next = answer.next_page().map(str::to_owned);
        answer.status == 200 && answer.body.starts_with(b"[{")
    }
}
