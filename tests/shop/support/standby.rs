//! A PostgreSQL of the test's own with a streaming standby, and the name behind which one of them is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use rustix::process::Signal;
use sea_orm::{ConnectionTrait, Database, Statement};
use tokio::net::{TcpListener, TcpStream};

use super::servers::{Server, free_port, give, is_root, skipped};

/// What makes a throwaway server quick.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 60\n\
    shared_buffers = 16MB\nfsync = off\nfull_page_writes = off\nautovacuum = off\n\
    max_wal_senders = 4\nhot_standby = on\nwal_receiver_status_interval = 1\n";

/// Where `initdb` and its kin are; Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> = versions.filter_map(|it| Some(it.ok()?.path().join("bin"))).collect();
    folders.sort();
    folders.into_iter().rev().find(|folder| folder.join("pg_basebackup").is_file())
}

/// A program of PostgreSQL's, as somebody who is not root: it refuses to run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn done(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    if is_root() {
        give(folder.path(), "postgres");
    }
    (folder, data)
}

fn serve(programs: &Path, data: &Path, folder: tempfile::TempDir) -> Server {
    let port = free_port();
    let mut command = command(&programs.join("postgres"));
    command.arg("-D").arg(data).arg("-p").arg(port.to_string());
    // Its processes end with it, at once.
    Server::start(command, port, folder, Signal::QUIT)
}

/// A primary and the standby that follows it. Blocks.
pub fn pair() -> Option<(Server, Server)> {
    let Some(programs) = programs() else { return skipped("PostgreSQL with pg_basebackup") };
    let (first, data) = folder();
    let mut init = command(&programs.join("initdb"));
    init.arg("--pgdata").arg(&data).args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]);
    init.args(["--locale=C.UTF-8", "--no-sync"]);
    done(init);
    let file = data.join("postgresql.conf");
    fs::write(&file, fs::read_to_string(&file).unwrap() + SETTINGS).unwrap();
    let primary = serve(&programs, &data, first);
    let (second, data) = folder();
    let mut backup = command(&programs.join("pg_basebackup"));
    backup.arg("--pgdata").arg(&data).args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]);
    backup.arg("--dbname").arg(url(&primary, "postgres"));
    done(backup);
    let standby = serve(&programs, &data, second);
    Some((primary, standby))
}

/// A server's database.
pub fn url(server: &Server, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{}/{database}", server.port)
}

/// The first column of a query's first row.
pub async fn ask(server: &Server, query: &str) -> Option<String> {
    let connection = Database::connect(url(server, "postgres")).await.expect("it can be reached");
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let row = connection.query_one_raw(statement).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    let text = row.map(|row| row.try_get_by_index(0).expect("a text"));
    connection.close().await.expect("it can be closed");
    text
}

/// A name behind which now one and now another server is. Connections that there are stay where they lead.
#[derive(Debug)]
pub struct Name {
    pub port: u16,
    behind: Arc<AtomicU16>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Name {
    pub async fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(AtomicU16::new(server.port));
        let to = behind.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = to.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port, behind, accepting }
    }

    pub fn moves_to(&self, server: &Server) {
        self.behind.store(server.port, Ordering::SeqCst);
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
