//! What can be set: each is a flag, an environment variable and a key of the configuration file.

mod by_role;
mod check;
mod databases;
mod listening;
mod secrets;
mod urls;

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use kit::{Role, limits::RateLimits, payment_types::PaymentTypesOptions, telemetry::LogOptions};

use self::listening::address;
pub use self::{
    databases::Databases,
    listening::Listening,
    secrets::{KeyFileSetting, MeshFiles, Secrets, SharedSecret},
    urls::{Urls, role_url},
};

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "FEIRA_CONFIG";

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
    #[command(flatten, next_help_heading = "Gateway")]
    pub page: gateway::Page,
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

    #[command(flatten)]
    pub listening: Listening,

    /// Host and port of gRPC; port 0 takes any free one
    #[arg(long, env = "FEIRA_GRPC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051", value_parser = address)]
    pub grpc_listen: String,

    /// Whether gRPC clients may ask for the contracts by server reflection; `feira descriptors` writes them to
    /// a file
    #[arg(long, env = "FEIRA_REFLECTION", value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set)]
    pub reflection: bool,

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
