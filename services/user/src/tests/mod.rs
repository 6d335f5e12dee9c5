//! Tests of the service as its callers see it: through the generated clients and the layers in front of the
//! handlers, on a fresh database each.

mod accounts;
mod address_books;
mod administrators;
mod erasure;
mod feed;
mod identity;
mod keys;
mod many_sessions;
mod migrations;
mod passkeys;
mod passwords;
mod privacy;
mod rewrapping;
mod sessions;
mod sign_in;

use std::{collections::HashMap, sync::Arc};

use contracts::user::{
    CreateUserRequest, DisableUserRequest, SetRolesRequest, SignInRequest, Tokens, User,
    administrator_service_client::AdministratorServiceClient, auth_service_client::AuthServiceClient,
    user_service_client::UserServiceClient,
};
use kit::{
    Clock, Conn, Context, Db, Fault, Identity, Mesh, Role, SecretSource, StartError, Tasks, Time,
    access::Methods, conn::Local, identity::MeshSecret, layer::Front, testing::Database,
};
use tonic::{Request, Response, Status};

use crate::{
    AdminOutcome, AdminPassword, Around, Hashing, KeyFile, Migrator, Options, Secret, SigningKeySchedule,
    start,
};

const PASSWORD: &str = "correct horse";
const ADMIN_PASSWORD: &str = "battery staple";
/// The origin of the shop's pages.
const LOCAL_URL: &str = "https://loja.example";

/// A database, and its clock.
struct House {
    database: Database,
    clock: Clock,
}

/// One process of the service.
#[derive(Clone)]
struct Replica {
    _database: Database,
    db: Db,
    clock: Clock,
    /// The way of the other services to this one.
    mesh: Mesh,
    conn: Conn,
    identity: Identity,
    /// The first administrator's password, where this replica generated it.
    generated: Option<Secret>,
}

impl House {
    async fn new() -> Self {
        Self { database: Database::new(Role::User).await, clock: Clock::manual(Time(1_800_000_000_000_000)) }
    }

    fn options() -> Options {
        Options {
            admin: AdminPassword { source: SecretSource::text(ADMIN_PASSWORD.parse().unwrap()) },
            sign_in_attempts: 10,
            sign_in_window: std::time::Duration::from_secs(900),
            sign_in_attempts_per_source: 100,
            sign_in_attempts_per_account: 100,
            registrations_per_hour: 0,
            require_second_factor: crate::SecondFactor::None,
            require_password_change: false,
            shop_name: "Loja".to_owned(),
            username_checks_per_second: 0,
            sessions_per_user: 50,
            reauthentication_window: std::time::Duration::from_secs(600),
            audit_retention: std::time::Duration::from_secs(86_400),
            signing_keys: SigningKeySchedule {
                signing_key_rotation: std::time::Duration::from_secs(90 * 86_400),
                signing_key_lead: std::time::Duration::from_secs(600),
            },
            hashing: Hashing { password_memory_kib: 8, password_iterations: 1 },
        }
    }

    async fn replica(&self) -> Replica {
        self.replica_with(&Self::options(), keys_of(7)).await.unwrap()
    }

    async fn replica_with(&self, options: &Options, key_file: KeyFile) -> Result<Replica, StartError> {
        let clock = self.clock.clone();
        let db = self.database.migrated::<Migrator>(clock.clone()).await;
        let identity = Identity::new(MeshSecret::new("a mesh of tests"), clock.clone()).unwrap();
        let methods = Methods::read(contracts::pool()).unwrap();
        let local = Local::default();
        let mesh =
            Mesh::new(&[Role::User], &local, &HashMap::new(), identity.clone(), methods.clone()).unwrap();
        let context = Context {
            clock: clock.clone(),
            mesh: mesh.clone(),
            identity: identity.clone(),
            tasks: Tasks::default(),
        };
        let around = Around { local_url: Some(LOCAL_URL.to_owned()), ..Around::default() };
        let started = start(options, around, db.clone(), context, key_file).await?;
        let conn = Conn::new(Front::new(started.service.routes, methods, identity.clone()));
        local.set(conn.clone());
        let generated = match started.first_administrator.ensure(Arc::new(|_: &Secret| Ok(()))).await? {
            AdminOutcome::MadeWith(password) => Some(password),
            _ => None,
        };
        Ok(Replica { _database: self.database.clone(), db, clock, mesh, conn, identity, generated })
    }
}

impl Replica {
    fn users(&self) -> UserServiceClient<Conn> {
        UserServiceClient::new(self.conn.clone())
    }

    fn auth(&self) -> AuthServiceClient<Conn> {
        AuthServiceClient::new(self.conn.clone())
    }

    /// What the operator asks for.
    fn administrators(&self) -> AdministratorServiceClient<Conn> {
        AdministratorServiceClient::new(self.conn.clone())
    }

    /// A request of the operator.
    fn as_operator<M>(&self, message: M) -> Request<M> {
        let token = self.identity.service_token(Role::Operator, Role::User, None).unwrap();
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    async fn register(&self, username: &str) -> User {
        self.users().create_user(registration(username)).await.unwrap().into_inner()
    }

    async fn try_sign_in(&self, login: &str, password: &str) -> Result<Tokens, Fault> {
        let request = SignInRequest {
            login: login.to_owned(),
            password: password.to_owned(),
            ..SignInRequest::default()
        };
        outcome(self.auth().sign_in(request).await)
    }

    async fn sign_in(&self, login: &str) -> Tokens {
        let password = if login == "admin" { ADMIN_PASSWORD } else { PASSWORD };
        self.try_sign_in(login, password).await.unwrap()
    }

    /// A new user with these roles, signed in.
    async fn colleague(&self, username: &str, roles: &[contracts::user::Role]) -> Tokens {
        let id = self.register(username).await.id;
        let admin = self.sign_in("admin").await;
        let roles = roles.iter().map(|role| *role as i32).collect();
        self.users().set_roles(by(&admin, SetRolesRequest { id, roles, role_ids: vec![] })).await.unwrap();
        self.sign_in(username).await
    }

    async fn disable(&self, user: &User) {
        let admin = self.sign_in("admin").await;
        self.users().disable_user(by(&admin, DisableUserRequest { id: user.id.clone() })).await.unwrap();
    }
}

/// A key file of one key.
fn keys_of(byte: u8) -> KeyFile {
    KeyFile::of(&[[byte; 32]])
}

fn registration(username: &str) -> CreateUserRequest {
    CreateUserRequest {
        username: username.to_owned(),
        email: format!("{username}@example.com"),
        password: PASSWORD.to_owned(),
        ..CreateUserRequest::default()
    }
}

/// A request of the holder of these tokens.
fn by<M>(tokens: &Tokens, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", tokens.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// The same with an idempotency key.
fn keyed<M>(key: &str, mut request: Request<M>) -> Request<M> {
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// An answer, or the reason why there is none.
fn outcome<M>(answer: Result<Response<M>, Status>) -> Result<M, Fault> {
    answer.map(Response::into_inner).map_err(|status| Fault::of(&status))
}

fn id_of(tokens: &Tokens) -> String {
    tokens.user.clone().unwrap().id
}

/// The events published so far, by their message names.
async fn events(db: &Db) -> Vec<String> {
    use sea_orm::{EntityTrait, QueryOrder};
    let rows = kit::outbox::event::Entity::find()
        .order_by_asc(kit::outbox::event::Column::Id)
        .all(db.read())
        .await
        .unwrap();
    rows.into_iter().map(|row| row.kind.rsplit('.').next().unwrap().to_owned()).collect()
}
