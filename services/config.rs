//! The configuration file: TOML, its keys named as the flags are.

use std::{
    any::TypeId,
    ffi::{OsStr, OsString},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};
use url::Url;

use crate::error::Error;

/// The variable that names the file.
pub const VARIABLE: &str = "FEIRA_CONFIG";
const FLAG: &str = "--config";
/// Flags that are no settings.
const NO_SETTINGS: [&str; 4] = ["config", "print-config", "help", "version"];

/// The file that arguments or environment name.
pub fn path(arguments: &[OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        if argument == FLAG {
            return rest.next().map(PathBuf::from);
        }
        let text = argument.to_string_lossy();
        if let Some(path) = text.strip_prefix(FLAG).and_then(|rest| rest.strip_prefix('=')) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A configuration file.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| Error::usage(format!("{FLAG} {}: {problem}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let table = text.parse::<Table>().map_err(|error| {
            let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
            wrong(format!(
                "line {}: {}",
                before.matches('\n').count() + 1,
                error.message().replace('\n', ", ")
            ))
        })?;
        Ok(Self { path: path.to_owned(), table })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has a key.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Makes its values the defaults of the flags that they are named like, so that they are checked as
    /// those are. A key that is none of `serve`'s flags is refused.
    pub fn apply(&self, mut command: Command) -> Result<Command, Error> {
        let known: Vec<Arg> = match command.find_subcommand("serve") {
            Some(serve) => serve.get_arguments().filter(|argument| is_setting(argument)).cloned().collect(),
            None => Vec::new(),
        };
        for (key, value) in &self.table {
            let setting = known.iter().find(|argument| argument.get_long() == Some(key));
            let setting = setting.ok_or_else(|| self.wrong(&unknown(key, &known)))?;
            let values =
                values(setting, value).map_err(|problem| self.wrong(&format!("{key}: {problem}")))?;
            // The help shows defaults, and would show a secret for one.
            let secret = values.iter().any(|value| masked(key, OsStr::new(value)) != *value);
            let names: Vec<String> =
                command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
            for name in names {
                command = command.mut_subcommand(name, |command| {
                    command.mut_args(|argument| match argument.get_long() {
                        Some(long) if long == key => {
                            argument.default_values(values.clone()).hide_default_value(secret)
                        }
                        _ => argument,
                    })
                });
            }
        }
        Ok(command)
    }

    fn wrong(&self, problem: &str) -> Error {
        Error::usage(format!("{}: {problem}", self.path.display()))
    }
}

fn is_setting(argument: &Arg) -> bool {
    argument.get_long().is_some_and(|long| !NO_SETTINGS.contains(&long))
}

fn unknown(key: &str, known: &[Arg]) -> String {
    let near = known
        .iter()
        .filter_map(Arg::get_long)
        .map(|long| (strsim::damerau_levenshtein(key, long), long))
        .min();
    match near {
        Some((distance, long)) if distance <= 3 => {
            format!("there is no setting {key:?}; did you mean {long:?}?")
        }
        _ => format!("there is no setting {key:?}; `feira serve --help` lists them"),
    }
}

/// A value of the file as the texts that the flag would be given.
fn values(setting: &Arg, value: &Value) -> Result<Vec<String>, String> {
    let takes_many = matches!(setting.get_action(), clap::ArgAction::Append);
    match value {
        Value::Array(items) if takes_many => items.iter().map(|item| text(setting, item)).collect(),
        Value::Array(_) => Err("takes one value, not a list".to_owned()),
        single => Ok(vec![text(setting, single)?]),
    }
}

fn text(setting: &Arg, value: &Value) -> Result<String, String> {
    let parser = setting.get_value_parser().type_id();
    let takes_text = parser == TypeId::of::<String>() || parser == TypeId::of::<PathBuf>();
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) if !takes_text => Ok(number.to_string()),
        Value::Float(number) if !takes_text => Ok(number.to_string()),
        Value::Boolean(flag) if !takes_text => Ok(flag.to_string()),
        other if takes_text => Err(format!("must be a string, not a value of type {}", other.type_str())),
        other => Err(format!("cannot be a value of type {}", other.type_str())),
    }
}

/// Every setting as a line of TOML, and where its value comes from.
pub fn print(command: &Command, matches: &ArgMatches, file: Option<&File>) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for setting in command.get_arguments().filter(|argument| is_setting(argument)) {
        let key = setting.get_long().unwrap_or_default();
        let origin = match matches.value_source(setting.get_id().as_str()) {
            Some(ValueSource::CommandLine) => format!("flag --{key}"),
            Some(ValueSource::EnvVariable) => {
                format!("environment {}", setting.get_env().unwrap_or_default().to_string_lossy())
            }
            Some(_) => match file.filter(|file| file.has(key)) {
                Some(file) => format!("file {}", file.path().display()),
                None => "default".to_owned(),
            },
            None => "not set".to_owned(),
        };
        let given = matches.get_raw(setting.get_id().as_str());
        let given: Option<Vec<Value>> =
            given.map(|values| values.map(|value| Value::String(masked(key, value))).collect());
        let line = match given {
            None => format!("# {key}"),
            Some(values) if matches!(setting.get_action(), clap::ArgAction::Append) => {
                format!("{key} = {}", Value::Array(values))
            }
            Some(values) => values.first().map(|value| format!("{key} = {value}")).unwrap_or_default(),
        };
        lines.push((line, origin));
    }
    let width =
        lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width < 60).max().unwrap_or(0);
    lines.iter().fold(String::new(), |mut text, (line, origin)| {
        let _ = writeln!(text, "{line:width$}  # {origin}");
        text
    })
}

