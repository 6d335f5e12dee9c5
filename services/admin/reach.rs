//! Where the administrators are: in a database that nobody serves, or behind a user service that runs.

use std::{path::Path, time::Duration};

use contracts::user::{
    CreateAdministratorRequest, GetSigningKeysRequest, ListAdministratorsRequest, RewrapRequest,
    RewrapResponse, RotateSigningKeysRequest, SetPasswordRequest, SigningKeys, User,
    administrator_service_client::AdministratorServiceClient,
};
use kit::{Db, Fault, Role, Secret, StartError, db::DatabaseOptions};
use tonic::{Code, Status, transport::Channel};
use user::{KeyFile, Show, SigningKeySchedule};

use crate::{
    data,
    databases::{self, in_use, open_and_migrate, patiently},
    error::Error,
    health::url_of,
    operator::Way,
    roles::{self, Schema},
    settings::{ConfigFile, DataDir, Databases, MeshFiles, Roles, SharedSecret, role_url},
};

/// The page of administrators that is asked for.
const PAGE: i32 = 1_000;

/// Where to look, and as whom to ask.
#[derive(clap::Args, Debug)]
pub struct Reach {
    /// Where the user service runs, as http://HOST:PORT. Without it, the database is looked into that `serve` would
    /// use with the same settings; where a running process has an embedded one open, that is asked at
    /// --grpc-listen
    #[arg(long, value_name = "URL", value_parser = role_url)]
    url: Option<String>,

    /// Where the user service is reached by gRPC, where it runs elsewhere
    #[arg(long, env = "FEIRA_USER_URL", value_name = "URL", value_parser = role_url)]
    user_url: Option<String>,

    /// Where the process listens for gRPC
    #[arg(long, env = "FEIRA_GRPC_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:50051")]
    grpc_listen: String,

    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = kit::duration)]
    timeout: Duration,

    #[command(flatten)]
    roles: Roles,

    #[command(flatten)]
    data: DataDir,

    #[command(flatten)]
    databases: Databases,

    #[command(flatten)]
    secret: SharedSecret,

    #[command(flatten)]
    files: MeshFiles,

    #[command(flatten)]
    hashing: user::Hashing,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Who does it.
pub enum Desk {
    Offline(user::Offline),
    Running(Box<Way>),
}

impl Reach {
    /// Opens a database, or the way to who has it. `make` says whether a shop that was never started is made: to look
    /// is no reason to.
    pub async fn open(&self, make: bool) -> Result<Desk, Error> {
        if let Some(url) = self.url.as_ref().or(self.user_url.as_ref()) {
            return self.ask(url).await;
        }
        let here = self.roles.get();
        if !here.contains(&Role::User) {
            return Err(Error::usage("the user service does not run here: say by --user-url where it does"));
        }
        let options = databases::options(&self.databases, &self.data, Role::User, &here, None)?;
        if !kit::db::exists(&options.url) && !make {
            let problem = "there is none yet: the shop was never started with these settings";
            return Err(in_use(Role::User, &options.url, problem));
        }
        data::make_folder_for(&options.url, &self.data)?;
        // The claim decides between this command and a process that starts: whoever has it works on the file, and
        // the other asks or is refused.
        match kit::db::claim(&options.url) {
            Ok(true) => self.look(options, make).await,
            Ok(false) => {
                let url = url_of(&self.grpc_listen, self.files.are_given())?;
                self.ask(&url).await.map_err(|error| match error {
                    Error::Unhealthy(problem) => Error::Unhealthy(format!(
                        "another process has the user database open, but {problem}: say by --url where it serves gRPC"
                    )),
                    other => other,
                })
            }
            Err(error) => Err(in_use(Role::User, &options.url, &error.to_string())),
        }
    }

    /// The folder of generated secrets.
    pub fn folder(&self) -> &Path {
        &self.data.path
    }

    async fn look(&self, options: DatabaseOptions, make: bool) -> Result<Desk, Error> {
        let wait = self.databases.database_wait;
        let db = if make {
            open_and_migrate(options, wait).await?.0
        } else {
            let db = patiently(&options, wait, async || Db::open(options.clone()).await).await?;
            // Not migrated: on a database server older processes may be at work, and a new password is no reason to
            // upgrade under them.
            let migrations = roles::migrations(&db, Schema::Show).await?;
            if migrations.iter().any(|(_, applied)| !applied) {
                let problem = "its schema is not up to date: `feira migrate` brings it there";
                return Err(in_use(Role::User, &options.url, problem));
            }
            db
        };
        let offline = user::Offline::new(db, &self.hashing);
        Ok(Desk::Offline(offline.map_err(|error| Error::role(Role::User, error))?))
    }

    async fn ask(&self, url: &str) -> Result<Desk, Error> {
        Way::open(url.to_owned(), Role::User, (&self.secret, &self.files), &self.data, self.timeout)
            .await
            .map(Box::new)
            .map(Desk::Running)
    }
}

