//! What can be set: each is a flag, an environment variable and a key of the configuration file.

use std::{collections::HashMap, ops::RangeInclusive, path::PathBuf, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use kit::{Role, payment_types::PaymentTypesOptions, telemetry::LogOptions};
use url::Url;

use crate::{databases::Databases, error::Error, roles};

/// How long connections are waited for.
const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
/// How often a process may say that it runs.
const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
/// The shortest mesh secret that is taken, in characters.
const SHORTEST_SECRET: usize = 16;

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

/// Where roles are found that run in other processes.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Urls {
    /// Where the user service is reached by gRPC, as http://HOST:PORT; several, with commas in between, are replicas
    #[arg(long, env = "FEIRA_USER_URL", value_name = "URL", value_parser = role_urls)]
    user_url: Option<String>,
    /// Where the article service is reached by gRPC
    #[arg(long, env = "FEIRA_ARTICLE_URL", value_name = "URL", value_parser = role_urls)]
    article_url: Option<String>,
    /// Where the order service is reached by gRPC
    #[arg(long, env = "FEIRA_ORDER_URL", value_name = "URL", value_parser = role_urls)]
    order_url: Option<String>,
    /// Where the payment service is reached by gRPC
    #[arg(long, env = "FEIRA_PAYMENT_URL", value_name = "URL", value_parser = role_urls)]
    payment_url: Option<String>,
    /// Where the mesh service is reached by gRPC; the gateway can do without
    #[arg(long, env = "FEIRA_MESH_URL", value_name = "URL", value_parser = role_urls)]
    mesh_url: Option<String>,
}

/// What must stay secret. Command lines can be seen by others on the machine: prefer files.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Secrets {
    #[command(flatten)]
    pub mesh: SharedSecret,
    /// File whose content wraps the signing keys in the user database, the same for all replicas of the
    /// user service (default: DATA_DIR/signing.key, generated)
    #[arg(long, env = "FEIRA_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// What the processes of a mesh know each other by, and the operator.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct SharedSecret {
    /// The secret that all processes of a mesh share, 16 characters or more. Generated in the data folder
    /// where all roles run as one process
    #[arg(long, env = "FEIRA_MESH_SECRET", value_name = "SECRET")]
    pub mesh_secret: Option<kit::Secret>,
    /// File that holds the mesh secret
    #[arg(long, env = "FEIRA_MESH_SECRET_FILE", value_name = "FILE")]
    pub mesh_secret_file: Option<PathBuf>,
}

impl SharedSecret {
    /// Somebody said what it is.
    pub fn is_given(&self) -> bool {
        self.mesh_secret.is_some() || self.mesh_secret_file.is_some()
    }
}

impl Urls {
    /// The URLs given.
    pub fn get(&self) -> HashMap<Role, String> {
        let urls = [
            (Role::User, &self.user_url),
            (Role::Article, &self.article_url),
            (Role::Order, &self.order_url),
            (Role::Payment, &self.payment_url),
            (Role::Mesh, &self.mesh_url),
        ];
        urls.into_iter().filter_map(|(role, url)| Some((role, url.clone()?))).collect()
    }
}

impl Settings {
    /// Finds what contradicts itself or is missing, before anything is opened.
    pub fn check(&self) -> Result<(), Error> {
        let here = self.process.roles.get();
        for role in here.iter().filter(|role| Role::SERVICES.contains(role)) {
            self.databases.url(*role, &here, &self.process.data)?;
        }
        let urls = self.urls.get();
        for role in &here {
            let missing = roles::calls(*role)
                .iter()
                .filter(|callee| !here.contains(callee) && !urls.contains_key(callee));
            let flags: Vec<String> = missing.map(|callee| format!("--{callee}-url")).collect();
            if !flags.is_empty() {
                let flags = flags.join(", ");
                return Err(Error::usage(format!(
                    "the role {role} calls roles that do not run here: say where they are by {flags}"
                )));
            }
        }
        self.payment_types.types().map_err(|problem| Error::usage(format!("--payment-type: {problem}")))?;
        if !self.secrets.mesh.is_given() && here.len() != Role::ALL.len() {
            return Err(Error::usage(
                "processes that run some of the roles share a secret: set FEIRA_MESH_SECRET or FEIRA_MESH_SECRET_FILE",
            ));
        }
        Ok(())
    }

    /// The name under which this process reports its telemetry: `feira`, or `feira-ROLE` if it runs one.
    pub fn service_name(&self) -> String {
        match self.process.roles.get().as_slice() {
            [role] => format!("feira-{role}"),
            _ => "feira".to_owned(),
        }
    }
}

/// Checks the length of a mesh secret.
pub fn mesh_secret(source: &str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().count() < SHORTEST_SECRET {
        return Err(Error::usage(format!(
            "{source}: a mesh secret has {SHORTEST_SECRET} characters or more"
        )));
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("must be a host and a port, such as 127.0.0.1:8080".to_owned()),
    }
}

/// URLs under which the replicas of a role are found: one, or several with commas in between.
fn role_urls(text: &str) -> Result<String, String> {
    let urls: Result<Vec<String>, String> = text.split(',').map(|url| role_url(url.trim())).collect();
    urls.map(|urls| urls.join(","))
}

/// A URL under which a role is found.
pub fn role_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() != "http" => Err("must begin with http://".to_owned()),
        Ok(url) if url.path() != "/" || url.query().is_some() || !url.username().is_empty() => {
            Err("must be a scheme, a host and a port only, such as http://order:50051".to_owned())
        }
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls_of_roles_are_checked() {
        assert!(address("localhost:8080").is_ok() && address("[::1]:0").is_ok());
        for wrong in ["8080", ":8080", "localhost", "localhost:http", "localhost:70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(role_url("http://order:50051").is_ok());
        assert_eq!(role_urls("http://a:1, http://b:2"), Ok("http://a:1,http://b:2".to_owned()));
        assert!(role_urls("http://a:1,").is_err());
        for wrong in ["order:50051", "https://order", "http://", "http://order/path", "http://u@order"] {
            assert!(role_url(wrong).is_err(), "{wrong}");
        }
    }
}
