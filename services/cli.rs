//! The command line: subcommands, and how flags, environment and configuration file become settings.

use std::ffi::{OsStr, OsString};

use clap::{
    ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use crate::{
    admin::Admin,
    config::{self, File},
    descriptors::Descriptors,
    error::Error,
    health::HealthCheck,
    migrate::Migrate,
    seed::Seed,
    settings::Settings,
    status::Status,
    verify::Verify,
};

/// An open shop back office: users, articles, orders and payments over gRPC and REST, in one binary.
///
/// Without a command it serves, all roles in one process on embedded databases; `feira serve --help` lists
/// what can be set. Each setting is a flag, an environment variable and a key of the configuration file, and
/// counts in that order.
#[derive(Parser, Debug)]
#[command(name = "feira", version, propagate_version = true, subcommand_required = true)]
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
    /// Show and apply what is missing of the databases' schemas; `serve` does so by itself
    Migrate(Box<Migrate>),
    /// Make an administrator, reset a password, list who there is: on a stopped shop and on a running one
    ///
    /// On a stopped shop in its database; a running one is asked as the operator, who is known by the mesh secret.
    /// Exit code 4 where the database cannot be used, 1 where nobody answers.
    Admin(Box<Admin>),
    /// Ask a running process whether it serves, for containers: exit code 0 if it does, else 1
    Health(HealthCheck),
    /// Write the contracts as a protobuf FileDescriptorSet, for tools where reflection is off
    ///
    /// With comments and everything they import, as `grpcurl -protoset FILE` and code generators take it.
    Descriptors(Descriptors),
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

/// Runs roles.
#[derive(clap::Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    pub config: ConfigFile,

    /// Show every setting, its value and where it comes from, and end; secrets are masked
    #[arg(long)]
    pub print_config: bool,
}

/// The configuration file, which every command reads.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct ConfigFile {
    /// A TOML file of settings, its keys named as the flags are
    #[arg(long = "config", env = config::VARIABLE, value_name = "FILE")]
    _config: Option<std::path::PathBuf>,
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
        command = file.apply(command)?;
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
        (Command::Serve(serve), Some((name, matches))) if serve.print_config => {
            let command = command.find_subcommand(name).cloned().unwrap_or_default();
            Ok(Parsed::Shown(config::print(&command, matches, file.as_ref())))
        }
        (Command::Serve(mut serve), Some((_, matches))) => {
            prefer_one(&mut serve.settings, matches)?;
            serve.settings.check()?;
            Ok(Parsed::Command(Command::Serve(serve)))
        }
        (Command::Seed(mut seed), Some((_, matches))) => {
            prefer_one(&mut seed.settings, matches)?;
            seed.check()?;
            Ok(Parsed::Command(Command::Seed(seed)))
        }
        (command, _) => Ok(Parsed::Command(command)),
    }
}

/// Whoever seeds wants to see how far it is, not every line that serving logs.
fn quiet_seed(command: clap::Command) -> clap::Command {
    command
        .mut_subcommand("seed", |seed| seed.mut_arg("log_level", |argument| argument.default_value("warn")))
}

