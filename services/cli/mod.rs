//! The command line: subcommands, and how flags, environment and configuration file become settings.

mod problems;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};

use self::problems::{mistyped, one_line};
use crate::{
    admin::Admin,
    backup::{Backup, Restore},
    certs::Certs,
    config::{self, File},
    descriptors::Descriptors,
    doctor::Doctor,
    error::Error,
    events::Events,
    foreign::{self, Gateway},
    health::HealthCheck,
    keys::Keys,
    log_level::LogLevel,
    migrate::Migrate,
    seed::Seed,
    serve::Serve,
    settings::Settings,
    status::Status,
    verify::Verify,
    version,
};

/// An open shop back office: users, articles, orders and payments over gRPC and REST, in one binary.
///
/// Without a command it serves, all roles in one process on embedded databases; `feira serve --help` lists
/// what can be set. Each setting is a flag, an environment variable and a key of the configuration file, and
/// counts in that order.
#[derive(Parser, Debug)]
#[command(name = "feira", version, long_version = version::long(), propagate_version = true, subcommand_required = true)]
#[command(
    after_help = "Exit codes: 0 fine, 1 failed, 2 usage or configuration, 3 cannot listen, 4 database or schema, 5 violations found"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What can be done.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run roles: all of them, or those named by --role (what `feira` alone does)
    ///
    /// The address of each open port goes to standard output once it serves, as one line of JSON; everything
    /// else goes to standard error. SIGTERM and SIGINT end it when the calls under way have ended, a second
    /// one at once.
    Serve(Box<Serve>),
    /// Serve others' gRPC services over REST, JSON, gRPC-Web, Connect and gRPC, by their contracts alone
    ///
    /// It asks the services for their contracts by server reflection, or reads these from a file, and follows both while
    /// it runs. It has no database and knows nothing of the shop. Once it serves, its address goes to standard output as
    /// one line of JSON; exit code 2 where a contract cannot be served.
    Gateway(Box<Gateway>),
    /// Show and apply what is missing of the databases' schemas; `serve` does so by itself
    Migrate(Box<Migrate>),
    /// Make an administrator, reset a password, list who there is: on a stopped shop and on a running one
    ///
    /// On a stopped shop in its database; a running one is asked as the operator, who is known by the mesh secret.
    /// Exit code 4 where the database cannot be used, 1 where nobody answers.
    Admin(Box<Admin>),
    /// Copy the embedded databases as they are at one moment, while the shop runs or not
    ///
    /// Into a folder that it makes, or as a tar archive to standard output. Exit code 4 where a database cannot be
    /// used, 1 where the copy failed: then there is none. Databases on servers are copied by their own tools.
    Backup(Box<Backup>),
    /// Make a data folder out of a backup, once all of it is checked
    ///
    /// The folder must be empty. Exit code 4 where the backup is of a newer schema, 1 where it is damaged: then nothing
    /// was made.
    Restore(Restore),
    /// Rotate the keys that sign access tokens, and wrap them and second factors by another key file
    ///
    /// On a stopped shop in its database; a running one is asked as the operator, who is known by the mesh secret.
    /// Exit code 4 where the database cannot be used, 1 where nobody answers.
    Keys(Box<Keys>),
    /// Ask a running process whether it serves, for containers: exit code 0 if it does, else 1
    Health(HealthCheck),
    /// Show by which level a running process logs, or have it log by another one, without a restart
    ///
    /// By its admin listener (--admin-listen), from the same machine.
    LogLevel(LogLevel),
    /// Make an authority and certificates for the roles, by which they know each other
    ///
    /// For development, and for who has no other authority. Nothing that is there is replaced, unless --renew says so.
    Certs(Certs),
    /// Check settings and surroundings without starting the shop, and say what to do
    ///
    /// Takes what `serve` takes: databases, clocks, secrets, ports, certificates, the mail server, payment providers, room and
    /// limits of this machine. Exit code 0 where all is well, 1 where something deserves a look, 2 where the shop would not
    /// run well.
    Doctor(Box<Doctor>),
    /// Write the contracts as a protobuf FileDescriptorSet, for tools where reflection is off
    ///
    /// With comments and everything they import, as `grpcurl -protoset FILE` and code generators take it.
    Descriptors(Descriptors),
    /// Have events handed on to NATS again
    ///
    /// Asks the mesh service as the operator, who is known by the mesh secret.
    Events(Box<Events>),
    /// Make a demo shop: a catalogue, shoppers, orders
    ///
    /// The same number makes the same shop. Broken off and started again, it goes on; what is there already is
    /// not made twice.
    Seed(Box<Seed>),
    /// Show what runs: every process of every role, where it is and where its database is
    ///
    /// Asks the mesh service as the operator, who is known by the mesh secret. Exit code 1 where something is
    /// not healthy, or nobody answers.
    Status(Box<Status>),
    /// Check that stock and money add up, over all services, while they run
    ///
    /// Asks the mesh service as the operator, who is known by the mesh secret. Exit code 5 where an equation
    /// does not hold, 1 where nobody answers.
    Verify(Box<Verify>),
}

