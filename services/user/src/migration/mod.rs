//! The schema of the user database.

mod m000002_accounts;
mod m000003_sessions;
mod m000004_keys;
mod m000005_words;
mod m000006_phones;
mod m000007_names;
mod m000008_clients;
mod m000009_audit;
mod m000010_confirmation;
mod m000011_second_factors;
mod m000012_api_keys;
mod m000013_roles;
mod m000014_canonical;
mod m000015_key_times;
mod m000016_printed_passwords;
mod m000017_passkeys;

use sea_orm_migration::prelude::*;

/// All migrations, the oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(kit::migration::Base),
            Box::new(kit::migration::Instances),
            Box::new(kit::migration::Tasks),
            Box::new(m000002_accounts::Accounts),
            Box::new(m000003_sessions::Sessions),
            Box::new(m000004_keys::Keys),
            Box::new(m000005_words::Words),
            Box::new(m000006_phones::Phones),
            Box::new(m000007_names::Names),
            Box::new(m000008_clients::Clients),
            Box::new(m000009_audit::Audit),
            Box::new(m000010_confirmation::Confirmation),
            Box::new(m000011_second_factors::SecondFactors),
            Box::new(m000012_api_keys::ApiKeys),
            Box::new(m000013_roles::Roles),
            Box::new(m000014_canonical::Canonical),
            Box::new(m000015_key_times::KeyTimes),
            Box::new(m000016_printed_passwords::PrintedPasswords),
            Box::new(m000017_passkeys::Passkeys),
        ]
    }
}
