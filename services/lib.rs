//! One binary, every role: a subcommand each for what can be done, a table of roles behind `serve`.

mod admin;
mod backup;
mod banner;
mod budget;
mod calls;
mod certs;
mod channel;
mod cli;
mod config;
mod data;
mod databases;
mod descriptors;
mod doctor;
mod error;
mod events;
mod foreign;
mod hangup;
mod health;
mod instances;
mod keys;
mod log_level;
mod migrate;
mod operator;
mod roles;
mod seed;
mod serve;
mod settings;
mod status;
mod verify;
mod version;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use cli::{Command, Parsed};
use error::Error;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// How long what still runs may take to stop, once the work is done.
const STOP: Duration = Duration::from_millis(200);
/// How long the last lines may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Programs that are built together with tests have fail points, and `FAILPOINTS` says what happens there. Others have
    // none, and do not read it.
    let _fail_points = fail::has_failpoints().then(fail::FailScenario::setup);
    let done = match cli::parse(arguments.into_iter().collect()) {
        Ok(Parsed::Shown(text)) => banner::print(&text),
        Ok(Parsed::Command(command)) => execute(command),
        Err(error) => Err(error),
    };
    let code = match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            banner::complain(&error);
            error.exit_code()
        }
    };
    // What was logged last is worth a moment, and no more where nobody reads it.
    kit::telemetry::written(LAST_WORDS);
    code
}

fn execute(command: Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::other)?;
    // Every TLS connection uses the one provider that is built in.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let done = runtime.block_on(async {
        // Beyond a limit of file sizes (`ulimit -f`) a write fails, as on a full disk, which the databases deal with;
        // unless somebody listens to this signal, it would end the process.
        let _too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map_err(Error::other)?;
        match command {
            Command::Admin(admin) => admin::admin(*admin).await,
            Command::Backup(backup) => backup::backup(*backup).await,
            Command::Restore(restore) => backup::restore(restore).await,
            Command::Keys(keys) => keys::keys(*keys).await,
            Command::Serve(serve) => serve::serve(serve.settings, cli::settings_again).await,
            Command::Gateway(gateway) => {
                foreign::gateway(gateway.settings, cli::gateway_settings_again).await
            }
            Command::Migrate(migrate) => migrate::migrate(*migrate).await,
            Command::Health(health) => health::health(health).await,
            Command::LogLevel(command) => log_level::log_level(command).await,
            Command::Certs(command) => certs::certs(&command),
            Command::Doctor(doctor) => doctor::doctor(*doctor).await,
            Command::Descriptors(command) => descriptors::descriptors(&command),
            Command::Events(events) => events::events(*events).await,
            Command::Seed(seed) => seed::seed(*seed).await,
            Command::Status(status) => status::status(*status).await,
            Command::Verify(verify) => verify::verify(*verify).await,
        }
    });
    runtime.shutdown_timeout(STOP);
    done
}
