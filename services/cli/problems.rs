//! What is wrong with a command line, in one line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::File;

/// A variable that nearly has a setting's name. Others may begin with `FEIRA_` without being meant for us:
/// Kubernetes sets some for every service that is called so.
pub fn mistyped(variables: impl Iterator<Item = String>, command: &clap::Command) -> Option<String> {
    let settings = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let known: Vec<&str> = settings.filter_map(|argument| argument.get_env()?.to_str()).collect();
    variables.filter(|name| name.starts_with("FEIRA_") && !known.contains(&name.as_str())).find_map(|name| {
        let near = known.iter().find(|known| strsim::damerau_levenshtein(&name, known) <= 2)?;
        Some(format!("there is no setting {name}; did you mean {near}?"))
    })
}

/// What clap has to say, in one line, and where the value came from if not from the command line.
pub fn one_line(
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
    let mut line = said.join("; ").replace("; [", " [").replace(":; ", ": ");
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
