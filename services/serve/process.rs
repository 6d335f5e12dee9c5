//! The roles of a process: started, and drained.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use kit::{
    Clock, Conn, Context, Db, Fault, Identity, Mesh, Role, Secret, Tasks, access::Methods, conn::Local,
    drain::EndStreams, health::Health, layer::Front, limits::Limiter, listen::Ends,
    mesh::certificates::Certificates, telemetry::Format,
};
use tokio::time::timeout;
use tonic::service::Routes;
use user::AdminOutcome;

use super::{
    expiry, memory, operators, renewal,
    routes::{common_services, edge, routes},
};
use crate::{
    banner::{self, url_of},
    budget::Budget,
    data, databases,
    error::Error,
    instances,
    roles::{self, Start},
    settings::Settings,
};

/// All gRPC services of the process, behind the layers that every call passes.
pub type Services = Front<EndStreams<Routes>>;

/// The roles of this process, running.
pub struct Process {
    pub services: Services,
    /// The REST interface, where the gateway runs here.
    pub(super) edge: Option<Router>,
    pub(super) databases: Vec<Db>,
    health: Health,
    tasks: Tasks,
    /// To be made when nothing can fail any more, where the user service runs here.
    first_administrator: Option<user::FirstAdministrator>,
}

impl Process {
    /// Finds what can fail, then opens the databases and starts the roles that the settings name. `rest` and `grpc`
    /// are where they can be reached.
    pub async fn start(
        settings: &Settings,
        rest: Option<SocketAddr>,
        grpc: Option<SocketAddr>,
        certificates: Option<&Certificates>,
    ) -> Result<Self, Error> {
        let here = settings.process.roles.get();
        let payment_types = settings.payment_types.types().map_err(Error::usage)?;
        data::check(settings)?;
        data::check_whole(settings)?;
        renewal::check(certificates, &here)?;
        roles::check(settings, &payment_types)?;
        let payment_ports = match here.contains(&Role::Payment) {
            true => payment::Ports::open(&settings.payment).await,
            false => Ok(payment::Ports::default()),
        };
        let payment_ports = payment_ports.map_err(|error| Error::role(Role::Payment, error))?;
        databases::check(&settings.databases, &settings.process.data, &here).await?;

        let secret = data::own_mesh_secret(settings)?;
        let webhook_keys: Vec<[u8; 32]> = secret.derive_all("secrets of webhooks").collect();
        let databases = databases::open(&settings.databases, &settings.process.data, &here, &secret).await?;
        let key_file = match databases.iter().find(|db| db.role() == Role::User) {
            Some(db) => Some(data::own_key_file(settings, db).await?),
            None => None,
        };

        let clock = Clock::system();
        let leeway = settings.process.clock_leeway;
        let identity = Identity::of(secret, clock.clone(), leeway, &here).map_err(Error::other)?;
        let methods = Methods::read(contracts::pool()).map_err(Error::other)?;
        let local = Local::default();
        let tasks = Tasks::default();
        tasks.observe();
        renewal::start(settings, &identity, certificates, &tasks);
        let shown = settings.process.listening.tls_cert.as_deref();
        expiry::watch(settings.secrets.files.certificate(), shown, &tasks);
        let ways = (identity.clone(), methods.clone());
        let mesh = Mesh::by(&here, &local, settings.urls.all(), ways, certificates).map_err(Error::usage)?;
        let context = Context { clock, mesh, identity: identity.clone(), tasks: tasks.clone() };

        let pages = payment::Pages {
            public: settings.gateway.public_url.as_ref().map(ToString::to_string),
            own: rest.map(|rest| url_of(rest, settings.process.listening.tls_cert.is_some())),
        };
        // Whoever has the shop's public URL before it has the simulated provider's pages behind it, too.
        let edge_url = pages.public.clone().filter(|_| here.contains(&Role::Gateway));
        let payment_reach = payment::Reach { ports: payment_ports, pages, edge: edge_url };
        let local_url = rest.and_then(|rest| local_url(rest, settings.process.listening.tls_cert.is_some()));
        let mut start = Start {
            settings,
            payment_types,
            context: context.clone(),
            key_file,
            local_url,
            webhook_keys,
            payment_reach,
        };
        let mut started = Vec::new();
        let (mut first_administrator, mut pages) = (None, None);
        for db in &databases {
            let role = db.role();
            let one = roles::start(&mut start, db.clone()).await.map_err(|error| Error::role(role, error))?;
            first_administrator = first_administrator.or(one.first_administrator);
            pages = pages.or(one.pages);
            started.push(one.service);
        }

        let common = common_services(&started, settings.process.reflection);
        let health = Health::start(&tasks, &started, &common).await;
        let instances = instances::of_this_process(settings, &context.tasks, &here, &databases, rest, grpc);
        let routes = routes(&started, &common, &health, instances.clone(), settings.process.reflection)?;
        let routes = EndStreams::new(routes, contracts::pool(), tasks.clone());
        let edge_methods = methods.clone();
        // The same buckets for both ports.
        let limits = Limiter::new(&settings.limits);
        let refusals = kit::refusals::Refusals::default();
        let services = Front::new(routes, methods, identity)
            .open_to(settings.gateway.proxies(), limits.clone())
            .noting(refusals.clone());
        local.set(Conn::new(services.clone()));
        if let Some(role) = here.first() {
            context.start_identity(*role);
            refusals.tell(&context, *role);
        }
        for db in &databases {
            context.start_database(db);
        }
        instances::announce(&instances, &context, &databases);
        tasks.spawn_until_drain(memory::give_back());
        let edge = here
            .contains(&Role::Gateway)
            .then(|| edge(settings, &context, &edge_methods, (limits, refusals), pages))
            .transpose()?;
        Ok(Self { services, edge, databases, health, tasks, first_administrator })
    }

