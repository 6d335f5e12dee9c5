//! Output: notes for people on standard error, results for scripts on standard output.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write, stderr, stdout},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::Path,
    thread,
    time::Duration,
};

use kit::telemetry::{Format, say, written};
use serde_json::json;

use crate::error::Error;

/// How long the ready line waits for the banner.
const BANNER: Duration = Duration::from_secs(1);

/// Standard output. Who stops reading (`| head`) has read enough, and that is no failure; all else is, as on a full
/// disk.
pub fn print(text: &str) -> Result<(), Error> {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|error| Error::other(format!("cannot write to standard output: {error}"))),
    }
}

/// A password that nobody else knows, alone in a line on standard output. Fails unless somebody can read it there:
/// where standard output is closed, Rust opens `/dev/null` in its place.
pub fn print_password(password: &str) -> io::Result<()> {
    let out = File::from(stdout().as_fd().try_clone_to_owned()?);
    let kind = out.metadata()?;
    let nowhere = fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == kind.rdev());
    if kind.file_type().is_char_device() && nowhere {
        return Err(io::Error::other("it is closed or /dev/null"));
    }
    (&out).write_all(format!("{password}\n").as_bytes())?;
    // Some disks turn out to be full only now.
    if kind.is_file() { out.sync_all() } else { Ok(()) }
}

/// Standard error, for people.
pub fn note(text: &str) {
    say(text);
}

/// Why the program ends, in one line.
pub fn complain(error: &Error) {
    let line = error.to_string().replace('\n', " ");
    say(&format!("feira: {line}\n"));
}

/// Shows the first administrator's password on standard error; fails where that cannot be written to.
pub fn show_password(format: Format, password: &str) -> io::Result<()> {
    let text = match format {
        Format::Text => format!(
            "\n  The first administrator is \"admin\" with the password \"{password}\".\n  It is shown this once and kept nowhere: write it down. Change it once you have signed in;\n  `feira admin reset-password` makes another.\n"
        ),
        Format::Json => {
            let record = json!({
                "level": "INFO",
                "message": "administrator.made",
                "username": user::USERNAME,
                "admin_password_shown_once": password,
            });
            format!("{record}\n")
        }
    };
    stderr().write_all(text.as_bytes())
}

/// A process that serves, as it is shown to the world.
pub struct Ready<'a> {
    pub rest: Option<SocketAddr>,
    pub grpc: Option<SocketAddr>,
    /// What operators read.
    pub admin: Option<SocketAddr>,
    /// Whether REST is by TLS, and gRPC.
    pub tls: bool,
    pub grpc_tls: bool,
    /// Where the world reaches the REST interface and the pages, if that is said.
    pub public: Option<&'a str>,
    /// Whether the shop's pages are served.
    pub web: bool,
    /// Where databases are embedded.
    pub data_dir: Option<&'a Path>,
    /// The first administrator's password, where it was generated just now.
    pub admin_password: Option<&'a str>,
}

