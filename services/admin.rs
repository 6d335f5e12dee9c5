//! `feira admin`: the operator lets people in again. On the database while the shop is stopped, else by asking the
//! user service, which knows the operator by the mesh secret.

pub mod reach;
mod show;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use contracts::errors::Reason;
use kit::{Fault, Role, Secret, StartError};

use self::{reach::Reach, show::table};
use crate::{banner, error::Error, operator::json};

/// Looks after administrators.
#[derive(clap::Args, Debug)]
pub struct Admin {
    #[command(flatten)]
    reach: Reach,

    #[command(flatten)]
    password: user::AdminPassword,

    #[command(subcommand)]
    task: Task,
}

/// What can be done.
#[derive(clap::Subcommand, Debug)]
enum Task {
    /// Make an administrator, who may do everything
    ///
    /// A generated password goes to standard output, everything else to standard error.
    Create {
        /// Username
        #[arg(value_name = "LOGIN", default_value = user::USERNAME)]
        login: String,
        /// E-mail (default: LOGIN@localhost.invalid, a placeholder that gets no mail)
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        new: NewPassword,
    },
    /// Set a user's password without knowing the old one, and end all the user's sessions
    ///
    /// A generated password goes to standard output, everything else to standard error.
    ResetPassword {
        /// Username or e-mail (default: the administrator `admin`, or the only one that there is)
        #[arg(value_name = "LOGIN")]
        login: Option<String>,
        #[command(flatten)]
        new: NewPassword,
    },
    /// List the administrators
    List {
        /// Show them as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where a password comes from, if it is not generated.
#[derive(clap::Args, Debug)]
struct NewPassword {
    /// File whose first line is the new password (default: for the user `admin` FEIRA_ADMIN_PASSWORD or
    /// FEIRA_ADMIN_PASSWORD_FILE where one is set, else it is generated)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A password, and the setting that gives it where it is not generated.
struct Password {
    secret: Secret,
    given: Option<&'static str>,
}

/// Does what is asked for.
pub async fn admin(admin: Admin) -> Result<(), Error> {
    let Admin { reach, password, task } = admin;
    match task {
        Task::Create { login, email, new } => {
            let email = email.unwrap_or_else(|| user::placeholder_email(&login));
            // Before anything is opened or made: a password file that cannot be read must leave no database behind.
            let password = new.get(&password, &login)?;
            let desk = reach.open(true).await?;
            let shown = Shown::default();
            let made = desk.create(&login, &email, &password.secret, shown.by(&password)).await;
            let made = shown.unless_in_vain(made)?;
            show(&format!("The administrator {:?} was made", made.username), &password);
        }
        Task::ResetPassword { login, new } => {
            let login = login.unwrap_or_default();
            let password = new.get(&password, &login)?;
            let desk = reach.open(false).await?;
            let shown = Shown::default();
            let user = desk.reset_password(&login, &password.secret, shown.by(&password)).await;
            let user = shown.unless_in_vain(user)?;
            show(&format!("The password of {:?} was changed, all sessions ended", user.username), &password);
            if user.disabled {
                banner::note(
                    "The user is disabled, and cannot sign in until another administrator enables the account.\n",
                );
            }
        }
        Task::List { json: as_json } => {
            let users = reach.open(false).await?.list().await?;
            if as_json {
                let next_page_token = String::new();
                banner::print(&json(&contracts::user::ListAdministratorsResponse {
                    users,
                    next_page_token,
                })?)?;
            } else {
                banner::print(&table(&users))?;
            }
        }
    }
    Ok(())
}

impl NewPassword {
    fn get(&self, of_admin: &user::AdminPassword, login: &str) -> Result<Password, Error> {
        let wrong = |error: StartError| Error::role(Role::User, error);
        let given = match &self.password_file {
            Some(file) => Some(user::password_in("--password-file", file).map_err(wrong)?),
            // The setting is that of one user. For another it would be a password that two know.
            None if login.is_empty() || login.eq_ignore_ascii_case(user::USERNAME) => {
                of_admin.given().map_err(wrong)?
            }
            None => None,
        };
        Ok(match given {
            Some((setting, secret)) => Password { secret, given: Some(setting) },
            None => Password { secret: user::generate_password().map_err(Error::other)?, given: None },
        })
    }
}

/// Says what was done, and whose the password is.
fn show(done: &str, password: &Password) {
    match password.given {
        Some(setting) => banner::note(&format!("{done}. The password is that of {setting}.\n")),
        None => banner::note(&format!("{done}.\n")),
    }
}

/// Whether a generated password was shown.
#[derive(Default)]
struct Shown(Arc<AtomicBool>);

impl Shown {
    /// What shows a password that nobody else knows: alone on standard output, for scripts.
    fn by(&self, password: &Password) -> Option<user::Show> {
        if password.given.is_some() {
            return None;
        }
        let shown = self.0.clone();
        Some(Arc::new(move |secret: &Secret| {
            banner::note("The new password, shown this once and kept nowhere:\n");
            banner::print_password(secret.expose()).map_err(|error| {
                Fault::new(
                    Reason::Internal,
                    format!(
                        "nothing was changed: the new password cannot be written to standard output ({error}); \
                         --password-file gives one"
                    ),
                )
            })?;
            shown.store(true, Ordering::Relaxed);
            Ok(())
        }))
    }

    /// What was shown before the change failed must not be taken for the password.
    fn unless_in_vain<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() && self.0.load(Ordering::Relaxed) {
            banner::note(
                "It failed: the password that was shown counts only if the change was made all the same.\n",
            );
        }
        done
    }
}
