//! Log-ins: what they cost is the hash of the password.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::json;

use crate::{
    closed::{Asks, Loop},
    http::{Answer, Server, request},
    outcome::Outcome,
    people,
    run::Run,
};

/// Log in, as people of whom `{"email", "password"}` is known. Says `ready`, `begin`, `end`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    asked: Loop,
}

#[derive(Debug, Deserialize)]
struct Account {
    email: String,
    password: String,
}

struct Accounts {
    accounts: Vec<Account>,
    next: usize,
}

impl Login {
    pub(crate) fn run(&self, run: &Run) -> Result<Outcome> {
        let accounts = people::read(&run.people)?;
        self.asked.run(run, "login", Accounts { accounts, next: 0 })
    }
}

impl Asks for Accounts {
    fn asks(&mut self, _connection: usize, server: &Server, into: &mut Vec<u8>) {
        let Account { email, password } = &self.accounts[self.next % self.accounts.len()];
        self.next += 1;
        let body = json!({ "email": email, "password": password }).to_string();
        request(into, server, "/api/auth/login", None, Some(&body));
    }

    fn answered(&mut self, _connection: usize, answer: &Answer<'_>) -> bool {
        answer.status == 200 && answer.header("set-cookie").is_some()
    }
}