impl Ready<'_> {
    /// Tells people on standard error and scripts on standard output.
    pub fn announce(&self, format: Format) {
        let banner = match format {
            Format::Text => self.banner(),
            Format::Json => self.record(),
        };
        say(&banner);
        let line = self.line();
        // Whoever does not read what it says must not keep it from serving, nor from ending: so the line is
        // written by a thread that nobody waits for, after the banner where that can be read.
        thread::spawn(move || {
            written(BANNER);
            // Nobody may be listening, which is no reason to stop.
            let _ = print(&line);
        });
    }

    /// The line that scripts wait for.
    fn line(&self) -> String {
        let admin = self.admin.map(|address| url_of(address, false));
        let ports = [("rest", self.rest_url()), ("grpc", self.grpc_url()), ("admin", admin)];
        let ports = ports.into_iter().filter_map(|(name, port)| Some(format!("\"{name}\":\"{}\"", port?)));
        format!("{{\"ready\":{{{}}}}}\n", ports.collect::<Vec<_>>().join(","))
    }

    fn rest_url(&self) -> Option<String> {
        self.rest.map(|address| url_of(address, self.tls))
    }

    fn grpc_url(&self) -> Option<String> {
        self.grpc.map(|address| url_of(address, self.grpc_tls))
    }

    fn banner(&self) -> String {
        let mut text = format!("\n  Feira {}\n\n", crate::version::VERSION);
        if let Some(public) = self.public.filter(|_| self.rest.is_some()) {
            let _ = writeln!(text, "  public {public}");
        }
        if let Some(rest) = self.rest_url().filter(|_| self.web) {
            let _ = writeln!(text, "  shop   {rest}/");
            let _ = writeln!(text, "  staff  {rest}/staff  (for administrators and staff)");
        }
        if let Some(rest) = self.rest_url() {
            let _ = writeln!(text, "  REST   {rest}  (described at {rest}/docs)");
        }
        if let Some(grpc) = self.grpc_url() {
            let _ = writeln!(text, "  gRPC   {grpc}");
        }
        if let Some(admin) = self.admin {
            let _ = writeln!(text, "  admin  {}/metrics", url_of(admin, false));
        }
        if let Some(folder) = self.data_dir {
            let _ = writeln!(text, "  data   {}", folder.display());
        }
        text.push('\n');
        // Without a port for gRPC it is the edge of others' services, of which nobody here knows what to try.
        if let Some(rest) = self.rest_url().filter(|_| self.grpc.is_some()) {
            let _ = match self.admin_password {
                Some(password) => writeln!(
                    text,
                    "  Try:   curl -s {rest}/v1/auth:signIn -H 'content-type: application/json' -d '{{\"login\":\"admin\",\"password\":\"{password}\"}}'\n"
                ),
                None => writeln!(text, "  Try:   curl -s {rest}/v1/articles\n"),
            };
        }
        text
    }

    /// The banner where a machine reads the log.
    fn record(&self) -> String {
        let record = json!({
            "level": "INFO",
            "message": "process.ready",
            "version": crate::version::VERSION,
            "rest": self.rest_url(),
            "grpc": self.grpc_url(),
            "admin": self.admin.map(|address| url_of(address, false)),
            "public": self.public.filter(|_| self.rest.is_some()),
            "shop": self.rest_url().filter(|_| self.web).map(|rest| format!("{rest}/")),
            "staff": self.rest_url().filter(|_| self.web).map(|rest| format!("{rest}/staff")),
            "data_dir": self.data_dir.map(|folder| folder.display().to_string()),
        });
        format!("{record}\n")
    }
}

/// A port as it is reached from this machine, by TLS or without.
pub fn url_of(address: SocketAddr, tls: bool) -> String {
    let url = url(address);
    if tls { url.replacen("http:", "https:", 1) } else { url }
}

/// A port as it is reached from this machine.
pub fn url(mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_open_ports_only() {
        let ready = Ready {
            rest: None,
            grpc: "0.0.0.0:5".parse().ok(),
            admin: None,
            tls: false,
            grpc_tls: false,
            public: Some("https://shop.example/"),
            web: true,
            data_dir: None,
            admin_password: None,
        };
        assert_eq!(ready.line(), "{\"ready\":{\"grpc\":\"http://127.0.0.1:5\"}}\n");
        let ready = Ready { rest: "127.0.0.1:8080".parse().ok(), grpc: "[::1]:5".parse().ok(), ..ready };
        assert_eq!(
            ready.line(),
            "{\"ready\":{\"rest\":\"http://127.0.0.1:8080\",\"grpc\":\"http://[::1]:5\"}}\n"
        );
        let with_admin = Ready { rest: None, admin: "127.0.0.1:9090".parse().ok(), ..ready };
        assert!(with_admin.line().ends_with("\"admin\":\"http://127.0.0.1:9090\"}}\n"));
        let ready = Ready { rest: "127.0.0.1:8080".parse().ok(), admin: None, ..with_admin };
        let by_tls = Ready { tls: true, ..ready };
        assert!(by_tls.line().contains("\"rest\":\"https://127.0.0.1:8080\""));
        let ready = Ready { tls: false, ..by_tls };
        assert!(!ready.banner().contains("password"));
        assert!(ready.banner().contains("https://shop.example/"));
        assert!(ready.banner().contains("http://127.0.0.1:8080/staff"));
        assert!(!Ready { web: false, ..ready }.banner().contains("/staff"));
    }
}
