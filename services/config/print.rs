//! What `--print-config` shows: every setting, its value and where it comes from, and no secret.

use std::{ffi::OsStr, fmt::Write};

use clap::{ArgMatches, Command, parser::ValueSource};
use toml::Value;
use url::Url;

use super::{File, is_setting};

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
/// Parameters of URLs that are no secrets; of others nobody knows.
const SHOWN: [&str; 14] = [
    "application_name",
    "charset",
    "collation",
    "connect_timeout",
    "host",
    "mode",
    "options",
    "port",
    "socket",
    "ssl-ca",
    "ssl-mode",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
];

/// A value without what must not be shown.
pub fn masked(key: &str, value: &OsStr) -> String {
    let text = value.to_string_lossy().into_owned();
    if ["secret", "secret-key", "password"].iter().any(|end| key.ends_with(end)) {
        return MASK.to_owned();
    }
    if (!key.ends_with("-url") && !text.contains("://")) || text.starts_with("sqlite:") {
        return text;
    }
    // Several, one for each replica.
    if text.contains(',') && !text.contains(['@', '?']) {
        return text;
    }
    let Ok(mut url) = Url::parse(&text) else { return MASK.to_owned() };
    if url.password().is_none() && url.username().is_empty() && url.query().is_none() {
        return text;
    }
    if url.password().is_some() {
        let _ = url.set_password(Some(MASK));
    } else if !url.username().is_empty() {
        // A name alone may be a token.
        let _ = url.set_username(MASK);
    }
    let hide = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let shown = SHOWN.contains(&name.to_ascii_lowercase().as_str());
        (name.into_owned(), if shown { value.into_owned() } else { MASK.to_owned() })
    };
    let pairs: Vec<(String, String)> = url.query_pairs().map(hide).collect();
    if !pairs.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}
