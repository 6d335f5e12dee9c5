//! The payment service: payments, the providers that carry them out, and the simulated one.

mod api;
mod audit;
mod domain;
mod engine;
mod error;
mod filter;
mod migration;
mod options;
mod provider;
mod render;
mod simulator;
mod store;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use axum::Router;
use contracts::payment::payment_service_server::PaymentServiceServer;
use kit::{Context, Db, Fault, Role, Service, Tasks, payment_types::PaymentTypes};
use tonic::{Code, server::NamedService, service::Routes};

pub use migration::Migrator;
pub use options::{Options, StripeOptions};

use crate::{
    api::Payments,
    domain::Pace,
    engine::Engine,
    provider::{Provider, Providers, SPACECASH, Simulated, SpaceCash, Stripe, signature, stripe},
    simulator::{Simulator, Webhooks},
};

/// Starts the service on an open and migrated database.
pub async fn start(
    options: &Options,
    db: Db,
    context: Context,
    payment_types: PaymentTypes,
) -> Result<Service, Fault> {
    let pace = Pace::new(options.provider_poll_interval);
    let derived = context.identity.secret().derive("simulated webhooks");
    let payments = build(options, pace, db.clone(), context.tasks, payment_types, derived).await?;
    let server = kit::compressed!(PaymentServiceServer::new(payments));
    Ok(Service {
        role: Role::Payment,
        routes: Routes::new(server),
        names: vec![<PaymentServiceServer<Payments> as NamedService>::NAME],
        audit: Some(Arc::new(audit::Audit { db: db.clone() })),
        db,
    })
}

/// Builds the service and starts its background tasks. `webhook_secret` signs the simulated provider's
/// webhooks where the options name no secret.
async fn build(
    options: &Options,
    pace: Pace,
    db: Db,
    tasks: Tasks,
    types: PaymentTypes,
    webhook_secret: [u8; 32],
) -> Result<Payments, Fault> {
    let given = options.simulator_webhook_secret.as_ref().map(|secret| secret.expose().as_bytes());
    if given.is_some_and(<[u8]>::is_empty) {
        return Err(configuration(
            "--simulator-webhook-secret is empty: anybody could sign with it".to_owned(),
        ));
    }
    let webhook_key = signature::key(given.unwrap_or(&webhook_secret));
    let simulated = simulated(options, &db, &tasks, webhook_key).await?;
    let mut all = vec![Arc::new(simulated) as Arc<dyn Provider>];
    if let Some(stripe) = Stripe::new(&options.stripe, options.provider_timeout, db.clock().clone())? {
        all.push(Arc::new(stripe));
    }
    if let Some(url) = &options.spacecash_url {
        all.push(Arc::new(SpaceCash::new(url, options.provider_timeout)?));
    }
    let providers = Providers::new(all);
    for (number, kind) in types.iter() {
        if kind.provider == stripe::NAME && providers.get(stripe::NAME).is_none() {
            return Err(stripe::no_key(number));
        }
        if providers.get(&kind.provider).is_none() {
            let hint = match kind.provider.as_str() {
                SPACECASH => "the provider \"spacecash\" needs --spacecash-url".to_owned(),
                other => format!("there is no provider {other:?}"),
            };
            return Err(configuration(format!("payment type {number}: {hint}")));
        }
    }
    let engine = Engine::new(db, tasks.clone(), providers, pace);
    engine.start();
    if options.simulator_url.is_none() && options.simulator_public_url.is_none() {
        let engine = engine.clone();
        tasks.spawn_until_drain(async move {
            if let Err(error) = engine.announce_actions().await {
                tracing::warn!(%error, "waiting payments were not announced");
            }
        });
    }
    Ok(Payments::new(engine, types))
}

/// What errors call it.
const SIMULATED: &str = "the simulated payment provider";

/// The simulated provider's client; its server too, unless that runs elsewhere.
async fn simulated(
    options: &Options,
    db: &Db,
    tasks: &Tasks,
    webhook_key: hmac::Key,
) -> Result<Simulated, Fault> {
    let (url, actions_url) = match &options.simulator_url {
        Some(url) => (url.clone(), None),
        None => {
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
            let address = listen(options.simulator_listen, simulator.router(), tasks, grace).await?;
            let actions = match options.simulator_actions_listen {
                Some(wanted) => Some(format!("http://{}", listen(wanted, actions, tasks, grace).await?)),
                None => None,
            };
            (format!("http://{address}"), actions)
        }
    };
    let public_url = options.simulator_public_url.clone().or(actions_url).unwrap_or_else(|| url.clone());
    for url in [&url, &public_url] {
        provider::url(SIMULATED, url)?;
    }
    Simulated::new(&url, &public_url, options.provider_timeout, webhook_key)
}

fn configuration(message: String) -> Fault {
    Fault::new(Code::InvalidArgument, "CONFIGURATION", message)
}

/// Starts a listener of the simulated provider; answers with the address under which this process reaches it.
async fn listen(
    wanted: SocketAddr,
    router: Router,
    tasks: &Tasks,
    grace: Duration,
) -> Result<SocketAddr, Fault> {
    let failed = |error: std::io::Error| {
        let message = format!("the simulated payment provider cannot listen on {wanted}: {error}");
        Fault::new(Code::Unavailable, "CANNOT_LISTEN", message)
    };
    let listener = tokio::net::TcpListener::bind(wanted).await.map_err(failed)?;
    let mut address = listener.local_addr().map_err(failed)?;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        });
    }
    tracing::info!(%address, "the simulated payment provider listens");
    // What is under way when the process drains still needs its provider.
    let tasks = tasks.clone();
    tokio::spawn(simulator::serve(listener, router, async move {
        tasks.draining().await;
        tokio::time::sleep(grace).await;
    }));
    Ok(address)
}
