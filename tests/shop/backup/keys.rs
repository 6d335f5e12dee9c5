//! Secrets in backups, and data folders of which a part is missing.

use std::{fs, os::unix::fs::PermissionsExt};

use super::{Also, backup, data, done, refused, restore, start_restored, verify};
use crate::support::{
    Setup, eur,
    mesh::{ADMIN_PASSWORD, client_of},
    process::{Process, Start, serve},
};

tests!(
    keys_are_in_a_backup_only_where_they_are_asked_for,
    a_shop_that_has_lost_a_database_does_not_begin_anew,
    a_restore_that_was_broken_off_is_not_served,
);

/// Covers: mesh.backup.
async fn keys_are_in_a_backup_only_where_they_are_asked_for(setup: Setup) {
    let mesh = setup.start().await;
    let (folder, data) = (mesh.folder(), data(&mesh));
    let said = done(&backup(&data, "without"), folder).stderr;
    assert!(said.contains("keys are not in it"), "{said}");
    done(&backup(&data, "with --with-keys"), folder);
    for (name, mode) in
        [("with", 0o700), ("with/user.db", 0o600), ("with/signing.key", 0o600), ("with/manifest.json", 0o600)]
    {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let secret = fs::read_to_string(data.join("signing.key")).unwrap();
    for file in fs::read_dir(folder.join("without")).unwrap() {
        let path = file.unwrap().path();
        let found = fs::read(&path)
            .unwrap()
            .windows(secret.trim().len())
            .any(|part| part == secret.trim().as_bytes());
        assert!(!found, "{}", path.display());
        assert!(!path.ends_with("signing.key") && !path.ends_with("mesh.secret"));
    }

    // Without its keys a shop does not start, and makes none that would not fit.
    let restored = folder.join("restored");
    let said = done(&restore("without", &restored), folder).stdout;
    assert!(said.contains("no keys") && said.contains("signing.key"), "{said}");
    refused(&serve(&restored), folder, 2, "signing.key, which they are wrapped by, is not there");
    assert!(!restored.join("signing.key").exists());
    for name in ["signing.key", "mesh.secret"] {
        fs::copy(data.join(name), restored.join(name)).unwrap();
    }
    let (process, grpc) = start_restored(&restored);
    client_of(&grpc).sign_in_as("admin", ADMIN_PASSWORD).await.unwrap();
    assert_eq!(verify(&restored, &grpc)["ok"], true);
    process.stop();
}

/// Covers: mesh.backup.
async fn a_shop_that_has_lost_a_database_does_not_begin_anew(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let tea = staff.stocked(eur(100), 5).await;
    mesh.shopper().await.order(&tea.id, 1, "sim_approve").await.unwrap();
    drop(staff);
    let (folder, data) = (mesh.folder(), data(&mesh));
    // The newest is in the journals alone.
    mesh.kill("feira-0");
    let copy = |name: &str, wanted: &dyn Fn(&str) -> bool| {
        let to = folder.join(name);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&data).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if wanted(&name) {
                fs::copy(data.join(&name), to.join(&name)).unwrap();
            }
        }
        to
    };
    for role in ["user", "article", "order", "payment", "mesh"] {
        let lost = copy(&format!("without-{role}"), &|name| !name.starts_with(&format!("{role}.db")));
        refused(&serve(&lost), folder, 4, &format!("{role} database: "));
        refused(&serve(&lost), folder, 4, "it is missing");
        assert!(!lost.join(format!("{role}.db")).exists(), "nothing was made in its place");
    }
    // As whoever copies the databases' own files finds one whose pages are all in the journal.
    let files =
        copy("files", &|name| name.ends_with(".db") || name.ends_with(".key") || name.ends_with(".secret"));
    fs::write(files.join("order.db"), "").unwrap();
    refused(&serve(&files), folder, 4, "it is empty");
    refused(&serve(&files), folder, 4, "copied without the -wal file");
    // A database that is new, but has its schema.
    let new = copy("new", &|name| !name.starts_with("user.db"));
    done(&Start::of("migrate --role user").env("FEIRA_DATA_DIR", new.to_str().unwrap()), folder);
    refused(&serve(&new), folder, 4, "it has no users");
    // Without the key of a shop that was, one begins.
    fs::remove_file(new.join("signing.key")).unwrap();
    let process = Process::start(&serve(&new), folder);
    process.ready();
    process.stop();
    // All of it, journals included, is the shop that it was.
    let (process, grpc) = start_restored(&copy("whole", &|_| true));
    let staff = client_of(&grpc).sign_in_as("admin", ADMIN_PASSWORD).await.unwrap();
    assert_eq!(staff.stock(&tea.id).await.0, 4);
    drop(staff);
    process.stop();
}

/// Covers: mesh.backup.
async fn a_restore_that_was_broken_off_is_not_served(setup: Setup) {
    let mesh = setup.start().await;
    let folder = mesh.folder();
    done(&backup(&data(&mesh), "copy --with-keys"), folder);
    let mut cut = 0;
    for wait in [0, 1, 2, 3, 5, 8, 12, 17, 25] {
        let to = folder.join(format!("to-{wait}"));
        let process = Process::start(&restore("copy", &to), folder);
        tokio::time::sleep(std::time::Duration::from_millis(5 + wait)).await;
        process.kill();
        if !to.join(".restore").exists() {
            continue;
        }
        cut += 1;
        refused(&serve(&to), folder, 2, "a restore into it was broken off");
        refused(&restore("copy", &to), folder, 2, "a restore into it was broken off");
        fs::remove_dir_all(&to).unwrap();
        done(&restore("copy", &to), folder);
        assert!(!to.join(".restore").exists());
    }
    // However quick the machine is.
    let to = folder.join("cut");
    fs::create_dir_all(to.join(".restore")).unwrap();
    refused(&serve(&to), folder, 2, "a restore into it was broken off");
    refused(&restore("copy", &to), folder, 2, "a restore into it was broken off");
    println!("{cut} of 9 were cut in the middle");
    let start = Start::of("restore copy --data-dir").also(&folder.join("fine"));
    done(&start, folder);
}
