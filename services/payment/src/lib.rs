//! The payment service: payments, the providers that carry them out, and the simulated one.

mod api;
mod domain;
mod engine;
mod error;
mod migration;
mod options;
mod provider;
mod simulator;
mod store;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::Router;
use contracts::payment::payment_service_server::PaymentServiceServer;
use kit::{Clock, Context, Db, Role, Service, StartError, Tasks, payment_types::PaymentTypes};
use tonic::{server::NamedService, service::Routes};

pub use engine::failpoints::names as fail_points;
pub use migration::Migrator;
pub use options::{Options, Pages, StripeOptions};
pub use simulator::{PAGES_BELOW, Ports, Reach};

use crate::{
    api::Payments,
    domain::Pace,
    engine::Engine,
    provider::{Provider, Providers, SPACECASH, Simulated, SpaceCash, Stripe, signature, stripe},
    simulator::{Simulator, Webhooks},
};

/// Finds what keeps the service from starting, before anything is made.
pub fn check(options: &Options, types: &PaymentTypes) -> Result<(), StartError> {
    options.simulator_webhook_secret()?;
    let urls = [&options.simulator_url, &options.simulator_public_url];
    for url in urls.into_iter().flatten() {
        provider::url(SIMULATED, url)?;
    }
    if let Some(url) = options.simulator_webhook_url.as_deref().filter(|url| !url.is_empty()) {
        provider::url("the webhooks' receiver", url)?;
    }
    let elsewhere = elsewhere(options, &Pages::default(), Clock::system())?;
    known(types, |name| name == SIMULATED_TYPE || elsewhere.iter().any(|provider| provider.name() == name))
}

/// The service, running.
pub struct Started {
    pub service: Service,
    /// The simulated provider's pages for customers, below [`PAGES_BELOW`]: action URLs lead to the edge, which is to
    /// serve them.
    pub pages: Option<Router>,
}

/// Starts the service on an open and migrated database. `reach`: the options' ports, and where providers send
/// customers back to.
pub async fn start(
    options: &Options,
    db: Db,
    context: Context,
    payment_types: PaymentTypes,
    reach: Reach,
) -> Result<Started, StartError> {
    let pace = Pace::new(options.provider_poll_interval);
    let derived = context.identity.secret().derive("simulated webhooks");
    let (payments, pages) = build(options, pace, db.clone(), context.tasks, payment_types, derived, reach)?;
    let server = kit::compressed!(PaymentServiceServer::new(payments));
    let service = Service {
        role: Role::Payment,
        routes: Routes::new(server),
        names: vec![<PaymentServiceServer<Payments> as NamedService>::NAME],
        audit: Some(Arc::new(store::audit::Audit { db: db.clone() })),
        db,
    };
    Ok(Started { service, pages })
}

/// Builds the service and starts its background tasks. `webhook_secret` signs the simulated provider's
/// webhooks where the options name no secret.
fn build(
    options: &Options,
    pace: Pace,
    db: Db,
    tasks: Tasks,
    types: PaymentTypes,
    derived_secret: [u8; 32],
    reach: Reach,
) -> Result<(Payments, Option<Router>), StartError> {
    let given = options.simulator_webhook_secret()?;
    let webhook_key =
        signature::key(given.as_ref().map_or(&derived_secret[..], |secret| secret.expose().as_bytes()));
    let (simulated, actions) =
        simulated(options, &db, &tasks, webhook_key, reach.ports, reach.edge.as_deref())?;
    let mut all = vec![Arc::new(simulated) as Arc<dyn Provider>];
    all.extend(elsewhere(options, &reach.pages, db.clock().clone())?);
    let providers = Providers::new(all);
    known(&types, |name| providers.get(name).is_some())?;
    for (number, kind) in types.iter().filter(|(_, kind)| kind.provider == stripe::NAME) {
        if !providers.get(&kind.provider).is_some_and(|it| it.has_page()) {
            tracing::warn!(
                payment_type = number,
                "customers cannot be sent to Stripe's page: there is neither --public-url nor --stripe-return-url to \
                 send them back to"
            );
        }
    }
    let engine = Engine::new(db, tasks.clone(), providers, pace);
    let announce = options.simulator_url.is_none() && options.simulator_public_url.is_none();
    work::start(&engine, announce);
    Ok((Payments::new(engine, types), actions))
}

