//! `feira doctor`: each thing that can be wrong with settings and surroundings is found and told with what to do, and nothing is
//! changed by looking.

pub mod network;
mod surroundings;

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{
    Setup,
    process::{Ended, Process, Start, serve},
};

tests!(
    a_shop_that_is_well_has_no_problem,
    folders_and_secrets_that_are_not_right_are_found,
    few_file_descriptors_are_found,
);

/// `feira doctor` with the settings of a shop on this folder.
fn doctor(data: &Path) -> Start {
    let mut start = serve(data);
    start.args[0] = "doctor".to_owned();
    start.args.push("--json".to_owned());
    start
}

struct Found {
    code: Option<i32>,
    report: Value,
}

impl Found {
    fn of(start: &Start, folder: &Path) -> Self {
        let Ended { code, stdout, stderr } = start.run(folder);
        let report = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {code:?} {stdout}{stderr}"));
        let found = Self { code, report };
        let expected = match found.report["status"].as_str() {
            Some("ok") => 0,
            Some("warning") => 1,
            _ => 2,
        };
        assert_eq!(found.code, Some(expected), "{stderr}");
        found
    }

    /// The status of a check, and all that is said about it.
    fn of_check(&self, name: &str) -> (String, String) {
        let checks = self.report["checks"].as_array().unwrap();
        let check =
            checks.iter().filter(|check| check["name"] == name).max_by_key(|check| check["status"] != "ok");
        let check = check.unwrap_or_else(|| panic!("no check {name}: {:#}", self.report));
        let text = |key: &str| check[key].as_str().unwrap().to_owned();
        (text("status"), format!("{} -> {}", text("found"), text("advice")))
    }

    #[track_caller]
    fn says(&self, name: &str, status: &str, words: &str) {
        let (found, said) = self.of_check(name);
        assert!(
            found == status && said.contains(words),
            "{name}: {found}, not {status}: {said}, not {words:?}"
        );
        assert!(status == "ok" || !said.ends_with("-> "), "{name}: what to do: {said}");
    }
}

fn place() -> (TempDir, std::path::PathBuf) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    (folder, data)
}

/// Covers: mesh.doctor.
async fn a_shop_that_is_well_has_no_problem(_: Setup) {
    let (folder, data) = place();
    // Before it was ever started.
    let new = Found::of(&doctor(&data), folder.path());
    for (check, words) in [
        ("settings", "order"),
        ("data folder", "will be made"),
        ("mesh secret", "will be generated"),
        ("key file", "will be generated"),
        ("database.order", "will be made"),
        ("port.rest", "is free"),
    ] {
        new.says(check, "ok", words);
    }
    new.says("mail", "warning", "--smtp-url");
    new.says("payments.simulated", "warning", "everybody pays");
    assert_eq!(new.code, Some(1));
    assert!(!data.exists(), "nothing is made by looking");
    // While it runs.
    let process = Process::start(&serve(&data), folder.path());
    let (rest, _) = process.ready();
    let address = rest.trim_start_matches("http://");
    let mut start = doctor(&data);
    start.args = ["doctor", "--json", "--rest-listen", address, "--grpc-listen", "127.0.0.1:0"]
        .map(str::to_owned)
        .into();
    let running = Found::of(&start, folder.path());
    for (check, words) in [
        ("data folder", ""),
        ("mesh secret", "is there"),
        ("key file", "is there"),
        ("keys", "opens what is wrapped"),
        ("database.user", "schema m0000"),
        ("port.rest", "the shop runs"),
    ] {
        running.says(check, "ok", words);
    }
    assert_eq!(running.code, Some(1));
    // For people.
    start.args.retain(|word| word != "--json");
    let said = start.run(folder.path());
    assert!(
        said.stdout.contains("ok       database.user") && said.stdout.contains("-> set --smtp-url"),
        "{}",
        said.stdout
    );
    process.stop();
}

/// Covers: mesh.doctor.
async fn folders_and_secrets_that_are_not_right_are_found(_: Setup) {
    let (folder, data) = place();
    let process = Process::start(&serve(&data), folder.path());
    process.ready();
    process.stop();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let look = || Found::of(&doctor(&data), folder.path());

    mode(&data, 0o755);
    mode(&data.join("mesh.secret"), 0o644);
    mode(&data.join("signing.key"), 0o604);
    let found = look();
    found.says("data folder", "warning", "chmod 700");
    found.says("mesh secret", "warning", "chmod 600");
    found.says("key file", "warning", "chmod 600");
    mode(&data, 0o700);
    mode(&data.join("mesh.secret"), 0o600);
    mode(&data.join("signing.key"), 0o600);

    let secret = fs::read_to_string(data.join("mesh.secret")).unwrap();
    fs::write(data.join("mesh.secret"), "short").unwrap();
    let found = look();
    found.says("mesh secret", "problem", "mesh.secret");
    assert!(!found.report.to_string().contains(secret.trim()));
    fs::write(data.join("mesh.secret"), secret).unwrap();

    // The key file of another shop.
    let key = fs::read(data.join("signing.key")).unwrap();
    fs::write(data.join("signing.key"), "a key of another shop, which is long enough").unwrap();
    look().says("keys", "problem", "put back the key file");
    fs::write(data.join("signing.key"), &key).unwrap();
    look().says("keys", "ok", "");

    fs::rename(data.join("order.db"), folder.path().join("order.db")).unwrap();
    look().says("data folder", "problem", "order database");
    fs::rename(folder.path().join("order.db"), data.join("order.db")).unwrap();
    // What is no database, and one of a newer program.
    fs::write(data.join("mesh.db"), "something else altogether, and long enough to be looked at").unwrap();
    look().says("database.mesh", "problem", "mesh.db");
    fs::remove_file(data.join("mesh.db")).unwrap();
    for beside in ["mesh.db-wal", "mesh.db-shm"] {
        let _ = fs::remove_file(data.join(beside));
    }
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let found = Found::of(&doctor(&file), folder.path());
    found.says("data folder", "problem", "is no folder");
}

/// Covers: mesh.doctor.
async fn few_file_descriptors_are_found(_: Setup) {
    let (folder, data) = place();
    let start = doctor(&data);
    let words = start.args.join(" ");
    let limited = |most: u64| {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {most}; exec \"$0\" {words}"), env!("CARGO_BIN_EXE_feira")]);
        shell
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(start.env.iter().cloned())
            .current_dir(folder.path());
        let report = serde_json::from_slice(&shell.output().unwrap().stdout).unwrap();
        Found { code: None, report }
    };
    limited(1_024).says("file descriptors", "warning", "ulimit -n");
    limited(200).says("file descriptors", "problem", "ulimit -n");
}
