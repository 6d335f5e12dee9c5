//! One process of the real binary.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a process may take to get ready, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process was told at its start.
#[derive(Debug, Clone, Default)]
pub struct Start {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

impl Start {
    /// A command, by its words.
    pub fn of(words: &str) -> Self {
        Self { args: words.split_whitespace().map(str::to_owned).collect(), env: Vec::new() }
    }

    #[must_use]
    pub fn arg(mut self, flag: &str, value: &str) -> Self {
        self.args.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, with none of the caller's own environment but the path.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feira"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RUST_BACKTRACE", "1");
        command.args(&self.args).envs(self.env.iter().cloned()).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, folder: &Path) -> Ended {
        let process = Process::start(self, folder);
        let status = process.ended().expect("the command ends");
        Ended { code: status.code(), stdout: process.stdout(), stderr: process.stderr() }
    }
}

/// Serves everything on ports of its own, on a data folder.
pub fn serve(data: &Path) -> Start {
    Start::of("serve --rest-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0")
        .env("FEIRA_DATA_DIR", data.to_str().unwrap())
        .env("FEIRA_PASSWORD_MEMORY_KIB", "8")
        .env("FEIRA_PASSWORD_ITERATIONS", "1")
        .env("FEIRA_ALLOW_SIMULATED_PAYMENTS", "true")
        .env("FEIRA_LOG_FORMAT", "text")
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// None where a signal killed it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running process, or what is known of it afterwards.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    ready: Mutex<mpsc::Receiver<Value>>,
    end: Mutex<mpsc::Receiver<ExitStatus>>,
    status: Mutex<Option<ExitStatus>>,
    asked_to_stop: AtomicBool,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Process {
    pub fn start(start: &Start, folder: &Path) -> Self {
        let mut child = start.command(folder).spawn().expect("the binary starts");
        let stderr = child.stderr.take();
        Self::of(child, stderr)
    }

    /// Starts one whose standard error nobody reads, but who is given it.
    pub fn start_unread(start: &Start, folder: &Path) -> (Self, ChildStderr) {
        let mut child = start.command(folder).spawn().expect("the binary starts");
        let unread = child.stderr.take().expect("a pipe");
        (Self::of(child, None), unread)
    }

    fn of(mut child: Child, err: Option<ChildStderr>) -> Self {
        let pid = Pid::from_child(&child);
        let (stdout, stderr) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<String>>::default());
        let (tell_ready, ready) = mpsc::channel();
        let (tell_end, end) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        let kept = stdout.clone();
        let reader = thread::spawn(move || {
            read(out, &kept, |line| {
                if let Some(ready) =
                    serde_json::from_str(line).ok().filter(|line: &Value| line["ready"].is_object())
                {
                    let _ = tell_ready.send(ready);
                }
            });
        });
        let kept = stderr.clone();
        let errors = thread::spawn(move || {
            if let Some(err) = err {
                read(err, &kept, |_| {});
            }
        });
        thread::spawn(move || tell_end.send(wait(child, [reader, errors])));
        Self {
            pid,
            ready: Mutex::new(ready),
            end: Mutex::new(end),
            status: Mutex::new(None),
            asked_to_stop: AtomicBool::new(false),
            stdout,
            stderr,
        }
    }

    /// Waits for the ready line; its `rest` and `grpc`, empty where there is none.
    pub fn ready(&self) -> (String, String) {
        let line = self.ready.lock().unwrap().recv_timeout(PATIENCE).unwrap_or_else(|problem| {
            panic!("no ready line ({problem}):\n{}\n{}", self.stdout(), self.stderr());
        });
        let text = |key: &str| line["ready"][key].as_str().unwrap_or_default().to_owned();
        (text("rest"), text("grpc"))
    }

    /// Where operators read it; empty, where they cannot. To be asked once it is ready.
    pub fn admin(&self) -> String {
        let lines = self.stdout();
        let line: Option<Value> = lines.lines().find_map(|line| serde_json::from_str(line).ok());
        line.and_then(|line| Some(line["ready"]["admin"].as_str()?.to_owned())).unwrap_or_default()
    }

    pub fn signal(&self, signal: Signal) {
        if self.status.lock().unwrap().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Waits for its end; `None` where it does not come.
    pub fn ended(&self) -> Option<ExitStatus> {
        let mut status = self.status.lock().unwrap();
        if status.is_none() {
            *status = self.end.lock().unwrap().recv_timeout(PATIENCE).ok();
        }
        *status
    }

    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        let mut status = self.status.lock().unwrap();
        if status.is_none() {
            *status = self.end.lock().unwrap().try_recv().ok();
        }
        status.is_none()
    }

    /// Asks it to end.
    pub fn ask_to_stop(&self) {
        // A second SIGTERM may mean haste.
        if !self.asked_to_stop.swap(true, Ordering::Relaxed) {
            self.signal(Signal::TERM);
        }
    }

    /// Asks it to end, and waits: it must end well, and must not have said that anything went wrong inside.
    pub fn stop(&self) {
        self.ask_to_stop();
        let Some(status) = self.ended() else {
            self.kill();
            panic!("does not end after SIGTERM:\n{}", self.stderr());
        };
        assert_eq!(status.code(), Some(0), "how it ended: {status}:\n{}", self.stderr());
        self.check();
    }

    /// Kills it as a power cut would.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        self.ended();
    }

    /// Nothing panicked in it and nothing went wrong that is its own fault.
    pub fn check(&self) {
        let stderr = self.stderr();
        for word in ["panicked at", "internal error"] {
            assert!(!stderr.contains(word), "the log has {word:?}:\n{stderr}");
        }
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Bytes of memory that it has taken at most (Linux).
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()));
        let status = status.expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let stderr = self.stderr();
            let lines = stderr.lines().rev().take(40).collect::<Vec<_>>();
            let lines = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
            eprintln!("---- the end of the process's log ----\n{lines}\n----");
            self.kill();
        } else if self.runs() {
            self.stop();
        }
    }
}

fn wait(mut child: Child, readers: [thread::JoinHandle<()>; 2]) -> ExitStatus {
    let status = child.wait().expect("the process can be waited for");
    for reader in readers {
        let _ = reader.join();
    }
    status
}

fn read(stream: impl std::io::Read, into: &Mutex<String>, mut look: impl FnMut(&str)) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        {
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
        // Whoever is woken by it finds it there.
        look(&line);
    }
}