/// Asks a provider for something that changes nothing: what it says, or why it cannot be used.
pub async fn reach(options: &Options, provider: &str) -> Result<String, String> {
    if provider == SIMULATED_TYPE {
        return Ok("the simulated provider: everybody pays who says so".to_owned());
    }
    let all = elsewhere(options, &Pages::default(), Clock::system()).map_err(|error| error.to_string())?;
    match all.iter().find(|it| it.name() == provider) {
        Some(provider) => provider.reach().await,
        None => Err("there is no such provider, or nothing says how it is reached".to_owned()),
    }
}

/// The providers beside the simulated one that the options say how to reach.
fn elsewhere(options: &Options, pages: &Pages, clock: Clock) -> Result<Vec<Arc<dyn Provider>>, StartError> {
    let mut all: Vec<Arc<dyn Provider>> = Vec::new();
    if let Some(stripe) = Stripe::new(&options.stripe, pages, options.provider_timeout, clock)? {
        all.push(Arc::new(stripe));
    }
    if let Some(url) = &options.spacecash_url {
        all.push(Arc::new(SpaceCash::new(url, options.provider_timeout)?));
    }
    Ok(all)
}

/// Refuses a payment type whose provider is none of those that there are.
fn known(types: &PaymentTypes, is_there: impl Fn(&str) -> bool) -> Result<(), StartError> {
    let missing = types.iter().find(|(_, kind)| !is_there(&kind.provider));
    let Some((number, kind)) = missing else { return Ok(()) };
    let hint = match kind.provider.as_str() {
        stripe::NAME => return Err(stripe::no_key(number)),
        SPACECASH => "the provider \"spacecash\" needs --spacecash-url".to_owned(),
        other => format!("there is no provider {other:?}"),
    };
    Err(StartError::Settings(format!("payment type {number}: {hint}")))
}

/// What errors call it.
/// The provider of payment types that the simulated one carries out.
pub const SIMULATED_TYPE: &str = "simulated";

const SIMULATED: &str = "the simulated payment provider";

/// The simulated provider's client; its server too, unless that runs elsewhere; and its pages, where the edge is to
/// have them.
fn simulated(
    options: &Options,
    db: &Db,
    tasks: &Tasks,
    webhook_key: hmac::Key,
    ports: Ports,
    edge: Option<&str>,
) -> Result<(Simulated, Option<Router>), StartError> {
    let said = options.simulator_public_url.clone();
    let (url, public_url, pages) = match ports.simulator {
        None => {
            let url = options.simulator_url.clone().unwrap_or_default();
            (url.clone(), said.unwrap_or(url), None)
        }
        Some(port) => {
            let webhooks = match options.simulator_webhook_url.as_deref() {
                None | Some("") => None,
                Some(url) => {
                    let key = webhook_key.clone();
                    Some(Webhooks { url: provider::url("the webhooks' receiver", url)?, key })
                }
            };
            let simulator = Simulator::new(db.clone(), options.simulator_slow, webhooks);
            simulator.send_webhooks(tasks)?;
            let (grace, actions) = (options.provider_timeout, simulator.clone().actions());
            let url = format!("http://{}", port.serve(simulator.clone().router(), tasks, grace));
            let own = ports.actions.map(|port| format!("http://{}", port.serve(actions, tasks, grace)));
            // What the operator says goes before what we know: behind a proxy no port of ours is a customer's.
            match (said.or(own), edge) {
                (Some(public_url), _) => (url, public_url, None),
                (None, Some(edge)) => {
                    let public_url = format!("{}{PAGES_BELOW}", edge.trim_end_matches('/'));
                    (url, public_url, Some(simulator.actions_below(PAGES_BELOW)))
                }
                (None, None) => (url.clone(), url, None),
            }
        }
    };
    for url in [&url, &public_url] {
        provider::url(SIMULATED, url)?;
    }
    let client = Simulated::new(&url, &public_url, options.provider_timeout, webhook_key)?;
    Ok((client, pages))
}