    /// Whether everything that runs here serves, for whoever asks.
    pub(super) fn readiness(&self) -> operators::Ready {
        let health = self.health.clone();
        Arc::new(move || health.ready())
    }

    /// Makes the first administrator, where the user service runs here and there is none yet; answers with the
    /// password if it was generated, which has been shown then.
    pub async fn make_first_administrator(&mut self, format: Format) -> Result<Option<Secret>, Error> {
        let Some(first) = self.first_administrator.take() else { return Ok(None) };
        let show: user::Show = Arc::new(move |password| {
            banner::show_password(format, password.expose()).map_err(|error| {
                Fault::internal(format!(
                    "the first administrator's password cannot be shown ({error}): give one by FEIRA_ADMIN_PASSWORD"
                ))
            })
        });
        match first.ensure(show).await.map_err(|error| Error::role(Role::User, error))? {
            AdminOutcome::MadeWith(password) => return Ok(Some(password)),
            AdminOutcome::NotUsed(setting) => tracing::warn!(
                setting,
                "the given password is not used: there is an administrator already, whose password is another; \
                 `feira admin reset-password` changes it"
            ),
            AdminOutcome::Printed(username) => tracing::warn!(username, "administrator.password_not_changed"),
            AdminOutcome::MadeElsewhere => tracing::warn!(
                "the password that was shown counts for nothing: another process made the first administrator"
            ),
            AdminOutcome::Made | AdminOutcome::Exists => {}
        }
        Ok(None)
    }

    /// Says that it leaves, lets calls under way end, stops background work, closes the databases: in the
    /// time that the settings give.
    pub async fn drain(
        &self,
        settings: &Settings,
        ends: &Ends,
        serving: tokio::task::JoinHandle<()>,
        budget: &Budget,
    ) {
        self.health.leave();
        if !settings.process.listening.drain_delay.is_zero() {
            ends.leave();
            tokio::time::sleep(settings.process.listening.drain_delay).await;
        }
        // Streams end when the tasks are told to, so both are told at once.
        ends.close();
        self.tasks.drain();
        let limit = budget.for_calls();
        let ended = async {
            let _ = serving.await;
            tracing::debug!("process.connections_ended");
            self.tasks.drained().await;
            tracing::debug!("process.tasks_ended");
            for db in &self.databases {
                db.drained().await;
            }
        };
        if timeout(limit, ended).await.is_err() {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "process.cut_off");
        }
        let close = async {
            for db in &self.databases {
                db.close().await;
            }
        };
        let _ = timeout(budget.for_databases(), close).await;
        tracing::debug!("process.databases_closed");
    }
}

/// How browsers on this machine reach a port by a name; none where it is another machine's, or open to another one alone.
fn local_url(rest: SocketAddr, tls: bool) -> Option<String> {
    let here = rest.ip().is_loopback() || rest.ip().is_unspecified();
    let scheme = if tls { "https" } else { "http" };
    here.then(|| format!("{scheme}://localhost:{}", rest.port()))
}
