//! The first administrator, without whom nobody could let anybody in.

use kit::{Call, Db, Fault, Reason, Role, StartError, Writer, audit_log::Act};
use rand::{Rng, distr::Alphanumeric};

use super::show::{Show, Showing};
use crate::{
    Secret,
    credentials::{Hasher, PasswordHash},
    domain::roles::RoleSet,
    error::Error,
    store::{
        audit,
        users::{self, NewUser},
    },
};

/// The first administrator's username.
pub const USERNAME: &str = "admin";
/// About 190 bits.
const GENERATED_LENGTH: usize = 32;

/// A password that nobody guesses.
pub fn generate_password() -> Result<Secret, Fault> {
    let text: String = rand::rng().sample_iter(Alphanumeric).take(GENERATED_LENGTH).map(char::from).collect();
    text.parse().map_err(Fault::internal)
}

/// The e-mail of an administrator who has none: a placeholder under a name that never resolves (RFC 2606), to be
/// changed by its owner.
pub fn placeholder_email(username: &str) -> String {
    format!("{username}@localhost.invalid")
}

/// What became of the first administrator.
#[derive(Debug, PartialEq, Eq)]
pub enum AdminOutcome {
    /// There is an administrator; nothing was done.
    Exists,
    /// The same, and this one's password was printed, and is still the same.
    Printed(String),
    /// The same, and the password that this setting gives is not that of the user `admin`.
    NotUsed(&'static str),
    /// Made, with the password that the configuration names.
    Made,
    /// Made, with this password, which was shown and is kept nowhere.
    MadeWith(Secret),
    /// Another process made the administrator while this one tried: the password that this one showed counts for
    /// nothing.
    MadeElsewhere,
}

/// The first administrator, to be made once all that can fail has succeeded.
pub struct FirstAdministrator {
    pub(crate) db: Db,
    pub(crate) hasher: Hasher,
    pub(crate) given: Option<(&'static str, Secret)>,
}

impl FirstAdministrator {
    /// Makes the user `admin` where no user is an administrator. Of replicas that try at once, one succeeds.
    ///
    /// A generated password is shown between the INSERT and its COMMIT. So it is never stored without having been
    /// shown, whenever the process is killed; and where it was shown in vain, there is still no administrator, and
    /// the next start shows another. The INSERT comes first because of replicas that try at once: those that do not
    /// get their turn wait in it, fail by the unique constraint, and show nothing.
    pub async fn ensure(self, show: Show) -> Result<AdminOutcome, StartError> {
        let Self { db, hasher, given } = self;
        let db = Writer::<Error>::from(db);
        if users::has_administrator(db.read()).await? {
            return exists(&db, &hasher, given).await;
        }
        let generated = given.is_none();
        let password = match given {
            Some((_, secret)) => secret,
            None => generate_password()?,
        };
        let password_hash = hasher.hash(password.expose()).await?;
        let call = Call::of_service(Role::User, "make the first administrator");
        let showing = Showing::new(password.clone(), generated.then_some(show));
        let shown = showing.clone();
        let made = db.transact(&call, (password_hash, showing), move |tx, input| async move {
            let (password_hash, showing) = &*input;
            let email = placeholder_email(USERNAME);
            let new = new_administrator(USERNAME, &email, password_hash.clone(), generated);
            let user = users::insert(&tx, new).await?;
            audit::record(&tx, &Act::new("administrator.created").of(user.id)).await?;
            Ok(showing.once().await?)
        });
        match made.await {
            Ok(()) if generated => Ok(AdminOutcome::MadeWith(password)),
            Ok(()) => Ok(AdminOutcome::Made),
            Err(Error::UsernameTaken | Error::EmailTaken) if users::has_administrator(db.read()).await? => {
                Ok(if shown.was_shown() { AdminOutcome::MadeElsewhere } else { AdminOutcome::Exists })
            }
            Err(Error::UsernameTaken | Error::EmailTaken) => Err(Fault::new(
                Reason::IllegalState,
                "no user is an administrator, and the username admin or its e-mail belongs to somebody else: \
                 `feira admin create` makes one of another name",
            )
            .into()),
            Err(error) => Err(StartError::of(error)),
        }
    }
}

/// There is an administrator already: says whether a password that is given is of any use.
async fn exists(
    db: &Db,
    hasher: &Hasher,
    given: Option<(&'static str, Secret)>,
) -> Result<AdminOutcome, StartError> {
    let Some((setting, password)) = given else {
        let printed = users::with_printed_password(db.read()).await?;
        return Ok(printed.map_or(AdminOutcome::Exists, |admin| AdminOutcome::Printed(admin.username)));
    };
    let admin = users::by_login(db.read(), USERNAME).await?;
    let hash = admin.as_ref().map(|admin| &admin.password_hash);
    let used = hasher.verify(password.expose(), hash).await?;
    Ok(if used { AdminOutcome::Exists } else { AdminOutcome::NotUsed(setting) })
}

/// What an administrator begins with.
pub fn new_administrator(
    username: &str,
    email: &str,
    password_hash: PasswordHash,
    password_printed: bool,
) -> NewUser {
    NewUser {
        username: username.to_owned(),
        email: email.to_owned(),
        email_verified: true,
        password_hash,
        password_printed,
        first_name: String::new(),
        last_name: String::new(),
        roles: RoleSet::FIRST_ADMINISTRATOR,
    }
}
