//! Schemas of newer programs: which of them an older one may use.
//!
//! While an upgrade is rolled out, or rolled back, processes of two releases use one database. A migration that leaves
//! everything in place which the release before uses says so in its name: `m000031_drop_old_codes_since_27` is one that
//! programs can live with whose own schema is 27 or later. Whoever finds a migration that says less, or nothing, does not start.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTrait;

/// The name's part before the number of the oldest schema.
const SINCE: &str = "_since_";

/// Looks for migrations that this program does not know: whether there are any, all of which let it be.
pub(in crate::db) async fn is_newer<M: MigratorTrait>(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let known: Vec<String> = M::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = M::get_migration_models(db).await?.into_iter().map(|row| row.version);
    let applied: Vec<String> = applied.collect();
    judge(&known, &applied).map_err(DbErr::Migration)
}

fn judge(known: &[String], applied: &[String]) -> Result<bool, String> {
    let unknown: Vec<&String> = applied.iter().filter(|name| !known.contains(name)).collect();
    let own = known.last().and_then(|name| number(name));
    for name in &unknown {
        let since = name.rsplit_once(SINCE).and_then(|(_, since)| since.parse::<u32>().ok());
        if since.zip(own).is_none_or(|(since, own)| since > own) {
            return Err(format!(
                "it has a migration of a newer program, {name}, which this one cannot live with: use the newer one, or restore a \
                 backup from before"
            ));
        }
    }
    // Applying older ones after newer ones is for nobody to foresee.
    match known.iter().find(|name| !applied.contains(name)) {
        Some(missing) if !unknown.is_empty() => {
            Err(format!("it has migrations of a newer program, but not {missing}: it is of no release"))
        }
        _ => Ok(!unknown.is_empty()),
    }
}

/// The number of a migration, `m000031_…`.
fn number(name: &str) -> Option<u32> {
    name.strip_prefix('m')?.split('_').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(known: &[&str], applied: &[&str]) -> Result<bool, String> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        judge(&owned(known), &owned(applied))
    }

    #[test]
    fn a_newer_schema_says_whom_it_lets_be() {
        let known = ["m000001_a", "m000002_b"];
        assert_eq!(of(&known, &["m000001_a"]), Ok(false), "an older one is brought up to date");
        assert_eq!(of(&known, &known), Ok(false));
        let with = |name: &'static str| of(&known, &["m000001_a", "m000002_b", name]);
        for fits in ["m000003_new_column_since_2", "m000009_c_since_1", "m000003_d_since_00002"] {
            assert_eq!(with(fits), Ok(true), "{fits}");
        }
        for unfit in
            ["m000003_c", "m000003_c_since_3", "m000003_since", "m000003_since_", "m000003_since_x", "later"]
        {
            assert!(with(unfit).unwrap_err().contains(unfit), "{unfit}");
        }
        assert!(of(&known, &["m000001_a", "m000003_c_since_1"]).unwrap_err().contains("m000002_b"));
        assert!(of(&known, &["m000001_a", "m000002_b", "m000003_c_since_1", "m000004_d"]).is_err());
    }
}