const MASK: &str = "********";

/// A value without what must not be shown.
fn masked(key: &str, value: &OsStr) -> String {
    let text = value.to_string_lossy().into_owned();
    if ["secret", "secret-key", "password"].iter().any(|end| key.ends_with(end)) {
        return MASK.to_owned();
    }
    if !key.ends_with("-url") || text.starts_with("sqlite:") {
        return text;
    }
    let Ok(mut url) = Url::parse(&text) else { return MASK.to_owned() };
    if url.password().is_none() && url.query().is_none() {
        return text;
    }
    if url.password().is_some() {
        let _ = url.set_password(Some(MASK));
    }
    let hide = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let hidden = name.contains("password") || name.contains("key");
        (name.into_owned(), if hidden { MASK.to_owned() } else { value.into_owned() })
    };
    let pairs: Vec<(String, String)> = url.query_pairs().map(hide).collect();
    if !pairs.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    fn command() -> Command {
        let text = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Set);
        Command::new("feira").subcommand(
            Command::new("serve")
                .arg(text("data-dir").default_value("./data").value_parser(clap::value_parser!(PathBuf)))
                .arg(
                    text("connections")
                        .default_value("16")
                        .value_parser(clap::value_parser!(u32))
                        .env("FEIRA_TEST_CONNECTIONS"),
                )
                .arg(text("mesh-secret"))
                .arg(text("stripe-secret-key"))
                .arg(text("user-database-url"))
                .arg(Arg::new("role").long("role").action(ArgAction::Append)),
        )
    }

    fn file(text: &str) -> Result<File, Error> {
        let path = tempfile::NamedTempFile::new().unwrap();
        fs::write(&path, text).unwrap();
        File::read(path.path())
    }

    fn printed(text: &str, arguments: &[&str]) -> String {
        let file = file(text).unwrap();
        let mut command = file.apply(command()).unwrap();
        let matches = command.try_get_matches_from_mut(["feira", "serve"].iter().chain(arguments)).unwrap();
        let serve = command.find_subcommand("serve").unwrap().clone();
        print(&serve, matches.subcommand_matches("serve").unwrap(), Some(&file))
    }

    fn refused(text: &str) -> String {
        file(text).and_then(|file| file.apply(command())).unwrap_err().to_string()
    }

    #[test]
    fn a_flag_counts_before_the_file_and_the_file_before_the_default() {
        let text = printed("connections = 5\nrole = [\"user\", \"order\"]\n", &["--connections", "7"]);
        assert!(text.contains("connections = \"7\"") && text.contains("# flag --connections"), "{text}");
        assert!(text.contains("role = [\"user\", \"order\"]") && text.contains("# file "), "{text}");
        assert!(text.contains("data-dir = \"./data\"") && text.contains("# default"), "{text}");
        let text = printed("connections = 5", &[]);
        assert!(text.contains("connections = \"5\""), "{text}");
    }

    #[test]
    fn secrets_are_masked() {
        let text = printed(
            "mesh-secret = \"hunter22\"\nstripe-secret-key = \"hunter22\"\nuser-database-url = \"postgres://u:hunter22@db/user?sslpassword=hunter22\"\n",
            &[],
        );
        assert!(!text.contains("hunter22") && text.contains("postgres://u:********@db/user"), "{text}");
    }

    #[test]
    fn the_help_shows_no_secret_of_the_file() {
        let file = file(
            "mesh-secret = \"hunter22\"\nuser-database-url = \"postgres://u:hunter22@db/user\"\ndata-dir = \"/data\"\n",
        );
        let mut command = file.unwrap().apply(command()).unwrap();
        let help = command.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        assert!(!help.contains("hunter22") && help.contains("/data"), "{help}");
    }

    #[test]
    fn what_was_printed_can_be_read_again() {
        let once = printed("connections = 5\nrole = [\"user\"]\n", &["--data-dir", "a \"quoted\" place"]);
        let again = printed(&once, &[]);
        assert!(
            again.contains("a \\\"quoted\\\" place") || again.contains("'a \"quoted\" place'"),
            "{again}"
        );
    }

    #[test]
    fn unknown_keys_wrong_types_and_broken_files_are_refused() {
        assert!(refused("data_dir = \"x\"").contains("did you mean \"data-dir\"?"));
        assert!(refused("colour = \"red\"").contains("there is no setting \"colour\""));
        assert!(refused("config = \"x\"").contains("there is no setting"));
        assert!(refused("data-dir = 5").contains("data-dir: must be a string, not a value of type integer"));
        assert!(refused("connections = [1, 2]").contains("takes one value, not a list"));
        assert!(refused("[connections]\nx = 1").contains("cannot be a value of type table"));
        assert!(refused("role = \"user\"\nrole =").contains("line 2"));
    }
}