/// What came of the command line.
#[derive(Debug)]
pub enum Parsed {
    /// Do this.
    Command(Command),
    /// Show this on standard output, and nothing else.
    Shown(String),
}

/// Reads arguments (the program's name first), environment and configuration file.
pub fn parse(mut arguments: Vec<OsString>) -> Result<Parsed, Error> {
    if serves_by_default(arguments.get(1).map(OsString::as_os_str)) {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
    let mut command = without_empty_variables(everywhere(quiet_seed(Cli::command())));
    let variables = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    if let Some(problem) = mistyped(variables.filter_map(|(name, _)| name.into_string().ok()), &command) {
        return Err(Error::Usage(problem));
    }
    let file = config::path(&arguments).map(|path| File::read(&path)).transpose()?;
    if let Some(file) = &file {
        command = file.apply(command, of_file(arguments.get(1).map(OsString::as_os_str)))?;
    }
    let matches = match command.try_get_matches_from_mut(&arguments) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Shown(error.render().to_string()));
        }
        Err(error) => return Err(Error::Usage(one_line(&error, &arguments, &command, file.as_ref()))),
    };
    let cli = Cli::from_arg_matches(&matches)
        .map_err(|error| Error::Usage(one_line(&error, &arguments, &command, None)))?;
    match (cli.command, matches.subcommand()) {
        (chosen, Some((name, matches))) if chosen.prints_config() => {
            let command = command.find_subcommand(name).cloned().unwrap_or_default();
            Ok(Parsed::Shown(config::print(&command, matches, file.as_ref())))
        }
        (Command::Gateway(gateway), _) => {
            gateway.settings.check()?;
            Ok(Parsed::Command(Command::Gateway(gateway)))
        }
        (Command::Serve(serve), _) => {
            serve.settings.check()?;
            Ok(Parsed::Command(Command::Serve(serve)))
        }
        (Command::Seed(seed), _) => {
            seed.check()?;
            Ok(Parsed::Command(Command::Seed(seed)))
        }
        (command, _) => Ok(Parsed::Command(command)),
    }
}

/// The settings that the process was started with, as the same arguments, the environment and the file have them now.
pub fn settings_again() -> Result<Settings, Error> {
    match parse(std::env::args_os().collect())? {
        Parsed::Command(Command::Serve(serve)) => Ok(serve.settings),
        _ => Err(Error::other("the command line does not serve")),
    }
}

/// The same of a gateway.
pub fn gateway_settings_again() -> Result<foreign::Settings, Error> {
    match parse(std::env::args_os().collect())? {
        Parsed::Command(Command::Gateway(gateway)) => Ok(gateway.settings),
        _ => Err(Error::other("the command line is no gateway's")),
    }
}

impl Command {
    fn prints_config(&self) -> bool {
        match self {
            Self::Serve(serve) => serve.print_config,
            Self::Gateway(gateway) => gateway.print_config,
            _ => false,
        }
    }
}

/// The command whose settings a configuration file has: all are `serve`'s, but for a gateway, which has its own.
fn of_file(first: Option<&OsStr>) -> &'static str {
    if first.is_some_and(|first| first == "gateway") { "gateway" } else { "serve" }
}

/// Whoever seeds wants to see how far it is, not every line that serving logs.
fn quiet_seed(command: clap::Command) -> clap::Command {
    command
        .mut_subcommand("seed", |seed| seed.mut_arg("log_level", |argument| argument.default_value("warn")))
}

/// `feira admin list --data-dir x` is `feira admin --data-dir x list`.
fn everywhere(command: clap::Command) -> clap::Command {
    ["admin", "keys"].into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| command.mut_args(|argument| argument.global(true)))
    })
}

/// `feira` and `feira --flag` mean `feira serve`.
fn serves_by_default(first: Option<&OsStr>) -> bool {
    match first.map(OsStr::to_string_lossy) {
        None => true,
        Some(first) => first.starts_with('-') && !["-h", "--help", "-V", "--version"].contains(&&*first),
    }
}

/// A variable that is set to nothing counts as unset. None is shown in the help: some are secrets.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            command.mut_args(|argument| {
                let variable = argument.get_env().map(OsStr::to_owned);
                let argument = argument.hide_env_values(true);
                match variable.map(|name| std::env::var_os(name).is_some_and(|value| value.is_empty())) {
                    Some(true) => argument.env(None::<&'static str>),
                    _ => argument,
                }
            })
        })
    })
}
