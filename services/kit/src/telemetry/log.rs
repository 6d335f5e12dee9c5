//! Logs: what is logged, and how it looks.

use std::{fmt, io::IsTerminal, str::FromStr};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, Layer, fmt::layer, registry::LookupSpan};

use super::{
    access,
    json::{Json, Members},
    writer::Writer,
};

/// Our own crates; a bare level is meant for them.
pub(super) const OURS: [&str; 9] =
    ["feira", "kit", "contracts", "user", "article", "order", "payment", "mesh", "gateway"];

/// What is logged, and how.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct LogOptions {
    /// What is logged: off, error, warn, info, debug or trace; or filters such as
    /// `info,order=debug,sqlx=trace` (the syntax of tracing's EnvFilter). `info,feira::access=info` has a line for each call
    #[arg(long, env = "FEIRA_LOG", value_name = "FILTER", default_value = "info")]
    pub log_level: Level,

    /// How log lines look
    #[arg(long, env = "FEIRA_LOG_FORMAT", value_name = "FORMAT", default_value = "auto")]
    pub log_format: LogFormat,
}

/// How log lines are to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people where standard error is a terminal, else for machines.
    Auto,
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

impl LogOptions {
    /// How lines look here.
    pub fn format(&self) -> Format {
        match self.log_format {
            LogFormat::Auto if std::io::stderr().is_terminal() => Format::Text,
            LogFormat::Auto | LogFormat::Json => Format::Json,
            LogFormat::Text => Format::Text,
        }
    }

    /// Writes to standard error, without ever waiting for it.
    pub(super) fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let to = Writer::standard_error(self.format());
        let to = move || to.clone();
        match self.format() {
            Format::Text => {
                let colours = std::io::stderr().is_terminal();
                layer().with_writer(to).with_ansi(colours).boxed()
            }
            Format::Json => layer().fmt_fields(Members).event_format(Json).with_writer(to).boxed(),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level(String);

impl Level {
    /// A bare level counts for our own crates, as `feira=LEVEL` does; the others speak up from `warn` on, h2 from
    /// `error`: what it warns of is what clients do.
    pub(super) fn filter(&self) -> EnvFilter {
        EnvFilter::new(self.directives())
    }

    /// Whether it lets the access log through.
    pub(super) fn has_access_log(&self) -> bool {
        self.0.split(',').filter_map(|part| part.trim().strip_prefix(access::TARGET)).any(|rest| {
            let level = rest.strip_prefix('=').map(LevelFilter::from_str);
            rest.is_empty() || matches!(level, Some(Ok(level)) if level >= LevelFilter::INFO)
        })
    }

    fn directives(&self) -> String {
        let parts = self.0.split(',').map(str::trim).filter(|part| !part.is_empty());
        let ours = |level: &str| OURS.map(|name| format!("{name}={level}")).join(",");
        let parts = parts.map(|part| match part.strip_prefix("feira=") {
            Some(level) => ours(level),
            None if part.eq_ignore_ascii_case("off") => "off".to_owned(),
            None if is_level(part) => format!("warn,h2=error,{}", ours(part)),
            None => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join(",")
    }
}

fn is_level(text: &str) -> bool {
    LevelFilter::from_str(text).is_ok()
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = Self(text.to_owned());
        // A mistyped level would pass for the name of a crate.
        let bare = text.split(',').map(str::trim).find(|part| {
            !part.is_empty() && !part.contains(['=', '[', ':']) && !is_level(part) && !OURS.contains(part)
        });
        if let Some(part) = bare {
            return Err(format!(
                "{part:?} is neither a level (off, error, warn, info, debug, trace) nor `NAME=LEVEL`"
            ));
        }
        EnvFilter::try_new(level.directives()).map_err(|error| error.to_string())?;
        Ok(level)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_counts_for_our_own_crates() {
        let directives = |text: &str| text.parse::<Level>().unwrap().directives();
        assert!(directives("debug").starts_with("warn,h2=error,feira=debug,kit=debug,"));
        assert_eq!(directives("off"), "off");
        assert!(directives("info,sqlx=trace").ends_with("gateway=info,sqlx=trace"));
        let has = |text: &str| text.parse::<Level>().unwrap().has_access_log();
        assert!(has("info,feira::access=info") && has("warn, feira::access=debug"));
        assert!(!has("trace") && !has("info,feira::access=off") && !has("feira::access=warn"));
        assert!(directives("feira=trace").contains("order=trace"));
    }

    #[test]
    fn a_mistyped_filter_is_refused() {
        for wrong in ["inf", "debug,verbose", "order=loud"] {
            assert!(wrong.parse::<Level>().is_err(), "{wrong}");
        }
    }
}