impl Desk {
    /// Makes an administrator. The password is shown before it counts, where `show` is there.
    pub async fn create(
        &self,
        username: &str,
        email: &str,
        password: &Secret,
        show: Option<Show>,
    ) -> Result<User, Error> {
        let way = match self {
            Self::Offline(offline) => {
                return offline.create(username, email, password, show).await.map_err(failed);
            }
            Self::Running(way) => way,
        };
        let request = way.request(CreateAdministratorRequest {
            username: username.to_owned(),
            email: email.to_owned(),
            password: password.expose().to_owned(),
            printed: show.is_some(),
        })?;
        shown(show, password)?;
        let answer = client(way).create_administrator(request).await;
        Ok(answer.map_err(|status| refused(way, &status))?.into_inner())
    }

    /// Sets a user's password; an empty login is the administrator. It is shown before that counts, where `show` is
    /// there.
    pub async fn reset_password(
        &self,
        login: &str,
        password: &Secret,
        show: Option<Show>,
    ) -> Result<User, Error> {
        let way = match self {
            Self::Offline(offline) => {
                return offline.reset_password(login, password, show).await.map_err(failed);
            }
            Self::Running(way) => way,
        };
        let (login, new_password) = (login.to_owned(), password.expose().to_owned());
        let request = way.request(SetPasswordRequest { login, new_password, printed: show.is_some() })?;
        shown(show, password)?;
        let answer = client(way).set_password(request).await;
        Ok(answer.map_err(|status| refused(way, &status))?.into_inner())
    }

    /// All administrators, the newest first.
    pub async fn list(&self) -> Result<Vec<User>, Error> {
        let way = match self {
            Self::Offline(offline) => return offline.list().await.map_err(failed),
            Self::Running(way) => way,
        };
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = way.request(ListAdministratorsRequest { page_size: PAGE, page_token })?;
            let answer = client(way).list_administrators(request).await;
            let page = answer.map_err(|status| refused(way, &status))?.into_inner();
            all.extend(page.users);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }
}

impl Desk {
    /// The keys that sign and verify access tokens.
    pub async fn signing_keys(&self) -> Result<SigningKeys, Error> {
        let way = match self {
            Self::Offline(offline) => return offline.signing_keys().await.map_err(failed),
            Self::Running(way) => way,
        };
        let answer = client(way).get_signing_keys(way.request(GetSigningKeysRequest {})?).await;
        Ok(answer.map_err(|status| refused(way, &status))?.into_inner())
    }

    /// Makes another one. The key file is read where it is done here.
    pub async fn rotate_signing_keys(
        &self,
        file: impl Fn() -> Result<KeyFile, Error>,
        schedule: &SigningKeySchedule,
        withdraw: &str,
    ) -> Result<SigningKeys, Error> {
        let way = match self {
            Self::Offline(offline) => {
                let done = offline.rotate_signing_keys(&file()?, schedule, withdraw).await;
                return done.map_err(|error| match error {
                    StartError::Failed(fault) => failed(fault),
                    error => Error::role(Role::User, error),
                });
            }
            Self::Running(way) => way,
        };
        let request = way.request(RotateSigningKeysRequest { withdraw: withdraw.to_owned() })?;
        let answer = client(way).rotate_signing_keys(request).await;
        Ok(answer.map_err(|status| refused(way, &status))?.into_inner())
    }

    /// Wraps some of what an older key has wrapped by the first one.
    pub async fn rewrap(
        &self,
        file: impl Fn() -> Result<KeyFile, Error>,
        after: String,
    ) -> Result<RewrapResponse, Error> {
        let way = match self {
            Self::Offline(offline) => return offline.rewrap(&file()?, &after).await.map_err(failed),
            Self::Running(way) => way,
        };
        let answer = client(way).rewrap(way.request(RewrapRequest { after })?).await;
        Ok(answer.map_err(|status| refused(way, &status))?.into_inner())
    }
}

/// Before the service is asked: it may do so and its answer be lost.
fn shown(show: Option<Show>, password: &Secret) -> Result<(), Error> {
    show.map_or(Ok(()), |show| show(password)).map_err(failed)
}

fn client(way: &Way) -> AdministratorServiceClient<Channel> {
    AdministratorServiceClient::new(way.channel.clone())
}

/// What the service said: a refusal, or why there is no answer.
fn refused(way: &Way, status: &Status) -> Error {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted
        | Code::FailedPrecondition => failed(Fault::of(status)),
        Code::Unimplemented => {
            Error::Unhealthy(format!("no user service that knows `feira admin` runs at {}", way.url))
        }
        _ => way.failed(status),
    }
}

fn failed(fault: Fault) -> Error {
    match (fault.code, fault.fields.first()) {
        (Code::InvalidArgument, Some((field, problem))) => Error::usage(format!("{field}: {problem}")),
        (Code::InvalidArgument, None) => Error::usage(fault.message),
        (Code::Unavailable, _) => Error::role(Role::User, fault.into()),
        _ => Error::other(fault.message),
    }
}
