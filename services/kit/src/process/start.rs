//! Why a process or a role cannot start, as a type, and the exit code that goes with each cause.

use std::{io, process::ExitCode};

use crate::Fault;
#[cfg(feature = "database")]
use crate::{db::OpenError, write::Failure};

/// How a process ends that did not do what it was asked. Scripts and supervisors go by these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything without a code of its own.
    Failed = 1,
    /// The command line, the environment, the configuration file, or a file that one of them names.
    Settings = 2,
    /// A port cannot be opened.
    Listen = 3,
    /// A database cannot be used, or has another schema.
    Database = 4,
    /// The audit found violations.
    Violations = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a role cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing, makes no sense, or names a file that cannot be read. Says which.
    #[error("{0}")]
    Settings(String),
    /// A port cannot be opened.
    #[error("{what} cannot listen on {address}: {cause}")]
    Listen { what: &'static str, address: String, cause: io::Error },
    /// The database cannot be opened.
    #[cfg(feature = "database")]
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database refused a statement.
    #[error("its database: {0}")]
    Database(String),
    /// Anything else.
    #[error("{0}")]
    Failed(Fault),
}

impl StartError {
    /// What is wrong with a setting, named as the operator gave it: a flag, or its variable.
    pub fn setting(setting: impl std::fmt::Display, problem: impl std::fmt::Display) -> Self {
        Self::Settings(format!("{setting}: {problem}"))
    }

    #[cfg(feature = "database")]
    /// What work on the database came to, by a service's own error.
    pub fn of(error: impl Failure) -> Self {
        match error.database() {
            Some(cause) => Self::Database(cause.to_string()),
            None => Self::Failed(error.into()),
        }
    }

    /// The exit code of a process that cannot start because of it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Settings(_) => Exit::Settings,
            Self::Listen { .. } => Exit::Listen,
            #[cfg(feature = "database")]
            Self::Open(_) => Exit::Database,
            Self::Database(_) => Exit::Database,
            #[cfg(feature = "database")]
            Self::Failed(fault) if fault.is_of_database() => Exit::Database,
            Self::Failed(_) => Exit::Failed,
        }
    }
}

impl From<Fault> for StartError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

#[cfg(feature = "database")]
impl From<sea_orm::DbErr> for StartError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Database(error.to_string())
    }
}

#[cfg(all(test, feature = "database"))]
mod tests {
    use sea_orm::DbErr;

    use super::*;

    #[test]
    fn each_cause_has_its_exit_code() {
        let taken = io::Error::from(io::ErrorKind::AddrInUse);
        let listen = StartError::Listen { what: "x", address: "127.0.0.1:1".to_owned(), cause: taken };
        let unfit = OpenError::unfit(crate::Role::User, "sqlite:x.db", "it is none");
        for (error, exit) in [
            (StartError::setting("FEIRA_X", "is too short"), Exit::Settings),
            (listen, Exit::Listen),
            (unfit.into(), Exit::Database),
            (DbErr::Custom("x".to_owned()).into(), Exit::Database),
            (
                Fault::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::ConnectionClosed)).into(),
                Exit::Database,
            ),
            (Fault::unavailable("user").into(), Exit::Failed),
            (Fault::internal("x").into(), Exit::Failed),
        ] {
            assert_eq!(error.exit(), exit, "{error}");
        }
        assert_eq!(StartError::setting("FEIRA_X", "is too short").to_string(), "FEIRA_X: is too short");
    }
}
