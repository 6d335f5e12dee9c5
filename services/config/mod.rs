//! The configuration file: TOML, its keys named as the flags are.

mod print;
#[cfg(test)]
mod tests;

use std::{
    any::TypeId,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use clap::{Arg, Command};
use toml::{Table, Value};

use self::print::masked;
pub use self::print::print;
use crate::{error::Error, settings::CONFIG_VARIABLE};

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
    std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
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
    /// those are. A key that is none of the flags of `of`, the command that the file is for, is refused.
    pub fn apply(&self, mut command: Command, of: &str) -> Result<Command, Error> {
        let known: Vec<Arg> = match command.find_subcommand(of) {
            Some(serve) => serve.get_arguments().filter(|argument| is_setting(argument)).cloned().collect(),
            None => Vec::new(),
        };
        for (key, value) in &self.table {
            let setting = known.iter().find(|argument| argument.get_long() == Some(key));
            let setting = setting.ok_or_else(|| self.wrong(&unknown(key, &known, of)))?;
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

fn unknown(key: &str, known: &[Arg], of: &str) -> String {
    let near = known
        .iter()
        .filter_map(Arg::get_long)
        .map(|long| (strsim::damerau_levenshtein(key, long), long))
        .min();
    match near {
        Some((distance, long)) if distance <= 3 => {
            format!("there is no setting {key:?}; did you mean {long:?}?")
        }
        _ => format!("there is no setting {key:?}; `feira {of} --help` lists them"),
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
