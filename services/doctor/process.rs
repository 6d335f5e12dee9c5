//! What the machine gives a process: a data folder, room, file descriptors.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, getrlimit};

use super::{Patient, report::Report};
use crate::data;

/// Free space of the data folder's volume below which it is too little, and below which it deserves a look.
const LEAST: u64 = 64 << 20;
const LITTLE: u64 = 1 << 30;
/// File descriptors: a connection takes one.
const FEWEST: u64 = 256;
const FEW: u64 = 4_096;

pub fn check(patient: &Patient<'_>, report: &mut Report) {
    files(report);
    let embedded = patient.urls().any(|(_, url)| url.starts_with("sqlite:"));
    if embedded || !patient.settings.secrets.mesh.is_given() {
        folder(patient, report);
    }
}

fn files(report: &mut Report) {
    let name = "file descriptors";
    let advice = "raise it (`ulimit -n`, LimitNOFILE= of systemd): each connection takes one";
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < FEWEST => report.problem(name, format!("{limit} at the most"), advice),
        Some(limit) if limit < FEW => report.warning(name, format!("{limit} at the most"), advice),
        Some(limit) => report.ok(name, format!("{limit} at the most")),
        None => report.ok(name, "without limit"),
    }
}

fn folder(patient: &Patient<'_>, report: &mut Report) {
    let (name, folder) = ("data folder", &patient.settings.process.data.path);
    let shown = folder.display();
    let there = existing(folder);
    let metadata = match fs::metadata(&there) {
        Ok(metadata) if !metadata.is_dir() => {
            return report.problem(
                name,
                format!("{} is no folder", there.display()),
                "name another by --data-dir",
            );
        }
        Ok(metadata) => metadata,
        Err(error) => {
            return report.problem(
                name,
                format!("{}: {error}", there.display()),
                "name another by --data-dir",
            );
        }
    };
    if let Err(error) = try_to_write(&there) {
        let advice = "give it to the user that the shop runs as (chown), or name another by --data-dir";
        return report.problem(name, format!("{}: cannot be written to: {error}", there.display()), advice);
    }
    if let Err(problem) = data::check_whole(patient.settings) {
        report.problem(name, problem, "the shop would not start");
    } else if there != *folder {
        report.ok(name, format!("{shown} will be made"));
    } else if metadata.mode() & 0o077 != 0 {
        let found =
            format!("{shown}: others on this machine may look into it ({:o})", metadata.mode() & 0o777);
        report.warning(name, found, format!("chmod 700 {shown}"));
    } else {
        report.ok(name, shown);
    }
    room(&there, report);
}

fn room(folder: &Path, report: &mut Report) {
    let name = "disk";
    let Ok(volume) = rustix::fs::statvfs(folder) else { return };
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let found = format!("{} MiB free for {}", free >> 20, folder.display());
    let advice = "make room, or move the data folder to a larger volume: on a full one nothing can be bought";
    match free {
        0..LEAST => report.problem(name, found, advice),
        LEAST..LITTLE => report.warning(name, found, advice),
        _ => report.ok(name, found),
    }
}

/// The folder, or the one above it in which it would be made.
fn existing(folder: &Path) -> PathBuf {
    let all = folder.ancestors().find(|folder| folder.exists() && !folder.as_os_str().is_empty());
    all.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn try_to_write(folder: &Path) -> io::Result<()> {
    tempfile::Builder::new().prefix(".feira-doctor.").tempfile_in(folder).map(|_| ())
}
