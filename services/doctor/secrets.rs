//! Secrets: there, and nobody else's. None is ever shown.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use kit::Role;

use super::{Patient, report::Report};
use crate::data;

pub fn check(patient: &Patient<'_>, report: &mut Report) {
    mesh(patient, report);
    if patient.has(Role::User) {
        key_file(patient, report);
    }
    let process = &patient.settings.process;
    if let Some(key) = &process.listening.tls_key {
        private(key, "tls key", report);
    }
}

fn mesh(patient: &Patient<'_>, report: &mut Report) {
    let (given, folder) = (&patient.settings.secrets.mesh, &patient.settings.process.data.path);
    let name = "mesh secret";
    let file = data::mesh_secret_file(given, folder);
    if !given.is_given()
        && patient.here.len() == Role::ALL.len()
        && !file.as_deref().is_some_and(Path::exists)
    {
        return report.ok(name, "will be generated");
    }
    if patient.certificates.is_some() && !given.is_given() {
        return;
    }
    if let Err(problem) = data::mesh_secret(given, folder) {
        return report.problem(name, problem, "give all processes the same one by FEIRA_MESH_SECRET_FILE");
    }
    match file {
        Some(file) if !private(&file, name, report) => {}
        _ => report.ok(name, "is there"),
    }
}

fn key_file(patient: &Patient<'_>, report: &mut Report) {
    let (given, folder) = (&patient.settings.secrets.key_file, &patient.settings.process.data.path);
    let (name, file) = ("key file", patient.key_file());
    if given.path.is_none() && !file.exists() {
        // Whether the database needs one is said with it.
        return report.ok(name, "will be generated");
    }
    match data::key_file_of(given, folder) {
        Err(problem) => {
            report.problem(name, problem, "put it back from where it is kept, or name it by --key-file")
        }
        Ok(_) if !private(&file, name, report) => {}
        Ok(_) => report.ok(name, format!("{} is there", file.display())),
    }
}

/// Whether a file of a secret is only for some: everybody on the machine is too many.
fn private(file: &Path, name: &str, report: &mut Report) -> bool {
    let mode = fs::metadata(file).map_or(0, |metadata| metadata.mode() & 0o777);
    let open = mode & 0o007 != 0;
    if open {
        let found = format!("{}: everybody on this machine may read it ({mode:o})", file.display());
        report.warning(name, found, format!("chmod 600 {}", file.display()));
    }
    !open
}
