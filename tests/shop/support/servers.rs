//! Servers of a test's own, for what must not be done to those that all tests share: a MariaDB that its operator
//! freezes, a PgBouncer in front of PostgreSQL.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A program that answers on a port of this machine; ends with the test.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub port: u16,
    /// What ends it, and the processes that it started.
    end: Signal,
    // Goes after the process that uses it.
    _folder: TempDir,
}

/// Where a program of the system is, if there is one.
#[allow(clippy::disallowed_methods, reason = "looks for programs as a shell does")]
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// The library that tells a process another time (Debian's package `faketime`), if there is one.
pub fn libfaketime() -> Option<PathBuf> {
    let kinds = fs::read_dir("/usr/lib").ok()?.filter_map(|kind| Some(kind.ok()?.path()));
    let folders = kinds.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/local/lib")]);
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}

pub(super) fn skipped<T>(what: &str) -> Option<T> {
    eprintln!("SKIPPED: there is no {what}");
    None
}

pub(super) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Gives a folder to the user under whom a server runs that refuses to be root.
pub(super) fn give(folder: &Path, user: &str) {
    let done = Command::new("chown").arg("-R").arg(user).arg(folder).status().unwrap();
    assert!(done.success(), "chown {user}");
}

impl Server {
    pub(super) fn start(mut command: Command, port: u16, folder: TempDir, end: Signal) -> Self {
        let log = fs::File::create(folder.path().join("server.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        let log = || fs::read_to_string(folder.path().join("server.log")).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "it ended:\n{}", log());
            assert!(Instant::now() < deadline, "it does not answer:\n{}", log());
            std::thread::park_timeout(Duration::from_millis(50));
        }
        Self { child, port, end, _folder: folder }
    }

    /// A MariaDB without tables of its users; `root` has no password. Blocks.
    pub fn mariadb() -> Option<Self> {
        let (Some(server), Some(install)) = (program("mariadbd"), program("mariadb-install-db")) else {
            return skipped("MariaDB");
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let mut user = Vec::new();
        if is_root() {
            give(folder.path(), "mysql");
            user.push("--user=mysql");
        }
        let installed = Command::new(install)
            .arg("--no-defaults")
            .args(&user)
            .arg(format!("--datadir={}", data.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .output()
            .unwrap();
        assert!(installed.status.success(), "{installed:?}");
        let port = free_port();
        let mut command = Command::new(server);
        command.arg("--no-defaults").args(&user).arg(format!("--datadir={}", data.display()));
        command.arg(format!("--socket={}", folder.path().join("socket").display()));
        command.args(["--bind-address=127.0.0.1", &format!("--port={port}"), "--skip-log-bin"]);
        command.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"]);
        command.arg("--performance-schema=OFF");
        Some(Self::start(command, port, folder, Signal::KILL))
    }

    /// A PgBouncer in front of a PostgreSQL server on this machine, with such a `pool_mode`. Blocks.
    pub fn pgbouncer(postgres: &str, pool_mode: &str) -> Option<Self> {
        let Some(server) = program("pgbouncer") else { return skipped("PgBouncer") };
        let behind = postgres.rsplit_once(':').unwrap().1;
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = |name: &str| folder.path().join(name);
        fs::write(file("users.txt"), "\"postgres\" \"\"\n").unwrap();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={behind}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {pool_mode}\n\
             ignore_startup_parameters = extra_float_digits\n",
            file("users.txt").display()
        );
        fs::write(file("pgbouncer.ini"), settings).unwrap();
        let mut command = Command::new(server);
        if is_root() {
            give(folder.path(), "postgres");
            command.args(["--user", "postgres"]);
        }
        command.arg(file("pgbouncer.ini"));
        Some(Self::start(command, port, folder, Signal::KILL))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), self.end);
        let _ = self.child.wait();
    }
}

pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
