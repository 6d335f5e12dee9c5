//! What is wrong around a shop and not in its settings: a full disk, clocks apart, a server that takes no writes, certificates
//! of the mesh that do not count.

use std::{fs, path::Path, process::Command};

use super::{Found, doctor, place};
use crate::support::{
    Backend, Setup,
    mesh::MESH_SECRET,
    process::{Process, Start, serve},
    servers::libfaketime,
};

tests!(a_full_disk_is_found, certificates_of_the_mesh_that_do_not_count_are_found);
each!(on_postgres: Setup::default().on(Backend::Postgres);
    a_server_that_takes_no_writes_is_found, clocks_that_are_apart_are_found);
each!(on_mysql: Setup::default().on(Backend::MySql); clocks_that_are_apart_are_found);

/// A small volume of its own, for as long as this lives.
struct Volume<'a>(&'a Path);

impl<'a> Volume<'a> {
    fn mount(folder: &'a Path) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: this user may mount nothing");
        None
    }
}

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        // By a test that failed something may still be open in it.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Covers: mesh.doctor, mesh.databases.
async fn a_full_disk_is_found(_: Setup) {
    let (folder, _) = place();
    let path = folder.path().join("volume");
    let Some(_volume) = Volume::mount(&path) else { return };
    let data = path.join("data");
    let process = Process::start(&serve(&data), folder.path());
    process.ready();
    let look = || Found::of(&doctor(&data), folder.path());
    let little = look();
    little.says("disk", "problem", "make room");
    little.says("database.order", "ok", "schema m0000");
    let fill = || {
        let mut file = fs::File::create(path.join("fill")).unwrap();
        let _ = std::io::copy(&mut std::io::repeat(0), &mut file);
    };
    let full = |words: &str| {
        let full = look();
        full.says("disk", "problem", "0 MiB free");
        for database in ["database.user", "database.order"] {
            full.says(database, "problem", words);
        }
    };
    fill();
    full("its disk is full");
    fs::remove_file(path.join("fill")).unwrap();
    look().says("database.order", "ok", "schema m0000");
    process.stop();
    // Whoever would start it has no room for what SQLite makes beside each file.
    fill();
    full("see whether its disk has room");
    fs::remove_file(path.join("fill")).unwrap();
    look().says("database.order", "ok", "schema m0000");
}

/// The doctor of an order service with this database.
fn of_order(folder: &Path, url: &str) -> Start {
    let other = "http://127.0.0.1:1";
    let start = doctor(&folder.join("another")).env("FEIRA_ROLE", "order").env("FEIRA_DATABASE_URL", url);
    let start = start.env("FEIRA_MESH_SECRET", MESH_SECRET).env("FEIRA_DATABASE_WAIT", "1s");
    let urls = ["USER", "ARTICLE", "PAYMENT"];
    urls.iter().fold(start, |start, role| start.env(&format!("FEIRA_{role}_URL"), other))
}

/// Covers: mesh.doctor.
async fn a_server_that_takes_no_writes_is_found(setup: Setup) {
    let mesh = setup.start().await;
    let look = || Found::of(&of_order(mesh.folder(), &mesh.database_url("order")), mesh.folder());
    mesh.set_of_database("order", "default_transaction_read_only = on").await;
    look().says("database.order", "problem", "it takes reads alone -> it must take writes: a standby");
    mesh.set_of_database("order", "default_transaction_read_only = off").await;
    look().says("database.order", "ok", "schema m0000");
}

/// Covers: mesh.doctor.
async fn clocks_that_are_apart_are_found(setup: Setup) {
    let Some(library) = libfaketime() else {
        return eprintln!("SKIPPED: there is no libfaketime; run the tests by ./tests/run");
    };
    let mesh = setup.start().await;
    let look = |seconds: &str, leeway: &str| {
        let start = of_order(mesh.folder(), &mesh.database_url("order"))
            .env("LD_PRELOAD", library.to_str().unwrap())
            .env("FAKETIME", seconds)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DISABLE_SHM", "1");
        Found::of(&start.env("FEIRA_CLOCK_LEEWAY", leeway), mesh.folder())
    };
    look("+0", "60s").says("database.order clock", "ok", "apart");
    look("+5", "60s").says("database.order clock", "warning", "NTP");
    for apart in ["+90", "-90"] {
        look(apart, "60s").says("database.order clock", "problem", "NTP");
    }
    look("-90", "2m").says("database.order clock", "warning", "90.0s apart");
}

/// Covers: mesh.doctor, mesh.tls.
async fn certificates_of_the_mesh_that_do_not_count_are_found(_: Setup) {
    let (folder, data) = place();
    let certs = |name: &str, days: &str| {
        let ended = Start::of(&format!("certs {name} --days {days}")).run(folder.path());
        assert_eq!(ended.code, Some(0), "{ended:?}");
    };
    let look = |certificate: &str, key: &str, authority: &str| {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let start = doctor(&data)
            .env("FEIRA_ROLE", "user")
            .env("FEIRA_MESH_SECRET", MESH_SECRET)
            .env("FEIRA_ORDER_URL", "https://127.0.0.1:1")
            .env("FEIRA_MESH_CERT", &path(certificate))
            .env("FEIRA_MESH_KEY", &path(key))
            .env("FEIRA_MESH_CA", &path(authority));
        Found::of(&start, folder.path())
    };
    let check = "mesh certificate";
    certs("certs", "365");
    let well = look("certs/user.pem", "certs/user.key", "certs/ca.pem");
    well.says(check, "ok", "spiffe://feira/role/user");
    well.says("role.order", "problem", "see whether it runs");
    let missing = look("certs/none.pem", "certs/user.key", "certs/ca.pem");
    missing.says(check, "problem", "none.pem: No such file");
    let asked =
        missing.report["checks"].as_array().unwrap().iter().any(|check| check["name"] == "role.order");
    assert!(!asked, "nobody is asked by a certificate that is none: {:#}", missing.report);
    look("certs/user.pem", "certs/order.key", "certs/ca.pem").says(check, "problem", "user.pem");
    look("certs/order.pem", "certs/order.key", "certs/ca.pem").says(check, "problem", "does not name user");
    certs("others", "5");
    look("others/user.pem", "others/user.key", "certs/ca.pem").says(check, "problem", "certs/ca.pem");
    look("others/user.pem", "others/user.key", "others/ca.pem").says(check, "warning", "renew");
    let Some(library) = libfaketime() else {
        return eprintln!("SKIPPED: there is no libfaketime; run the tests by ./tests/run");
    };
    let made = Start::of("certs old --days 1")
        .env("LD_PRELOAD", library.to_str().unwrap())
        .env("FAKETIME", "-2d")
        .run(folder.path());
    assert_eq!(made.code, Some(0), "{made:?}");
    look("old/user.pem", "old/user.key", "old/ca.pem").says(check, "problem", "expired");
}
