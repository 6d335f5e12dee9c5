//! Why the program ends, and with which exit code.

use std::{fmt, io, process::ExitCode};

use kit::{Exit, Role, StartError, db::OpenError};

/// Why the program ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong arguments or settings.
    #[error("{0}")]
    Usage(String),
    /// A port cannot be opened.
    #[error("cannot listen on {address} ({flag}): {cause}")]
    Listen { address: String, flag: &'static str, cause: io::Error },
    /// A database cannot be used.
    #[error("{0}")]
    Database(#[from] OpenError),
    /// A role cannot start.
    #[error("the role {role} cannot start: {error}")]
    Role { role: Role, error: StartError },
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
        self.exit().into()
    }

    fn exit(&self) -> Exit {
        match self {
            Error::Usage(_) => Exit::Settings,
            Error::Listen { .. } => Exit::Listen,
            Error::Database(_) => Exit::Database,
            Error::Role { error, .. } => error.exit(),
            Error::Violations(_) => Exit::Violations,
            Error::Unhealthy(_) | Error::Other(_) => Exit::Failed,
        }
    }

    /// A role cannot start. What is wrong with a setting is said without the role: it may be several roles'.
    pub fn role(role: Role, error: StartError) -> Self {
        match error {
            StartError::Settings(problem) => Self::Usage(problem),
            StartError::Open(error) => Self::Database(error),
            error => Self::Role { role, error },
        }
    }
}

#[cfg(test)]
mod tests {
    use kit::Fault;

    use super::*;

    #[test]
    fn a_role_that_cannot_start_keeps_the_exit_code_of_its_cause() {
        let taken = io::Error::from(io::ErrorKind::AddrInUse);
        let port = StartError::Listen { what: "x", address: "127.0.0.1:1".to_owned(), cause: taken };
        let unfit = OpenError::unfit(Role::User, "sqlite:x.db", "it is none");
        for (error, exit) in [
            (StartError::setting("FEIRA_X", "is too short"), Exit::Settings),
            (port, Exit::Listen),
            (unfit.into(), Exit::Database),
            (StartError::Database("x".to_owned()), Exit::Database),
            (Fault::internal("x").into(), Exit::Failed),
        ] {
            assert_eq!(Error::role(Role::User, error).exit(), exit);
        }
        assert_eq!(Error::Violations(1).exit() as u8, 5);
    }
}
