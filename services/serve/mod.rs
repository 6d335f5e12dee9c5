//! `feira serve`: from settings to ports that answer, and back to nothing.

pub mod expiry;
mod memory;
pub mod operators;
pub mod ports;
mod process;
pub mod renewal;
mod routes;
mod signals;

use std::sync::Arc;

use kit::{Role, listen::Ends, telemetry::Telemetry};
use tokio::signal::unix::{SignalKind, signal};

use self::ports::{Addresses, Ports};
pub use self::{process::Process, signals::Signals};
use crate::{
    banner::Ready,
    budget::Budget,
    data,
    error::Error,
    hangup::{self, Reread},
    settings::{ConfigFile, Settings},
};

/// Runs roles.
#[derive(clap::Args, Debug)]
pub struct Serve {
    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    _config: ConfigFile,

    /// Show every setting, its value and where it comes from, and end; secrets are masked
    #[arg(long)]
    pub print_config: bool,
}

/// Runs the roles that the settings name until the process is told to stop.
pub async fn serve(settings: Settings, reread: Reread) -> Result<(), Error> {
    let mut signals = Signals::catch()?;
    let hangups = signal(SignalKind::hangup()).map_err(Error::other)?;
    let reads = settings.process.listening.admin_listen.is_some();
    let telemetry = Telemetry::start(&settings.log, &settings.service_name(), reads).map_err(Error::usage)?;
    let telemetry = Arc::new(telemetry);
    tokio::spawn(hangup::reload(hangups, telemetry.clone(), reread));
    say_what_is_not_used(&settings);
    let certificates = settings.secrets.files.open()?;
    let ports = Ports::open(&settings, certificates.as_ref()).await?;
    let Addresses { rest, grpc, admin } = ports.addresses()?;
    let starting = async {
        let mut process = Process::start(&settings, rest, grpc, certificates.as_ref()).await?;
        // The last that can fail: a password that nobody else knows is stored only for a shop that has started.
        let admin_password = process.make_first_administrator(settings.log.format()).await?;
        data::has_started(&settings);
        Ok::<_, Error>((process, admin_password))
    };
    // A signal ends the start at any point: what was migrated or made by then is used by the next start.
    let (process, admin_password) = tokio::select! {
        started = starting => started?,
        () = signals.next() => return Ok(()),
    };
    let ends = Ends::default();
    let serving = tokio::spawn(ports.serve(&process, telemetry.clone(), ends.clone()));
    let embedded = process.databases.iter().any(|db| db.location().starts_with("sqlite:"));
    let data_dir = embedded.then_some(settings.process.data.path.as_path());
    let admin_password = admin_password.as_ref().map(user::Secret::expose);
    let web = settings.page.web;
    let public = settings.gateway.public_url.as_ref().map(ToString::to_string);
    let public = public.as_deref();
    let tls = settings.process.listening.tls_cert.is_some();
    let grpc_tls = tls || settings.secrets.files.are_given();
    Ready { rest, grpc, admin, tls, grpc_tls, public, web, data_dir, admin_password }
        .announce(settings.log.format());

    signals.next().await;
    tracing::info!("process.draining");
    let budget = Budget::from_now(&settings.process.listening);
    tokio::select! {
        () = process.drain(&settings, &ends, serving, &budget) => {}
        () = signals.next() => return Err(Error::other("told to stop twice: calls under way were cut off")),
    }
    telemetry.flush(budget.for_telemetry()).await;
    Ok(())
}

/// A password that is given and counts for nothing would be missed when it is needed.
fn say_what_is_not_used(settings: &Settings) {
    if settings.user.admin.source.is_given() && !settings.process.roles.get().contains(&Role::User) {
        tracing::warn!(
            setting = "FEIRA_ADMIN_PASSWORD",
            "the given password is not used: the role user does not run here"
        );
    }
}
