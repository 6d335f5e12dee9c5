//! `feira gateway`: the edge of services that are not Feira's, made of their contracts alone. No database, no roles.

mod follow;
mod guard;
mod learn;
mod made;
mod readiness;
mod settings;
mod streams;
mod upstream;

use std::sync::Arc;

use kit::{
    Tasks,
    listen::{Ends, Tls, Workers, raise_open_files},
    telemetry::Telemetry,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

pub use self::settings::Settings;
use self::{follow::Follower, readiness::Readiness};
use crate::{
    banner::Ready,
    budget::Budget,
    error::Error,
    serve::{Signals, expiry, operators, ports},
    settings::ConfigFile,
};

/// Serves others' services.
#[derive(clap::Args, Debug)]
pub struct Gateway {
    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    _config: ConfigFile,

    /// Show every setting, its value and where it comes from, and end
    #[arg(long)]
    pub print_config: bool,
}

/// Reads the settings again, as the process read them at its start.
pub type Reread = fn() -> Result<Settings, Error>;

/// Serves until the process is told to stop.
pub async fn gateway(settings: Settings, reread: Reread) -> Result<(), Error> {
    let mut signals = Signals::catch()?;
    let hangups = signal(SignalKind::hangup()).map_err(Error::other)?;
    let listening = &settings.listening;
    let reads = listening.admin_listen.is_some();
    let telemetry = Telemetry::start(&settings.log, "feira-gateway", reads).map_err(Error::usage)?;
    let telemetry = Arc::new(telemetry);
    raise_open_files();
    let tls = ports::outward(listening)?.map(Tls::outward).transpose().map_err(Error::other)?;
    // Clients queue at the port until it serves.
    let rest = ports::open_rest(listening, tls, settings.gateway.proxy_protocol).await?;
    let rest = rest.on(Some(Workers::start().map_err(Error::other)?));
    let admin = ports::open_admin(listening).await?;
    let limits = ports::limits(listening, settings.gateway.proxies());
    let (tasks, readiness) = (Tasks::default(), Readiness::default());
    tasks.observe();
    expiry::watch(None, listening.tls_cert.as_deref(), &tasks);
    let (follower, switch) = tokio::select! {
        started = Follower::start(settings.clone(), readiness.clone(), tasks.clone()) => started?,
        () = signals.next() => return Ok(()),
    };
    tasks.keep("gateway.health", tasks.until_drain(readiness.clone().watch()));
    let follow = follower.follow(hangups, telemetry.clone(), reread);
    tasks.keep("gateway.contracts", tasks.until_drain(follow));

    let address = |listener: &kit::listen::Listener| listener.address().map_err(Error::other);
    let (rest_at, admin_at) = (address(&rest)?, admin.as_ref().map(address).transpose()?);
    let ends = Ends::default();
    let serving = {
        let operators = operators::router(telemetry.clone(), readiness.probe());
        let (ends, operators_limits) = (ends.clone(), ports::operators_limits(listening));
        tokio::spawn(async move {
            let admin = async {
                if let Some(listener) = admin {
                    listener.serve(operators, ends.clone(), operators_limits).await;
                }
            };
            tokio::join!(rest.serve(switch, ends.clone(), limits), admin);
        })
    };
    let public = settings.gateway.public_url.as_ref().map(ToString::to_string);
    let tls = listening.tls_cert.is_some();
    Ready {
        rest: Some(rest_at),
        grpc: None,
        admin: admin_at,
        tls,
        grpc_tls: tls,
        public: public.as_deref(),
        web: false,
        data_dir: None,
        admin_password: None,
    }
    .announce(settings.log.format());

    signals.next().await;
    tracing::info!("process.draining");
    let budget = Budget::from_now(listening);
    let drain = async {
        readiness.leave();
        if !listening.drain_delay.is_zero() {
            ends.leave();
            sleep(listening.drain_delay).await;
        }
        ends.close();
        tasks.drain();
        let limit = budget.for_calls();
        let ended = async {
            let _ = serving.await;
            tasks.drained().await;
        };
        if timeout(limit, ended).await.is_err() {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "process.cut_off");
        }
    };
    tokio::select! {
        () = drain => {}
        () = signals.next() => return Err(Error::other("told to stop twice: calls under way were cut off")),
    }
    telemetry.flush(budget.for_telemetry()).await;
    Ok(())
}
