//! `feira serve`: from settings to ports that answer, and back to nothing.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use kit::{
    Clock, Conn, Context, Db, Fault, Identity, Mesh, Role, Secret, Service, Tasks,
    access::Methods,
    conn::Local,
    drain::EndStreams,
    health::Health,
    instance::Instances,
    layer::Front,
    listen::{Ends, Limits, Listener, Protocol},
    node::Node,
    reflection::Reflection,
    telemetry::{Format, Telemetry},
    wire::Wire,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tonic::service::Routes;

use user::AdminOutcome;

use crate::{
    banner::{self, Ready, url},
    budget::Budget,
    data::{self, Secrets},
    databases, descriptors,
    error::Error,
    hangup, instances,
    roles::{self, Start},
    settings::Settings,
};

/// Runs the roles that the settings name until the process is told to stop.
pub async fn serve(settings: Settings) -> Result<(), Error> {
    let mut signals = Signals::catch()?;
    let hangups = signal(SignalKind::hangup()).map_err(Error::other)?;
    let telemetry = Telemetry::start(&settings.log, &settings.service_name()).map_err(Error::usage)?;
    let telemetry = Arc::new(telemetry);
    tokio::spawn(hangup::reload(hangups, telemetry.clone()));
    say_what_is_not_used(&settings);
    let ports = Ports::open(&settings).await?;
    let (rest, grpc) = ports.addresses()?;
    let starting = async {
        let mut process = Process::start(&settings, rest, grpc).await?;
        // The last that can fail: a password that nobody else knows is stored only for a shop that has started.
        let admin_password = process.make_first_administrator(settings.log.log_format).await?;
        Ok::<_, Error>((process, admin_password))
    };
    let (process, admin_password) = tokio::select! {
        started = starting => started?,
        () = signals.next() => return Ok(()),
    };
    let ends = Ends::default();
    let serving = tokio::spawn(ports.serve(&process, ends.clone()));
    let embedded = process.databases.iter().any(|db| db.location().starts_with("sqlite:"));
    let data_dir = embedded.then_some(settings.process.data.path.as_path());
    let admin_password = admin_password.as_ref().map(user::Secret::expose);
    let web = settings.gateway.web;
    let public = settings.gateway.public_url.as_ref().map(ToString::to_string);
    let public = public.as_deref();
    Ready { rest, grpc, public, web, data_dir, admin_password }.announce(settings.log.log_format);

    signals.next().await;
    tracing::info!("process.draining");
    let budget = Budget::from_now(&settings.process);
    tokio::select! {
        () = process.drain(&settings, &ends, serving, &budget) => {}
        () = signals.next() => return Err(Error::other("told to stop twice: calls under way were cut off")),
    }
    telemetry.flush(budget.for_telemetry()).await;
    Ok(())
}

/// A password that is given and counts for nothing would be missed when it is needed.
fn say_what_is_not_used(settings: &Settings) {
    let admin = &settings.user.admin;
    let given = admin.admin_password.is_some() || admin.admin_password_file.is_some();
    if given && !settings.process.roles.get().contains(&Role::User) {
        tracing::warn!(
            setting = "FEIRA_ADMIN_PASSWORD",
            "the given password is not used: the role user does not run here"
        );
    }
}

/// The signals that end a process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub fn catch() -> Result<Self, Error> {
        let catch = |kind| signal(kind).map_err(Error::other);
        Ok(Self { terminate: catch(SignalKind::terminate())?, interrupt: catch(SignalKind::interrupt())? })
    }

    /// Waits for one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The open ports. Clients queue at them until the process is ready.
struct Ports {
    rest: Option<Listener>,
    grpc: Listener,
    limits: Limits,
}

impl Ports {
    async fn open(settings: &Settings) -> Result<Self, Error> {
        let process = &settings.process;
        let rest = match process.roles.get().contains(&Role::Gateway) {
            true => Some(open(&process.rest_listen, "--rest-listen", Protocol::Rest).await?),
            false => None,
        };
        let grpc = open(&process.grpc_listen, "--grpc-listen", Protocol::Grpc).await?;
        let memory = process.answer_memory as usize * (1 << 20);
        Ok(Self { rest, grpc, limits: Limits::new(process.send_timeout, process.idle_timeout, memory) })
    }

    fn addresses(&self) -> Result<(Option<SocketAddr>, Option<SocketAddr>), Error> {
        let rest = self.rest.as_ref().map(Listener::address).transpose().map_err(Error::other)?;
        Ok((rest, Some(self.grpc.address().map_err(Error::other)?)))
    }

    /// Lets clients in until the ports close; ends when the last has left.
    fn serve(self, process: &Process, ends: Ends) -> impl Future<Output = ()> + use<> {
        let (services, edge) = (process.services.clone(), process.edge.clone());
        async move {
            let rest = async {
                if let (Some(listener), Some(edge)) = (self.rest, edge) {
                    listener.serve(edge, ends.clone(), self.limits.clone()).await;
                }
            };
            let services = Wire::new(services, contracts::pool());
            tokio::join!(rest, self.grpc.serve(services, ends.clone(), self.limits.clone()));
        }
    }
}

async fn open(address: &str, flag: &'static str, protocol: Protocol) -> Result<Listener, Error> {
    let opened = Listener::bind(address, protocol).await;
    opened.map_err(|cause| Error::Listen { address: address.to_owned(), flag, cause })
}

/// All gRPC services of the process, behind the layers that every call passes.
pub type Services = Front<EndStreams<Routes>>;