/// `feira admin list --data-dir x` is `feira admin --data-dir x list`.
fn everywhere(command: clap::Command) -> clap::Command {
    command.mut_subcommand("admin", |admin| admin.mut_args(|argument| argument.global(true)))
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

/// A variable that nearly has a setting's name. Others may begin with `FEIRA_` without being meant for us:
/// Kubernetes sets some for every service that is called so.
fn mistyped(variables: impl Iterator<Item = String>, command: &clap::Command) -> Option<String> {
    let settings = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: Vec<&str> = settings.filter_map(|argument| argument.get_env()?.to_str()).collect();
    variables.filter(|name| name.starts_with("FEIRA_") && !known.contains(&name.as_str())).find_map(|name| {
        let near = known.iter().find(|known| strsim::damerau_levenshtein(&name, known) <= 2)?;
        Some(format!("there is no setting {name}; did you mean {near}?"))
    })
}

/// Of a secret and the file that holds it, the one that was given with more weight counts.
fn prefer_one(settings: &mut Settings, matches: &ArgMatches) -> Result<(), Error> {
    let weight = |id: &str| match matches.value_source(id) {
        Some(ValueSource::CommandLine) => 3,
        Some(ValueSource::EnvVariable) => 2,
        Some(_) => 1,
        None => 0,
    };
    let file_counts = |id: &str| {
        let (text, file) = (weight(id), weight(&format!("{id}_file")));
        if text == file && text > 0 {
            let flag = id.replace('_', "-");
            return Err(Error::usage(format!("--{flag} and --{flag}-file contradict each other: give one")));
        }
        Ok(file > text)
    };
    if file_counts("mesh_secret")? {
        settings.secrets.mesh.mesh_secret = None;
    } else {
        settings.secrets.mesh.mesh_secret_file = None;
    }
    if file_counts("stripe_secret_key")? {
        settings.payment.stripe.stripe_secret_key = None;
    } else {
        settings.payment.stripe.stripe_secret_key_file = None;
    }
    if file_counts("stripe_webhook_secret")? {
        settings.payment.stripe.stripe_webhook_secret = None;
    } else {
        settings.payment.stripe.stripe_webhook_secret_file = None;
    }
    if file_counts("admin_password")? {
        settings.user.admin.admin_password = None;
    } else {
        settings.user.admin.admin_password_file = None;
    }
    if file_counts("smtp_password")? {
        settings.order.mail.smtp_password = None;
    } else {
        settings.order.mail.smtp_password_file = None;
    }
    Ok(())
}

/// What clap has to say, in one line, and where the value came from if not from the command line.
fn one_line(
    error: &clap::Error,
    arguments: &[OsString],
    command: &clap::Command,
    file: Option<&File>,
) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let said =
        said.map(|line| line.trim_start_matches("error: ").trim_start_matches("tip: ")).collect::<Vec<_>>();
    let mut line = said.join("; ").replace("; [", " [");
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(usage)) => usage.split([' ', '=']).next().unwrap_or_default().to_owned(),
        _ => return line,
    };
    let on_the_command_line = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument == flag || argument.strip_prefix(&flag).is_some_and(|rest| rest.starts_with('='))
    });
    if error.kind() == ErrorKind::UnknownArgument || on_the_command_line {
        return line;
    }
    let key = flag.trim_start_matches('-');
    let mut settings = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let variable = settings.find(|argument| argument.get_long() == Some(key)).and_then(clap::Arg::get_env);
    if let Some(variable) = variable.filter(|variable| std::env::var_os(variable).is_some()) {
        line += &format!(" (from {})", variable.to_string_lossy());
    } else if let Some(file) = file.filter(|file| file.has(key)) {
        line += &format!(" (from {})", file.path().display());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Parsed, Error> {
        parse(std::iter::once("feira").chain(arguments.iter().copied()).map(OsString::from).collect())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        for arguments in [&[][..], &["--grpc-listen", "localhost:0"], &["serve"]] {
            assert!(matches!(parsed(arguments), Ok(Parsed::Command(Command::Serve(_)))), "{arguments:?}");
        }
        for arguments in
            [&["--help"][..], &["-V"], &["help", "serve"], &["migrate", "--help"], &["--print-config"]]
        {
            assert!(matches!(parsed(arguments), Ok(Parsed::Shown(_))), "{arguments:?}");
        }
    }

    #[test]
    fn a_mistyped_variable_is_refused_and_those_of_kubernetes_are_not() {
        let problem = |name: &str| mistyped(std::iter::once(name.to_owned()), &Cli::command());
        assert!(
            problem("FEIRA_REST_LISEN")
                .is_some_and(|problem| problem.ends_with("did you mean FEIRA_REST_LISTEN?"))
        );
        for name in [
            "FEIRA_USER_PORT",
            "FEIRA_USER_SERVICE_HOST",
            "FEIRA_ORDER_PORT_50051_TCP",
            "FEIRA_LOG",
            "REST_LISTEN",
        ] {
            assert_eq!(problem(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (arguments, said) in [
            (&["--rest-lisen", "x"][..], "--rest-listen"),
            (&["serv"], "serve"),
            (&["--rest-listen", "8080"], "must be a host and a port"),
            (&["--role", "shop"], "possible values: user"),
            (&["--drain-timeout", "25x"], "--drain-timeout"),
            (&["--role", "order"], "--user-url, --article-url, --payment-url"),
            (&["--role", "user"], "FEIRA_MESH_SECRET"),
            (&["--database-url", "sqlite:x.db"], "single service"),
            (&["--mesh-secret", "0123456789abcdef", "--mesh-secret-file", "x"], "contradict"),
            (&["migrate", "now"], "unexpected argument 'now'"),
            (&["verify", "--url", "nonsense"], "--url"),
            (&["status", "--url", "https://mesh:50051"], "must begin with http://"),
        ] {
            let problem = parsed(arguments).unwrap_err();
            assert!(matches!(problem, Error::Usage(_)));
            let problem = problem.to_string();
            assert!(problem.contains(said) && !problem.contains('\n'), "{arguments:?}: {problem}");
        }
    }
}
