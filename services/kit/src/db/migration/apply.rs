//! Applying a service's migrations to its database.

use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr};
use sea_orm_migration::MigratorTrait;

use crate::{
    Db,
    db::{OpenError, migration::is_newer, mysql},
};

impl Db {
    /// Applies what is missing of the schema, once however many replicas start together. Answers with the
    /// names of what it applied. A database with a migration that this binary does not know is refused.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<Vec<String>, OpenError> {
        self.migrate_steps::<M>(None).await
    }

    /// As [`Db::migrate`], but what comes before a step alone: a test's way to the schema of an earlier version.
    pub async fn migrate_before<M: MigratorTrait>(&self, step: &str) -> Result<Vec<String>, OpenError> {
        let before = M::migrations().iter().take_while(|known| known.name() != step).count();
        self.migrate_steps::<M>(Some(before as u32)).await
    }

    /// As [`Db::migrate`], the next `steps` of what is missing alone: a test's way to the schema of an earlier
    /// version.
    pub async fn migrate_steps<M: MigratorTrait>(
        &self,
        steps: Option<u32>,
    ) -> Result<Vec<String>, OpenError> {
        let failed = |error: DbErr| OpenError::migration(self.0.role, &error);
        if self.0.backend == DatabaseBackend::MySql {
            let applied = mysql::migrate::<M>(&self.0.url, steps).await.map_err(failed)?;
            if applied.is_none() {
                self.says_it_is_newer();
            }
            return Ok(applied.unwrap_or_default());
        }
        let tx = self.0.writer.begin_migration().await.map_err(failed)?;
        if self.0.backend == DatabaseBackend::Postgres {
            // Replicas that start together take turns here; the second one finds nothing pending. SQLite's write lock
            // does the same, and on MySQL a named lock (`mysql::migrate`).
            tx.execute_unprepared("SELECT pg_advisory_xact_lock(7166391372)").await.map_err(failed)?;
        }
        M::install(&tx).await.map_err(failed)?;
        if is_newer::<M>(&tx).await.map_err(failed)? {
            self.says_it_is_newer();
            return tx.rollback().await.map(|()| Vec::new()).map_err(failed);
        }
        let pending: Vec<String> = M::get_pending_migrations(&tx)
            .await
            .map_err(failed)?
            .iter()
            .take(steps.map_or(usize::MAX, |steps| steps as usize))
            .map(|step| step.name().to_owned())
            .collect();
        if !pending.is_empty() {
            M::up(&tx, steps).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(pending)
    }

    fn says_it_is_newer(&self) {
        tracing::warn!(role = %self.0.role, "schema.newer");
    }

    /// The names of all migrations, with whether they are applied.
    pub async fn migrations<M: MigratorTrait>(&self) -> Result<Vec<(String, bool)>, OpenError> {
        let failed = |error: DbErr| OpenError::migration(self.0.role, &error);
        let tx = self.0.writer.begin_migration().await.map_err(failed)?;
        M::install(&tx).await.map_err(failed)?;
        if is_newer::<M>(&tx).await.map_err(failed)? {
            tx.rollback().await.map_err(failed)?;
            return Ok(M::migrations().iter().map(|step| (step.name().to_owned(), true)).collect());
        }
        let steps = M::get_migration_with_status(&tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(steps
            .iter()
            .map(|step| {
                (step.name().to_owned(), step.status() == sea_orm_migration::MigrationStatus::Applied)
            })
            .collect())
    }
}
