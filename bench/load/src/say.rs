//! Lines of JSON: what the tool says on its output of how far it is, and the orders that it is given on its input.

use std::{
    io::{self, BufRead, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use mio::Waker;
use serde_json::{Value, json};

/// A line on the output, at once.
pub(crate) fn line(value: &Value) -> Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{value}")?;
    Ok(output.flush()?)
}

pub(crate) fn event(name: &str) -> Result<()> {
    line(&json!({ "event": name }))
}

/// Lets a run wait for a line of input before what is measured, so that several processes begin together.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    lines: Option<Arc<AtomicUsize>>,
    passed: usize,
}

impl Gate {
    /// Without `gated` it is always open. With `obedient` the process ends with its input: nobody is left who gives orders.
    pub(crate) fn new(gated: bool, obedient: bool, waker: Arc<Waker>) -> Self {
        let lines = gated.then(|| {
            let lines = Arc::new(AtomicUsize::new(0));
            let count = lines.clone();
            std::thread::spawn(move || {
                for _ in io::stdin().lock().lines().map_while(Result::ok) {
                    count.fetch_add(1, Ordering::Release);
                    // That it cannot be woken means that it has ended.
                    let _ = waker.wake();
                }
                if obedient {
                    std::process::exit(1);
                }
            });
            lines
        });
        Self { lines, passed: 0 }
    }

    /// Whether the line has come for which the run waits now.
    pub(crate) fn passes(&mut self) -> bool {
        let open = self.lines.as_ref().is_none_or(|lines| lines.load(Ordering::Acquire) > self.passed);
        self.passed += usize::from(open);
        open
    }
}

/// CPU time of this process so far, in seconds; 0 where the kernel does not tell.
pub(crate) fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<u64>().ok());
    nanoseconds.unwrap_or(0) as f64 / 1e9
}
