//! The first administrator, without whom nobody could let anybody in.

use std::path::Path;

use kit::{Call, Db, Fault, Role, Tx};
use rand::{Rng, distr::Alphanumeric};
use tonic::Code;

use crate::{
    Options, Secret,
    domain::roles::RoleSet,
    error::Error,
    password::Hasher,
    store::users::{self, NewUser},
};

/// The first administrator's username.
pub const USERNAME: &str = "admin";
/// A placeholder under a name that never resolves (RFC 2606), to be changed by its owner.
const EMAIL: &str = "admin@localhost.invalid";
/// About 190 bits.
const GENERATED_LENGTH: usize = 32;

/// What became of the first administrator.
#[derive(Debug, PartialEq, Eq)]
pub enum AdminOutcome {
    /// There is an administrator; nothing was done.
    Exists,
    /// Made, with the password that the configuration names.
    Made,
    /// Made, with this password, which is kept nowhere: show it once.
    MadeWith(Secret),
}

/// Makes the user `admin` where no user is an administrator. Of replicas that try at once, one succeeds.
pub async fn ensure_admin(db: &Db, hasher: &Hasher, options: &Options) -> Result<AdminOutcome, Fault> {
    if users::has_administrator(db.read()).await? {
        return Ok(AdminOutcome::Exists);
    }
    let given = given(options)?;
    let password = match &given {
        Some(secret) => secret.clone(),
        None => generate()?,
    };
    let password_hash = hasher.hash(password.expose()).await?;
    let call = Call::of_service(Role::User, "make the first administrator");
    let made = kit::transact(db, &call, move |tx: Tx| {
        let password_hash = password_hash.clone();
        async move {
            let new = NewUser {
                username: USERNAME.to_owned(),
                email: EMAIL.to_owned(),
                password_hash,
                first_name: String::new(),
                last_name: String::new(),
                roles: RoleSet::FIRST_ADMINISTRATOR,
            };
            users::insert(&tx, new).await
        }
    })
    .await;
    match made {
        Ok(_) if given.is_some() => Ok(AdminOutcome::Made),
        Ok(_) => Ok(AdminOutcome::MadeWith(password)),
        Err(Error::UsernameTaken | Error::EmailTaken) if users::has_administrator(db.read()).await? => {
            Ok(AdminOutcome::Exists)
        }
        Err(Error::UsernameTaken | Error::EmailTaken) => Err(Fault::new(
            Code::FailedPrecondition,
            kit::reason::ILLEGAL_STATE,
            "no user is an administrator, and the username admin or its e-mail belongs to somebody else",
        )),
        Err(error) => Err(error.into()),
    }
}

fn given(options: &Options) -> Result<Option<Secret>, Fault> {
    let (secret, name) = match (&options.admin_password, &options.admin_password_file) {
        (Some(secret), _) => (secret.clone(), "FEIRA_ADMIN_PASSWORD"),
        (None, Some(path)) => (read(path)?, "FEIRA_ADMIN_PASSWORD_FILE"),
        (None, None) => return Ok(None),
    };
    match secret.expose().chars().count() {
        8..=128 => Ok(Some(secret)),
        _ => Err(Fault::invalid(name, "a password has 8 to 128 characters")),
    }
}

/// The first line of a file.
fn read(path: &Path) -> Result<Secret, Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::invalid("FEIRA_ADMIN_PASSWORD_FILE", format!("{}: {error}", path.display()))
    })?;
    text.lines().next().unwrap_or_default().parse().map_err(Fault::internal)
}

fn generate() -> Result<Secret, Fault> {
    let text: String = rand::rng().sample_iter(Alphanumeric).take(GENERATED_LENGTH).map(char::from).collect();
    text.parse().map_err(Fault::internal)
}
