//! What can be set: each is a flag, an environment variable and a key of the configuration file.

mod by_role;
mod check;
mod databases;
mod secrets;
mod urls;

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use kit::{Role, limits::RateLimits, payment_types::PaymentTypesOptions, telemetry::LogOptions};

pub use self::{
    databases::Databases,
    secrets::{KeyFileSetting, MeshFiles, Secrets, SharedSecret},
    urls::{Urls, role_url},
};

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "FEIRA_CONFIG";

/// How long connections are waited for.
const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// How often a process may say that it runs.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

/// Everything that `serve` can be told.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Settings {
    #[command(flatten, next_help_heading = "Process")]
    pub process: Process,
    #[command(flatten, next_help_heading = "Databases")]
    pub databases: Databases,
    #[command(flatten, next_help_heading = "Roles that run elsewhere")]
    pub urls: Urls,
    #[command(flatten, next_help_heading = "Secrets")]
    pub secrets: Secrets,
    #[command(flatten, next_help_heading = "Logs")]
    pub log: LogOptions,
    #[command(flatten, next_help_heading = "User service")]
    pub user: user::Options,
    #[command(flatten, next_help_heading = "Article service")]
    pub article: article::Options,
    #[command(flatten, next_help_heading = "Order service")]
    pub order: order::Options,
    #[command(flatten, next_help_heading = "Payment service")]
    pub payment: payment::Options,
    #[command(flatten, next_help_heading = "Payment types")]
    pub payment_types: PaymentTypesOptions,
    #[command(flatten, next_help_heading = "Mesh service")]
    pub mesh: mesh::Options,
    #[command(flatten, next_help_heading = "Gateway")]
    pub gateway: gateway::Options,
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: RateLimits,
}

/// What runs, and where it can be reached.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Process {
    #[command(flatten)]
    pub roles: Roles,

    #[command(flatten)]
    pub data: DataDir,

    /// Host and port of the REST interface, open where the role gateway runs; port 0 takes any free one
    #[arg(long, env = "FEIRA_REST_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub rest_listen: String,

    /// Host and port of gRPC; port 0 takes any free one
    #[arg(long, env = "FEIRA_GRPC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051", value_parser = address)]
    pub grpc_listen: String,

    /// Host and port at which operators read metrics (`/metrics`) and change the log level, without a password: of this
    /// machine, or of a network of theirs; closed unless it is given
    #[arg(long, env = "FEIRA_ADMIN_LISTEN", value_name = "HOST:PORT", value_parser = address)]
    pub admin_listen: Option<String>,

    /// Whether gRPC clients may ask for the contracts by server reflection; `feira descriptors` writes them to
    /// a file
    #[arg(long, env = "FEIRA_REFLECTION", value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set)]
    pub reflection: bool,

    /// How long the end may take once the process is told to stop (and FEIRA_DRAIN_DELAY is over): the calls under
    /// way get most of it, closing databases and sending telemetry the rest
    #[arg(long, env = "FEIRA_DRAIN_TIMEOUT", value_name = "TIME", default_value = "25s", value_parser = kit::duration)]
    pub drain_timeout: Duration,

    /// How long to go on serving after health says NOT_SERVING, so that load balancers notice; clients are asked
    /// to go elsewhere meanwhile
    #[arg(long, env = "FEIRA_DRAIN_DELAY", value_name = "TIME", default_value = "0s", value_parser = kit::duration)]
    pub drain_delay: Duration,

    /// How long a client may take nothing of an answer before its connection is closed
    #[arg(long, env = "FEIRA_SEND_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = kit::duration_within(PATIENCE))]
    pub send_timeout: Duration,

    /// How long an HTTP/1.1 connection is kept without a request; longer than the load balancer in front keeps it
    #[arg(long, env = "FEIRA_IDLE_TIMEOUT", value_name = "TIME", default_value = "90s", value_parser = kit::duration_within(PATIENCE))]
    pub idle_timeout: Duration,

    /// How many MiB of memory answers may take that are not read yet, of all clients together; one connection may
    /// have a quarter
    #[arg(long, env = "FEIRA_ANSWER_MEMORY", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16384))]
    pub answer_memory: u32,

    /// How many MiB of memory requests' bodies may take that are on their way in, of all clients together; one client may
    /// have a quarter
    #[arg(long, env = "FEIRA_REQUEST_MEMORY", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16384))]
    pub request_memory: u32,

    /// Connections that one address may have to a port at the same time; those of --trusted-proxies are not counted
    #[arg(long, env = "FEIRA_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_address: u32,

    /// The certificate that clients from outside are shown, and those above it, in PEM: REST and gRPC are served by TLS
    /// then. Both files are read again when they change
    #[arg(long, env = "FEIRA_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM
    #[arg(long, env = "FEIRA_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// How far the clocks of two machines may be apart: tokens are taken so long before they begin and after they
    /// end. Further apart is refused: UNAVAILABLE, reason CLOCK_SKEW
    #[arg(long, env = "FEIRA_CLOCK_LEEWAY", value_name = "TIME", default_value = "60s", value_parser = kit::duration_within(Duration::ZERO..=Duration::from_secs(600)))]
    pub clock_leeway: Duration,

    /// How often a process says that it runs, where others must know; after three it counts as not healthy,
    /// after twelve it is forgotten
    #[arg(long, env = "FEIRA_HEARTBEAT_INTERVAL", value_name = "TIME", default_value = "5s", value_parser = kit::duration_within(INTERVAL))]
    pub heartbeat_interval: Duration,
}

/// Which roles are meant.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Roles {
    /// A role to run; repeated or separated by commas. All of them by default
    #[arg(
        id = "role",
        long = "role",
        env = "FEIRA_ROLE",
        value_name = "ROLE",
        value_delimiter = ',',
        value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)).try_map(|name| name.parse::<Role>())
    )]
    named: Vec<Role>,
}

impl Roles {
    /// The roles meant, in the order in which they start.
    pub fn get(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.named.is_empty() || self.named.contains(role)).collect()
    }
}

/// Where data is kept.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct DataDir {
    /// Folder of the embedded databases and of generated secrets; made if there is none
    #[arg(
        id = "data_dir",
        long = "data-dir",
        env = "FEIRA_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./feira-data"
    )]
    pub path: PathBuf,
}

/// The configuration file, which every command reads.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct ConfigFile {
    /// A TOML file of settings, its keys named as the flags are
    #[arg(long = "config", env = CONFIG_VARIABLE, value_name = "FILE")]
    _config: Option<PathBuf>,
}

impl Settings {
    /// The name under which this process reports its telemetry: `feira`, or `feira-ROLE` if it runs one.
    pub fn service_name(&self) -> String {
        match self.process.roles.get().as_slice() {
            [role] => format!("feira-{role}"),
            _ => "feira".to_owned(),
        }
    }
}

fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("must be a host and a port, such as 127.0.0.1:8080".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        assert!(address("localhost:8080").is_ok() && address("[::1]:0").is_ok());
        for wrong in ["8080", ":8080", "localhost", "localhost:http", "localhost:70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
