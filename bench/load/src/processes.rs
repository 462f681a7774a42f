//! The same run, divided among processes of this program: each step begins in all of them together, and what they found is added up.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write, stdin},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Sender, channel},
    thread,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{outcome::Outcome, say};

struct Part {
    child: Child,
    orders: ChildStdin,
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it has ended already there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts this program `count` times with its own arguments, and says what one process would say. They wait after the step `gated`; with
/// `gate` it waits for a line of input itself before it lets them go on.
pub(crate) fn run(count: usize, gate: bool, gated: &str) -> Result<()> {
    let (says, lines) = channel();
    let mut parts = (0..count).map(|index| start(index, count, says.clone())).collect::<Result<Vec<_>>>()?;
    drop(says);
    let mut heard: HashMap<String, (usize, Value)> = HashMap::new();
    let (mut whole, mut done) = (Outcome::default(), 0);
    while done < count {
        let line: Value = lines.recv().context("a process ended before its result")??;
        let event = line["event"].as_str().unwrap_or_default().to_owned();
        if event == "part" {
            whole.merge(serde_json::from_value(line["outcome"].clone())?);
            done += 1;
            continue;
        }
        let (times, sum) = heard.entry(event.clone()).or_insert_with(|| (0, Value::Null));
        *times += 1;
        add(sum, line);
        if *times < count {
            continue;
        }
        if let Some((_, said)) = heard.remove(&event) {
            say::line(&said)?;
        }
        if event == gated {
            if gate {
                stdin().read_line(&mut String::new())?;
            }
            for part in &mut parts {
                part.orders.write_all(b"go\n")?;
            }
        }
    }
    say::line(&whole.told())
}

fn start(index: usize, count: usize, says: Sender<Result<Value>>) -> Result<Part> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--share", &format!("{index}/{count}")]).args(env::args_os().skip(1));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(orders), Some(output)) = (child.stdin.take(), child.stdout.take()) else { bail!("no pipes") };
    thread::spawn(move || {
        let mut last = false;
        for line in BufReader::new(output).lines() {
            let line = line.map_err(Into::into).and_then(|text| serde_json::from_str::<Value>(&text).map_err(Into::into));
            last = line.as_ref().is_ok_and(|line| line["event"] == "part");
            // Nobody listens any more when another process has failed.
            let _ = says.send(line);
        }
        if !last {
            let _ = says.send(Err(anyhow::anyhow!("process {index} of {count} ended before its result")));
        }
    });
    Ok(Part { child, orders })
}

/// Adds the numbers of a line to those of the same line of other processes. Latencies cannot be added: the worst are told.
fn add(sum: &mut Value, line: Value) {
    match (sum, line) {
        (Value::Object(sum), Value::Object(line)) => {
            for (key, value) in line {
                let sum = sum.entry(key).or_insert(Value::Null);
                match (sum.as_u64(), value.as_u64()) {
                    (Some(one), Some(other)) => *sum = (one + other).into(),
                    _ => add(sum, value),
                }
            }
        }
        (sum, line) => {
            if sum.is_null() || sum.as_f64() < line.as_f64() {
                *sum = line;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_of_several_processes_become_one() {
        let mut sum = Value::Null;
        for (acked, p99) in [(1, 2.5), (2, 7.5), (3, 1.0)] {
            add(&mut sum, json!({ "event": "progress", "acked": acked, "deliver_ms": { "count": acked, "p99": p99 } }));
        }
        assert_eq!(sum, json!({ "event": "progress", "acked": 6, "deliver_ms": { "count": 6, "p99": 7.5 } }));
    }
}