/// The roles of this process, running.
pub struct Process {
    pub services: Services,
    /// The REST interface, where the gateway runs here.
    edge: Option<Router>,
    databases: Vec<Db>,
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
    ) -> Result<Self, Error> {
        let here = settings.process.roles.get();
        let payment_types = settings.payment_types.types().map_err(Error::usage)?;
        data::check(settings)?;
        roles::check(settings, &payment_types)?;
        let payment_ports = match here.contains(&Role::Payment) {
            true => payment::Ports::open(&settings.payment).await,
            false => Ok(payment::Ports::default()),
        };
        let payment_ports = payment_ports.map_err(|error| Error::role(Role::Payment, error))?;
        databases::check(&settings.databases, &settings.process.data, &here).await?;

        let secrets = Secrets::get(settings)?;
        let databases =
            databases::open(&settings.databases, &settings.process.data, &here, &secrets.mesh).await?;

        let clock = Clock::system();
        let leeway = settings.process.clock_leeway;
        let identity = Identity::with_leeway(secrets.mesh, clock.clone(), leeway);
        let methods = Methods::read(contracts::pool()).map_err(Error::other)?;
        let local = Local::default();
        let mesh = Mesh::new(&here, &local, &settings.urls.get(), identity.clone(), methods.clone())
            .map_err(Error::usage)?;
        let tasks = Tasks::default();
        let context = Context { clock, mesh, identity: identity.clone(), tasks: tasks.clone() };

        let pages = payment::Pages {
            public: settings.gateway.public_url.as_ref().map(ToString::to_string),
            own: rest.map(url),
        };
        // Whoever has the shop's public URL before it has the simulated provider's pages behind it, too.
        let edge_url = pages.public.clone().filter(|_| here.contains(&Role::Gateway));
        let payment_reach = payment::Reach { ports: payment_ports, pages, edge: edge_url };
        let wrapping_key = secrets.wrapping_key;
        let mut start =
            Start { settings, payment_types, context: context.clone(), wrapping_key, payment_reach };
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
        let services = Front::new(routes, methods, identity);
        local.set(Conn::new(services.clone()));
        if let Some(role) = here.first() {
            context.start_identity(*role);
        }
        for db in &databases {
            context.start_database(db);
        }
        instances::announce(&instances, &context, &databases);
        let edge = here
            .contains(&Role::Gateway)
            .then(|| edge(settings, &context, &edge_methods, pages))
            .transpose()?;
        Ok(Self { services, edge, databases, health, tasks, first_administrator })
    }

    /// Makes the first administrator, where the user service runs here and there is none yet; answers with her
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
        if !settings.process.drain_delay.is_zero() {
            ends.leave();
            tokio::time::sleep(settings.process.drain_delay).await;
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

/// The names of the services beside the roles' own.
fn common_services(started: &[Service], reflection: bool) -> Vec<&'static str> {
    let mut names = vec!["grpc.health.v1.Health"];
    if !started.is_empty() {
        names.push(contracts::mesh::node_service_server::SERVICE_NAME);
    }
    if reflection {
        names.extend(kit::reflection::SERVICES);
    }
    names
}

/// Every gRPC service of the process: the roles' own, and what every process offers (`common_names`).
fn routes(
    started: &[Service],
    common_names: &[&str],
    health: &Health,
    instances: Instances,
    reflection: bool,
) -> Result<Routes, Error> {
    let mut common = Routes::new(health.service());
    if !started.is_empty() {
        use contracts::mesh::node_service_server::NodeServiceServer;
        common = common.add_service(NodeServiceServer::new(Node::new(started, instances)));
    }
    if reflection {
        use tonic_reflection::pb::{
            v1::server_reflection_server::ServerReflectionServer as V1,
            v1alpha::server_reflection_server::ServerReflectionServer as V1Alpha,
        };
        let own = started.iter().flat_map(|service| service.names.iter().copied());
        let names = own.chain(common_names.iter().copied());
        let reflection = Reflection::new(descriptors::all()?, names).map_err(Error::other)?;
        common = common.add_service(kit::compressed!(V1::new(reflection.clone())));
        common = common.add_service(kit::compressed!(V1Alpha::new(reflection)));
    }
    let all = started.iter().fold(common.into_axum_router(), |all, service| {
        // Only one answer to what nobody serves can stay.
        all.merge(service.routes.clone().into_axum_router().reset_fallback())
    });
    Ok(Routes::from(all).prepare())
}

/// The REST interface. `pages` are the simulated payment provider's, where it has them.
fn edge(
    settings: &Settings,
    context: &Context,
    methods: &Methods,
    pages: Option<Router>,
) -> Result<Router, Error> {
    let (identity, methods) = (context.identity.clone(), methods.clone());
    let guard: gateway::Guard = Arc::new(move |headers, path| {
        let (identity, method) = (identity.clone(), methods.get(path).cloned());
        Box::pin(async move {
            let caller = identity.caller(&headers).await?;
            Ok(method.map_or(Ok(()), |method| method.admit(&caller))?)
        })
    });
    let upstream = |service: &str| Role::serving(service).map(|role| context.mesh.conn(Role::Gateway, role));
    let mount = pages.map(|pages| gateway::Mount::new(payment::PAGES_BELOW, pages));
    let extras = gateway::Extras { guard: Some(guard), mount };
    gateway::router(&settings.gateway, contracts::pool(), upstream, extras).map_err(Error::other)
}
