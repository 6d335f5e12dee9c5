//! Why the program ends, and with which exit code.

use std::{fmt, io, process::ExitCode};

use kit::{Fault, Role, db::OpenError};
use tonic::Code;

/// Why the program ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What it was told makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A port cannot be opened.
    #[error("cannot listen on {address} ({flag}): {cause}")]
    Listen { address: String, flag: &'static str, cause: io::Error },
    /// A database cannot be used.
    #[error("{0}")]
    Database(#[from] OpenError),
    /// A role cannot start.
    #[error("the role {role} cannot start: {fault}")]
    Role { role: Role, fault: Fault },
    /// It was asked, and the answer is no.
    #[error("{0}")]
    Unhealthy(String),
    /// So many equations do not hold.
    #[error("the audit found {0} violations")]
    Violations(usize),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// A mistake in the command line, the environment or the configuration file.
    pub fn usage(problem: impl fmt::Display) -> Self {
        Self::Usage(problem.to_string())
    }

    /// What nobody could foresee.
    pub fn other(problem: impl fmt::Display) -> Self {
        Self::Other(problem.to_string())
    }

    /// The exit code that scripts rely on.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Error::Usage(_) => 2,
            Error::Listen { .. } => 3,
            Error::Database(_) => 4,
            Error::Role { fault, .. } => match (fault.reason.as_str(), fault.code) {
                ("CONFIGURATION", _) => 2,
                ("CANNOT_LISTEN", _) => 3,
                (_, Code::Unavailable) => 4,
                _ => 1,
            },
            Error::Violations(_) => 5,
            Error::Unhealthy(_) | Error::Other(_) => 1,
        })
    }
}
