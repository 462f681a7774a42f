//! Real processes of the binary, as operators run them. None outlives its test.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};
use tempfile::TempDir;

use crate::support::eventually;

/// One process. Killed when it goes out of scope, however the test ends.
pub(super) struct Process {
    child: Child,
    /// Holds what it says: files never fill up as pipes do, and need no reader.
    output: TempDir,
}

/// How a process ended, and what it had said until then.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None` after a signal.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// Checks the exit code.
    pub(super) fn is(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

impl Process {
    /// Starts `hubbub COMMAND` (words without blanks) in a folder, with nothing of ours in its environment but these settings.
    pub(super) fn starts(command: &str, folder: &Path, settings: &[(&str, &str)]) -> Self {
        let output = TempDir::new().unwrap();
        let file = |name: &str| Stdio::from(File::create(output.path().join(name)).unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_hubbub"))
            .args(command.split_whitespace())
            .current_dir(folder)
            .env_clear()
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        Self { child, output }
    }

    /// Runs `hubbub COMMAND` to its end.
    pub(super) async fn runs(command: &str, folder: &Path, settings: &[(&str, &str)]) -> Ended {
        Self::starts(command, folder, settings).ends().await
    }

    /// Waits until it ends by itself.
    pub(super) async fn ends(mut self) -> Ended {
        let child = parking_lot::Mutex::new(&mut self.child);
        let status = eventually("the end of a process", || async { child.lock().try_wait().unwrap() }).await;
        self.ended(status)
    }

    /// SIGTERM, then as [`Process::ends`].
    pub(super) async fn terminates(self) -> Ended {
        // The shell's own `kill`: signals are beyond the standard library.
        let kill = format!("kill -s TERM {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
        self.ends().await
    }

    /// SIGKILL: the process gets no chance to do anything more.
    pub(super) fn dies(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it says that it serves; answers where.
    pub(super) async fn serves(&self) -> SocketAddr {
        self.listens("hubbub listens on http://").await
    }

    /// Waits until it says where the ops port listens, which it does long before it serves.
    pub(super) async fn opens_ops(&self) -> SocketAddr {
        self.listens("ops listens on http://").await
    }

    /// Waits for a line of its log that has these words.
    pub(super) async fn logs(&self, words: &str) {
        eventually(words, || async { self.said("stderr").contains(words).then_some(()) }).await;
    }

    async fn listens(&self, line: &str) -> SocketAddr {
        let stdout = || async {
            let said = self.said("stdout");
            // A last line without its end is not written completely yet.
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().find_map(|said| said.strip_prefix(line)).map(|address| address.parse().unwrap())
        };
        eventually(&format!("{line}…"), stdout).await
    }

    fn said(&self, stream: &str) -> String {
        // Empty if it can't be read: this runs while tests fail, too, and must not panic then.
        std::fs::read_to_string(self.output.path().join(stream)).unwrap_or_default()
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        Ended { code: status.code(), stdout: self.said("stdout"), stderr: self.said("stderr") }
    }
}

impl Drop for Process {
    #[expect(clippy::print_stdout, reason = "the harness shows it with the failure, and only then")]
    fn drop(&mut self) {
        // Both fail if it has ended, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("a hubbub said:\n{}\n{}", self.said("stdout"), self.said("stderr"));
        }
    }
}
