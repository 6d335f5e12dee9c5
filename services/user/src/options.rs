//! The settings of the user service.

use std::{path::Path, time::Duration};

use kit::{SecretSource, StartError};

use crate::{Secret, credentials::Hasher, domain::signing_keys::Schedule};

/// What can be set.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Options {
    #[command(flatten)]
    pub admin: AdminPassword,
    /// Failed sign-ins of one account from one source (an IPv4 address, a /64 of IPv6) within the window before more are
    /// refused; 0 is without limit
    #[arg(long, env = "FEIRA_SIGN_IN_ATTEMPTS", default_value_t = 10, value_name = "COUNT")]
    pub sign_in_attempts: u32,
    /// The same from one source over all accounts, but for those that have had a session there
    #[arg(long, env = "FEIRA_SIGN_IN_ATTEMPTS_PER_SOURCE", default_value_t = 100, value_name = "COUNT")]
    pub sign_in_attempts_per_source: u32,
    /// The same of one account over all sources at which it has had no session
    #[arg(long, env = "FEIRA_SIGN_IN_ATTEMPTS_PER_ACCOUNT", default_value_t = 100, value_name = "COUNT")]
    pub sign_in_attempts_per_account: u32,
    /// Accounts made from one source within an hour; 0 is without limit
    #[arg(long, env = "FEIRA_REGISTRATIONS_PER_HOUR", default_value_t = 60, value_name = "COUNT")]
    pub registrations_per_hour: u32,
    /// Who has no rights but a customer's until they have a second factor, or sign in by a passkey
    #[arg(long, env = "FEIRA_REQUIRE_SECOND_FACTOR", value_enum, default_value_t = SecondFactor::None, value_name = "staff|none")]
    pub require_second_factor: SecondFactor,
    /// Whether who signs in by a password that Feira has generated and shown has no rights but a customer's until it is
    /// changed
    #[arg(long, env = "FEIRA_REQUIRE_PASSWORD_CHANGE", default_value_t = false, action = clap::ArgAction::Set, value_name = "true|false")]
    pub require_password_change: bool,
    /// What the shop is called: in authenticators, and no password may be that
    #[arg(long, env = "FEIRA_SHOP_NAME", default_value = "Feira", value_name = "NAME")]
    pub shop_name: String,
    /// How long failed sign-ins count, from the first of them on
    #[arg(long, env = "FEIRA_SIGN_IN_WINDOW", default_value = "15m", value_parser = kit::duration, value_name = "TIME")]
    pub sign_in_window: Duration,
    /// Sessions that a user may have at a time; one more ends the oldest
    #[arg(long, env = "FEIRA_SESSIONS_PER_USER", default_value_t = 50, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub sessions_per_user: u32,
    /// Checks of usernames a second, source and process, with five seconds' worth at once; 0 is without limit
    #[arg(long, env = "FEIRA_USERNAME_CHECKS_PER_SECOND", default_value_t = 5, value_name = "COUNT")]
    pub username_checks_per_second: u32,
    /// How long ago somebody may have signed in who changes the own e-mail, adds an API key or a passkey, or erases the account
    #[arg(long, env = "FEIRA_REAUTHENTICATION_WINDOW", default_value = "10m", value_parser = kit::some_time, value_name = "TIME")]
    pub reauthentication_window: Duration,
    /// How long the audit log keeps what happened
    #[arg(long, env = "FEIRA_AUDIT_RETENTION", default_value = "365d", value_parser = kit::some_time, value_name = "TIME")]
    pub audit_retention: Duration,
    #[command(flatten)]
    pub signing_keys: SigningKeySchedule,
    #[command(flatten)]
    pub hashing: Hashing,
}

/// When another key signs access tokens.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct SigningKeySchedule {
    /// How long a key signs access tokens before another takes its place; 0 is until `feira keys rotate`
    #[arg(long, env = "FEIRA_SIGNING_KEY_ROTATION", default_value = "90d", value_parser = kit::duration, value_name = "TIME")]
    pub signing_key_rotation: Duration,
    /// How long a new key is published before it signs, for whoever verifies tokens to learn it
    #[arg(long, env = "FEIRA_SIGNING_KEY_LEAD", default_value = "10m", value_parser = kit::duration_within(Duration::from_secs(1)..=Duration::from_secs(7 * 86_400)), value_name = "TIME")]
    pub signing_key_lead: Duration,
}

impl SigningKeySchedule {
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule { rotation: self.signing_key_rotation, lead: self.signing_key_lead }
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        let SigningKeySchedule { signing_key_rotation: rotation, signing_key_lead: lead } = self;
        match rotation.is_zero() || rotation > lead {
            true => Ok(()),
            false => {
                let problem = "must be more than --signing-key-lead, or 0";
                Err(StartError::setting("--signing-key-rotation", problem))
            }
        }
    }
}

/// Who must have a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SecondFactor {
    Staff,
    None,
}

/// What hashing a password costs.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Hashing {
    /// Memory that hashing one password takes, in KiB (argon2id); less is for tests only
    #[arg(long, env = "FEIRA_PASSWORD_MEMORY_KIB", default_value_t = 19_456, value_name = "KIB", hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(8..))]
    pub password_memory_kib: u32,
    /// Iterations of hashing a password (argon2id); fewer is for tests only
    #[arg(long, env = "FEIRA_PASSWORD_ITERATIONS", default_value_t = 2, value_name = "COUNT", hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub password_iterations: u32,
}

impl Hashing {
    pub(crate) fn hasher(&self) -> Result<Hasher, StartError> {
        Hasher::new(self.password_memory_kib, self.password_iterations)
    }
}

kit::secret_setting! {
    /// The password of the user `admin`.
    pub AdminPasswordSetting: "admin-password", "FEIRA_ADMIN_PASSWORD", "PASSWORD",
        "Password of the first administrator, the user `admin`; without one it is generated and shown once",
        "File whose first line is the password of the first administrator";
}

/// The password of the user `admin`.
#[derive(clap::Args, Debug, Clone, Default)]
#[group(skip)]
pub struct AdminPassword {
    #[command(flatten)]
    pub source: SecretSource<AdminPasswordSetting>,
}

impl AdminPassword {
    /// The password that is given, and the setting that gives it.
    pub fn given(&self) -> Result<Option<(&'static str, Secret)>, StartError> {
        self.source.read()?.map(|(setting, secret)| checked(setting, secret)).transpose()
    }
}

/// The password in the first line of a file that a setting names.
pub fn password_in(setting: &'static str, path: &Path) -> Result<(&'static str, Secret), StartError> {
    checked(setting, Secret::read(setting, path)?)
}

fn checked(setting: &'static str, secret: Secret) -> Result<(&'static str, Secret), StartError> {
    match secret.expose().chars().count() {
        8..=128 => Ok((setting, secret)),
        _ => Err(StartError::setting(setting, "a password has 8 to 128 characters")),
    }
}
