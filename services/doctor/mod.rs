//! `feira doctor`: whether a shop would run well with its settings in its environment. Nothing is started, and nothing is
//! changed.

mod databases;
mod network;
mod outside;
mod process;
mod report;
mod secrets;

use kit::{Role, db, mesh::certificates::Certificates, payment_types::PaymentTypes};

use self::report::Report;
use crate::{
    banner,
    data::SIGNING_KEY,
    error::Error,
    roles,
    settings::{ConfigFile, Settings},
};

/// Looks at everything.
#[derive(clap::Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    _config: ConfigFile,

    /// Show what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What is looked at.
struct Patient<'a> {
    settings: &'a Settings,
    here: Vec<Role>,
    payment_types: PaymentTypes,
    /// The certificate, where it can be read.
    certificates: Option<Certificates>,
    /// Whether a process has one of the embedded databases open.
    runs: bool,
}

impl Patient<'_> {
    fn has(&self, role: Role) -> bool {
        self.here.contains(&role)
    }

    /// The URLs of the databases of the services that run here; what is wrong with one is said among the settings.
    fn urls(&self) -> impl Iterator<Item = (Role, String)> {
        let services = self.here.iter().copied().filter(|role| Role::SERVICES.contains(role));
        services.filter_map(|role| {
            let url = self.settings.databases.url(role, &self.here, &self.settings.process.data);
            Some((role, url.ok()?))
        })
    }

    /// The file of generated keys, unless another is named.
    fn key_file(&self) -> std::path::PathBuf {
        let given = self.settings.secrets.key_file.path.clone();
        given.unwrap_or_else(|| self.settings.process.data.path.join(SIGNING_KEY))
    }
}

/// Prints what was found: exit code 1 where something deserves a look, 2 where the shop would not run well.
pub async fn doctor(doctor: Doctor) -> Result<(), Error> {
    let settings = &doctor.settings;
    let mut report = Report::default();
    let patient = admit(settings, &mut report);
    process::check(&patient, &mut report);
    secrets::check(&patient, &mut report);
    databases::check(&patient, &mut report).await;
    network::check(&patient, &mut report).await;
    outside::check(&patient, &mut report).await;
    banner::print(&if doctor.json { report.json()? } else { report.text() })?;
    report.verdict()
}

/// Reads the settings as `serve` does.
fn admit<'a>(settings: &'a Settings, report: &mut Report) -> Patient<'a> {
    let here = settings.process.roles.get();
    let payment_types = settings.payment_types.types().ok();
    let checked = settings.check();
    let checked = checked.and_then(|()| match &payment_types {
        Some(types) => roles::check(settings, types),
        None => Ok(()),
    });
    let names = here.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    report.judge("settings", checked, &names, "`feira serve` would not start: change what is said");
    let certificates = settings.secrets.files.open();
    let mut patient = Patient {
        settings,
        here,
        payment_types: payment_types.unwrap_or_default(),
        certificates: certificates.ok().flatten(),
        runs: false,
    };
    // Asked of each, and not kept: this process ends before anybody could want it.
    let runs = patient.urls().any(|(_, url)| db::exists(&url) && db::is_claimed(&url));
    patient.runs = runs;
    patient
}
