//! A redis-server of one's own, killed on drop.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::config;

pub(super) struct Server {
    process: Option<Child>,
    port: u16,
}

impl Server {
    pub(super) fn start() -> Self {
        for _ in 0..20 {
            let mut server = Self::absent();
            if server.restart() {
                return server;
            }
            // Somebody else took the port in between.
        }
        panic!("no free port for redis-server")
    }

    /// An address at which nothing answers yet.
    pub(super) fn absent() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        Self { process: None, port }
    }

    /// Starts the server, empty, at the same address. False if it did not come up.
    pub(super) fn restart(&mut self) -> bool {
        self.kill();
        let mut process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes", "--dir", &std::env::temp_dir().to_string_lossy()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need redis-server 6.2 or later in the PATH (Debian: apt-get install redis-server)");
        let output = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let up = lines.by_ref().map_while(Result::ok).any(|line| line.contains("Ready to accept connections"));
        // Keeps the pipe open without a reader: the server says too little to fill it.
        std::mem::forget(lines);
        self.process = Some(process);
        up
    }

    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// Sends one command and returns the raw answer, as far as it arrives at once.
    pub(super) fn run(&self, command: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).expect("redis-server answers");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        // QUIT makes the server close, so that the answer has an end.
        write!(socket, "{command}\r\nQUIT\r\n").expect("it can be sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(!answer.starts_with('-'), "{command}: {answer}");
        answer
    }

    pub(super) fn config(&self) -> config::Redis {
        config::Redis {
            url: format!("redis://127.0.0.1:{}", self.port),
            prefix: "test:".to_owned(),
            connections: 2,
            timeout: Duration::from_secs(2),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
