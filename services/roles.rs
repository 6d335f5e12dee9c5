//! The table of roles: its schema, and how it starts.

use kit::{
    Context, Db, Fault, Role, Service, StartError, db::OpenError, instance::Pace, payment_types::PaymentTypes,
};
use sea_orm_migration::MigratorTrait;

use crate::{error::Error, settings::Settings};

/// What roles are started with, beside their database.
pub struct Start<'a> {
    pub settings: &'a Settings,
    pub payment_types: PaymentTypes,
    pub context: Context,
    /// What wraps the user service's signing keys.
    pub key_file: Option<user::KeyFile>,
    /// How browsers on this machine reach the REST interface, where it is open here.
    pub local_url: Option<String>,
    /// What the secrets of webhooks are encrypted by, the first of them.
    pub webhook_keys: Vec<[u8; 32]>,
    /// Taken by the payment service.
    pub payment_reach: payment::Reach,
}

/// A role that runs.
pub struct Started {
    pub service: Service,
    /// To be made when nothing can fail any more.
    pub first_administrator: Option<user::FirstAdministrator>,
    /// The simulated payment provider's, for the edge to serve.
    pub pages: Option<axum::Router>,
}

impl From<Service> for Started {
    fn from(service: Service) -> Self {
        Self { service, first_administrator: None, pages: None }
    }
}

/// Finds what keeps roles from starting, before anything is made.
pub fn check(settings: &Settings, payment_types: &PaymentTypes) -> Result<(), Error> {
    // All before any: a role that cannot start must not leave another's database migrated behind.
    for role in settings.process.roles.get() {
        let checked = match role {
            Role::User => user::check(&settings.user, &settings.order.mail),
            Role::Payment => payment::check(&settings.payment, payment_types),
            Role::Order => order::check(&settings.order),
            Role::Gateway => settings.gateway.check().and_then(|()| settings.page.check()),
            Role::Article | Role::Mesh | Role::Operator => Ok(()),
        };
        checked.map_err(|error| Error::role(role, error))?;
    }
    Ok(())
}

/// Starts the service whose database this is.
pub async fn start(with: &mut Start<'_>, db: Db) -> Result<Started, StartError> {
    let (settings, context) = (with.settings, with.context.clone());
    match db.role() {
        Role::User => {
            let key_file = with.key_file.clone();
            let key_file = key_file.ok_or_else(|| Fault::internal("the user service has no key file"))?;
            let public_url = settings.gateway.public_url.as_ref().map(ToString::to_string);
            let local_url = with.local_url.clone();
            let around = user::Around { mail: settings.order.mail.clone(), public_url, local_url };
            let user::Started { service, first_administrator } =
                user::start(&settings.user, around, db, context, key_file).await?;
            Ok(Started { service, first_administrator: Some(first_administrator), pages: None })
        }
        Role::Article => Ok(article::start(&settings.article, db, context).await?.into()),
        Role::Payment => {
            // Taken, not cloned: open ports have one owner.
            let (types, reach) = (with.payment_types.clone(), std::mem::take(&mut with.payment_reach));
            let payment::Started { service, pages } =
                payment::start(&settings.payment, db, context, types, reach).await?;
            Ok(Started { service, first_administrator: None, pages })
        }
        Role::Order => {
            Ok(order::start(&settings.order, db, context, with.payment_types.clone()).await?.into())
        }
        Role::Mesh => {
            let pace = Pace(settings.process.heartbeat_interval);
            Ok(mesh::start(&settings.mesh, db, context, pace, &with.webhook_keys).await?.into())
        }
        Role::Gateway | Role::Operator => Err(Fault::internal("it has no database").into()),
    }
}

/// What is to be done with a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Say what there is.
    Show,
    /// Apply what is missing.
    Apply,
}

/// The names of a database's migrations, each with whether it was applied before.
pub async fn migrations(db: &Db, schema: Schema) -> Result<Vec<(String, bool)>, OpenError> {
    match db.role() {
        Role::User => migrations_of::<user::Migrator>(db, schema).await,
        Role::Article => migrations_of::<article::Migrator>(db, schema).await,
        Role::Payment => migrations_of::<payment::Migrator>(db, schema).await,
        Role::Order => migrations_of::<order::Migrator>(db, schema).await,
        Role::Mesh => migrations_of::<mesh::Migrator>(db, schema).await,
        Role::Gateway | Role::Operator => Ok(Vec::new()),
    }
}

/// The names of all migrations that this binary knows for a role.
pub fn known_migrations(role: Role) -> Vec<String> {
    match role {
        Role::User => names::<user::Migrator>(),
        Role::Article => names::<article::Migrator>(),
        Role::Payment => names::<payment::Migrator>(),
        Role::Order => names::<order::Migrator>(),
        Role::Mesh => names::<mesh::Migrator>(),
        Role::Gateway | Role::Operator => Vec::new(),
    }
}

async fn migrations_of<M: MigratorTrait>(db: &Db, schema: Schema) -> Result<Vec<(String, bool)>, OpenError> {
    if schema == Schema::Show {
        return db.migrations::<M>().await;
    }
    // What migrating says it applied, rather than a look before it: another starter may apply some in between, and
    // each must be told of once.
    let applied_now = db.migrate::<M>().await?;
    let before = |name: String| {
        let applied_before = !applied_now.contains(&name);
        (name, applied_before)
    };
    Ok(names::<M>().into_iter().map(before).collect())
}

fn names<M: MigratorTrait>() -> Vec<String> {
    M::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}
