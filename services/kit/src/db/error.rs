//! Why a database cannot be opened or migrated.

use sea_orm::DbErr;

use crate::{
    Role,
    fault::{Meaning, is_lasting},
};

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{role} database: {location} cannot be opened: {problem}")]
    Unreachable {
        role: Role,
        location: String,
        problem: String,
        /// Waiting may help: nobody answers, or whoever does is on its way up or down.
        passes: bool,
    },
    #[error("{role} database: {problem}")]
    Migration { role: Role, problem: String, passes: bool },
    #[error("the {role} database URL is not one of sqlite:, postgres:, mysql: or mariadb:")]
    Url { role: Role },
}

impl OpenError {
    /// A database that will not do.
    pub fn unfit(role: Role, location: &str, problem: impl std::fmt::Display) -> Self {
        let (location, problem) = (location.to_owned(), problem.to_string());
        Self::Unreachable { role, location, problem, passes: false }
    }

    pub(super) fn unreachable(role: Role, location: &str, error: &DbErr) -> Self {
        // A pool tries again by itself, and its error is then a timeout without the cause.
        let problem = match error {
            DbErr::ConnectionAcquire(_) => "it does not answer".to_owned(),
            DbErr::Conn(sea_orm::RuntimeErr::SqlxError(cause))
                if matches!(cause.as_ref(), sqlx::Error::PoolTimedOut) =>
            {
                "it does not answer".to_owned()
            }
            other => other.to_string(),
        };
        Self::Unreachable { role, location: location.to_owned(), problem, passes: !is_lasting(error) }
    }

    pub(super) fn migration(role: Role, error: &DbErr) -> Self {
        // Another process may be at it, or the server takes no writes until somebody has failed over to it.
        let passes = Meaning::of(error) != Meaning::Other && !is_lasting(error);
        Self::Migration { role, problem: error.to_string(), passes }
    }
}
