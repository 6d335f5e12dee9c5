//! `feira admin`: the operator lets people in again. On the database while the shop is stopped, else by asking the
//! user service, which knows the operator by the mesh secret.

mod reach;
mod show;

use std::path::PathBuf;

use kit::{Role, Secret, StartError};

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
            let password = new.get(&password, &login)?;
            let desk = reach.open(true).await?;
            let made = desk.create(&login, &email, &password.secret).await?;
            tell(&format!("The administrator {:?} was made", made.username), &password);
        }
        Task::ResetPassword { login, new } => {
            let login = login.unwrap_or_default();
            let password = new.get(&password, &login)?;
            let desk = reach.open(false).await?;
            let user = desk.reset_password(&login, &password.secret).await?;
            tell(
                &format!("The password of {:?} was changed, all her sessions ended", user.username),
                &password,
            );
            if user.disabled {
                banner::tell(
                    "She is disabled, and cannot sign in until another administrator enables her.\n",
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
                })?);
            } else {
                banner::print(&table(&users));
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

/// Says what was done, and the password where nobody else knows it: alone on standard output, for scripts.
fn tell(done: &str, password: &Password) {
    match password.given {
        Some(setting) => banner::tell(&format!("{done}. The password is that of {setting}.\n")),
        None => {
            banner::tell(&format!("{done}. The password, shown this once and kept nowhere:\n"));
            banner::print(&format!("{}\n", password.secret.expose()));
        }
    }
}
