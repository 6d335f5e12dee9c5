//! What cannot be backed up or restored is refused with the reason, and leaves nothing behind.

use std::{fs, path::Path};

use super::{Also, backup, data, done, into_file, refused, restore};
use crate::support::{Setup, mesh::client_of, process::Start};

tests!(
    what_cannot_be_backed_up_is_refused,
    a_damaged_backup_restores_nothing,
    nothing_is_restored_over_what_is_there
);

/// Covers: mesh.backup.
async fn what_cannot_be_backed_up_is_refused(setup: Setup) {
    let mesh = setup.start().await;
    let (folder, data) = (mesh.folder(), data(&mesh));
    let never = folder.join("never");
    refused(&backup(&never, "copy"), folder, 4, "never started");
    assert!(!never.exists() && !folder.join("copy").exists());
    let server = backup(&data, "copy").env("FEIRA_ORDER_DATABASE_URL", "postgres://u:hunter22@db/orders");
    refused(&server, folder, 2, "postgres://db/orders");
    assert!(!server.run(folder).stderr.contains("hunter22"));
    fs::create_dir(folder.join("full")).unwrap();
    fs::write(folder.join("full/note"), "").unwrap();
    refused(&backup(&data, "full"), folder, 2, "is there already");
    refused(&backup(&data, "nowhere/copy"), folder, 2, "nowhere");
    refused(&backup(&data, ""), folder, 2, "required");
    refused(&backup(&data, "copy --role gateway"), folder, 2, "no role is named that has a database");
    refused(&backup(&data, "copy --with-keys --key-file none"), folder, 2, "none");
    let (code, said) = into_file(&backup(&data, "- --scratch nowhere"), folder, &folder.join("tar"));
    assert_eq!((code, said.contains("--scratch: nowhere")), (Some(2), true), "{said}");
    // An archive of which nobody takes the rest is not one.
    let (code, said) = into_file(&backup(&data, "-"), folder, Path::new("/dev/full"));
    assert_eq!((code, said.contains("standard output")), (Some(1), true), "{said}");
    // Some roles are some databases.
    let said = done(&backup(&data, "some --role order,payment"), folder).stdout;
    assert!(said.starts_with("payment, order, "), "{said}");
    fs::create_dir(folder.join("empty")).unwrap();
    done(&backup(&data, "empty"), folder);
    let hidden = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> = hidden.filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "no drafts are left: {hidden:?}");
}

/// Covers: mesh.backup.
async fn a_damaged_backup_restores_nothing(setup: Setup) {
    let mesh = setup.start().await;
    let (folder, data) = (mesh.folder(), data(&mesh));
    done(&backup(&data, "whole --with-keys"), folder);
    let tar = folder.join("whole.tar");
    assert_eq!(into_file(&backup(&data, "- --with-keys"), folder, &tar).0, Some(0));
    let to = folder.join("to");
    let restores = |from: &str, code: i32, said: &str| {
        refused(&restore(from, &to), folder, code, said);
        assert!(!to.exists(), "nothing is left of it");
    };
    let whole = fs::read(&tar).unwrap();
    let damaged = folder.join("damaged.tar");
    // In a database, in the middle of one, before the manifest, in the manifest, before the end's mark.
    for length in [100, 5_000, whole.len() / 2, whole.len() - 4_000] {
        fs::write(&damaged, &whole[..length]).unwrap();
        restores("damaged.tar", 1, "");
    }
    for place in [600, whole.len() / 3, whole.len() / 2] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&damaged, &bytes).unwrap();
        restores("damaged.tar", 1, "SHA-256");
    }
    fs::write(&damaged, b"PK\x03\x04 something else altogether").unwrap();
    restores("damaged.tar", 1, "tar archive");
    restores("nowhere.tar", 2, "nowhere.tar");

    // A folder of which a part is another, or gone.
    let manifest = folder.join("whole/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    restores("whole", 1, "format 2");
    let schema = serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let schema = schema["databases"][0]["schema"].as_str().unwrap().to_owned();
    fs::write(&manifest, text.replace(&schema, "m000999_later")).unwrap();
    restores("whole", 4, "m000999_later");
    fs::write(&manifest, text.replace("user.db", "../user.db")).unwrap();
    restores("whole", 1, "another name");
    fs::write(&manifest, &text).unwrap();
    fs::rename(folder.join("whole/order.db"), folder.join("order.db")).unwrap();
    restores("whole", 1, "order.db");
    fs::rename(folder.join("order.db"), folder.join("whole/order.db")).unwrap();
    done(&restore("whole", &to), folder);
}

/// Covers: mesh.backup.
async fn nothing_is_restored_over_what_is_there(setup: Setup) {
    let mesh = setup.start().await;
    let (folder, data) = (mesh.folder(), data(&mesh));
    done(&backup(&data, "copy --with-keys"), folder);
    refused(&restore("copy", &data), folder, 2, "is not empty");
    client_of(&mesh.grpc_url("feira-0"))
        .sign_in_as("admin", crate::support::mesh::ADMIN_PASSWORD)
        .await
        .unwrap();
    // A new volume is as good as an empty folder.
    let volume = folder.join("volume");
    fs::create_dir_all(volume.join("lost+found")).unwrap();
    done(&restore("copy", &volume), folder);
    assert!(volume.join("lost+found").exists() && volume.join("order.db").exists());
    refused(&Start::of("restore --data-dir").also(&folder.join("other")), folder, 2, "required");
}
