//! One redis-server, killed on drop and, whatever happens, with the tests.

use parking_lot::Mutex;
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    time::Duration,
};
use tempfile::TempDir;

/// See the module.
pub(super) struct Server {
    pub(super) port: u16,
    arguments: Vec<String>,
    sentinel: bool,
    folder: TempDir,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Nothing answers yet.
    pub(super) fn new(port: u16, options: &str) -> Self {
        let mut arguments = words(&format!("--port {port} --enable-debug-command yes --appendonly no {options}"));
        arguments.extend(["--save".to_owned(), String::new()]);
        Self::with(port, arguments, false)
    }

    /// One that watches the others, configured by a file that it writes to.
    pub(super) fn sentinel(port: u16, file: &Path) -> Self {
        Self::with(port, words(&format!("{} --sentinel --port {port}", file.display())), true)
    }

    fn with(port: u16, arguments: Vec<String>, sentinel: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { port, arguments, sentinel, folder, process: Mutex::default() }
    }

    /// Starts it, empty, or starts it anew. False if it did not come up: somebody else may have taken the port.
    pub(super) fn start(&self) -> bool {
        self.kill();
        // A replica keeps what it was sent, and would find it again.
        drop(fs::remove_file(self.folder.path().join("dump.rdb")));
        self.start_with_what_it_saved()
    }

    pub(super) fn start_with_what_it_saved(&self) -> bool {
        self.kill();
        #[expect(clippy::disallowed_methods, reason = "which server the tests run on is no setting of the product")]
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig=KILL", &program])
            .args(&self.arguments)
            .args(["--bind", "127.0.0.1", "--dir", &self.folder.path().to_string_lossy()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = spawn(command)
            .expect("these tests need setpriv and redis-server 7.0 or later in the PATH (Debian: apt-get install redis-server)");
        let output = process.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let ready = |line: String| line.contains("Ready to accept connections") || line.contains("+monitor master");
        let up = lines.by_ref().map_while(Result::ok).any(ready);
        // Keeps the pipe open without a reader: the server says too little to fill it.
        std::mem::forget(lines);
        *self.process.lock() = Some(process);
        up
    }

    pub(super) fn kill(&self) {
        if let Some(mut process) = self.process.lock().take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.process.lock().is_some()
    }

    /// Sends the process a signal by its name, such as STOP and CONT.
    pub(super) fn signal(&self, name: &str) {
        let pid = self.process.lock().as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Sends one command and returns the raw answer.
    pub(super) fn run(&self, command: &str) -> String {
        self.ask(command).unwrap_or_else(|cause| panic!("{command}: {cause}"))
    }

    fn ask(&self, command: &str) -> io::Result<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        // Either makes the server close, so that the answer has an end; a Sentinel knows no QUIT.
        write!(socket, "{command}\r\n{}", if self.sentinel { "" } else { "QUIT\r\n" })?;
        if self.sentinel {
            socket.shutdown(Shutdown::Write)?;
        }
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Below the range from which Linux takes the ports of outgoing connections: one of those could come in between.
pub(super) fn free_port() -> u16 {
    loop {
        let port = rand::random_range(10_000..30_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts a process that the kernel kills when the thread that started it ends: one that ends with the tests only.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static ORDERS: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                answer.send(command.spawn()).expect("somebody waits for it");
            }
        });
        Mutex::new(sender)
    });
    let (sender, answer) = mpsc::channel();
    ORDERS.lock().send((command, sender)).expect("the thread never ends");
    answer.recv().expect("the thread never ends")
}
