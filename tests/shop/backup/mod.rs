//! `feira backup` and `feira restore`: one moment of all databases, taken from a shop at work, and what is refused.

mod feeds;
mod keys;
mod refused;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use contracts::order::OrderState;
use serde_json::Value;

use crate::support::{
    Mesh, Setup, Shopper, eur,
    mesh::{ADMIN_PASSWORD, client_of},
    process::{Ended, Process, Start, serve},
    shop::PASSWORD,
    until,
};

tests!(
    backups_of_a_shop_at_work_are_restored_whole,
    a_stopped_shop_is_backed_up_the_same_way,
    nothing_lies_about_after_a_backup_that_was_broken_off,
);

/// The data folder of the shop.
fn data(mesh: &Mesh) -> PathBuf {
    mesh.folder().join("feira-0")
}

fn backup(data: &Path, words: &str) -> Start {
    Start::of(&format!("backup {words}")).env("FEIRA_DATA_DIR", data.to_str().unwrap())
}

fn restore(from: &str, data: &Path) -> Start {
    Start::of("restore").arg(from, "--data-dir").also(data)
}

/// The last word of a command.
trait Also {
    fn also(self, path: &Path) -> Self;
}

impl Also for Start {
    fn also(mut self, path: &Path) -> Self {
        self.args.push(path.to_str().unwrap().to_owned());
        self
    }
}

#[track_caller]
fn done(start: &Start, folder: &Path) -> Ended {
    let ended = start.run(folder);
    assert_eq!(ended.code, Some(0), "{start:?}: {ended:?}");
    ended
}

#[track_caller]
fn refused(start: &Start, folder: &Path, code: i32, said: &str) {
    let ended = start.run(folder);
    assert_eq!(ended.code, Some(code), "{start:?}: {ended:?}");
    assert!(ended.stderr.contains(said), "{said:?}: {}", ended.stderr);
}

/// Runs a command with a file as its standard output; its exit code, and what it says on standard error.
fn into_file(start: &Start, folder: &Path, file: &Path) -> (Option<i32>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_feira"))
        .args(&start.args)
        .env_clear()
        .envs(start.env.iter().cloned())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(File::create(file).unwrap())
        .output()
        .unwrap();
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// A shop on a restored folder.
fn start_restored(data: &Path) -> (Process, String) {
    let process = Process::start(&serve(data).env("FEIRA_SIMULATOR_SLOW", "300ms"), data.parent().unwrap());
    let (_, grpc) = process.ready();
    (process, grpc)
}

/// Stock and money add up there.
fn verify(data: &Path, grpc: &str) -> Value {
    let verify = Start::of("verify --json").arg("--url", grpc).env("FEIRA_DATA_DIR", data.to_str().unwrap());
    serde_json::from_str(&done(&verify, data).stdout).unwrap()
}

/// Shoppers who order without a pause, each with one order at a time.
struct Load {
    stop: Arc<AtomicBool>,
    /// Orders of which somebody was told that they are paid, with whose they are.
    paid: Arc<Mutex<Vec<(String, String)>>>,
    tasks: tokio::task::JoinSet<()>,
}

impl Load {
    async fn start(mesh: &Mesh, article: &str, shoppers: usize) -> Self {
        let (stop, paid) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<_>>>::default());
        let mut tasks = tokio::task::JoinSet::new();
        for (number, ada) in mesh.shoppers(shoppers).await.into_iter().enumerate() {
            let (stop, paid, article) = (stop.clone(), paid.clone(), article.to_owned());
            tasks.spawn(async move {
                for round in number.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    order(&ada, &article, round, &paid).await;
                }
            });
        }
        Self { stop, paid, tasks }
    }

    fn paid(&self) -> Vec<(String, String)> {
        self.paid.lock().unwrap().clone()
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

async fn order(ada: &Shopper, article: &str, round: usize, paid: &Mutex<Vec<(String, String)>>) {
    let method = ["sim_approve", "sim_slow", "sim_approve", "sim_decline"][round % 4];
    let order = ada.order(article, 1 + (round % 3) as i32, method).await.expect("no call fails").body;
    match (order.state(), round % 5) {
        (OrderState::Paid, 0) => {
            ada.cancel(&order.id).await.expect("no call fails");
        }
        (OrderState::Paid, _) => paid.lock().unwrap().push((ada.user.username.clone(), order.id)),
        _ => {}
    }
}

/// Covers: mesh.backup.
async fn backups_of_a_shop_at_work_are_restored_whole(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let tea = staff.stocked(eur(250), 100_000).await;
    let load = Load::start(&mesh, &tea.id, 4).await;
    for round in 0..4 {
        let enough = 10 * (round + 1);
        until("orders are paid", || async { (load.paid().len() >= enough).then_some(()) }).await;
        let before = load.paid();
        let (name, folder) = (format!("backup-{round}"), mesh.folder());
        let restored = folder.join(format!("restored-{round}"));
        // A folder and an archive, in turns.
        let from = if round % 2 == 0 {
            let said = done(&backup(&data(&mesh), "--with-keys").also(&folder.join(&name)), folder).stdout;
            assert!(
                said.contains("user, article, payment, order, mesh") && said.contains("writes waited"),
                "{said}"
            );
            name
        } else {
            let file = folder.join(format!("{name}.tar"));
            let (code, said) = into_file(&backup(&data(&mesh), "- --with-keys"), folder, &file);
            assert_eq!((code, said.contains("writes waited")), (Some(0), true), "{said}");
            file.to_str().unwrap().to_owned()
        };
        assert!(load.paid().len() > 5, "the shop went on meanwhile");
        done(&restore(&from, &restored), folder);

        let (process, grpc) = start_restored(&restored);
        assert_eq!(verify(&restored, &grpc)["ok"], true);
        let client = client_of(&grpc);
        let staff = client.sign_in_as("admin", ADMIN_PASSWORD).await.expect("her password is what it was");
        for (_, id) in &before {
            assert_eq!(staff.see(id).await.state(), OrderState::Paid, "what was answered before is in it");
        }
        // It is a shop as any other.
        let ada = client.sign_in_as(&before[0].0, PASSWORD).await.unwrap();
        let order = ada.order(&tea.id, 1, "sim_approve").await.unwrap().body;
        ada.until(&order.id, OrderState::Paid).await;
        until("nothing is under way", || async { (verify(&restored, &grpc)["inFlight"] == 0).then_some(()) })
            .await;
        drop((client, staff, ada));
        process.stop();
    }
    load.end().await;
}

/// Covers: mesh.backup.
async fn a_stopped_shop_is_backed_up_the_same_way(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let tea = staff.stocked(eur(250), 10).await;
    let ada = mesh.shopper().await;
    let order = ada.order(&tea.id, 3, "sim_approve").await.unwrap().body;
    ada.until(&order.id, OrderState::Paid).await;
    drop((staff, ada));
    // All is in the journals, of which nobody has taken leave.
    mesh.kill("feira-0");
    let folder = mesh.folder();
    done(&backup(&data(&mesh), "copy --with-keys"), folder);
    done(&restore("copy", &folder.join("restored")), folder);
    let (process, grpc) = start_restored(&folder.join("restored"));
    assert_eq!(verify(&folder.join("restored"), &grpc)["ok"], true);
    let client = client_of(&grpc);
    let staff = client.sign_in_as("admin", ADMIN_PASSWORD).await.unwrap();
    assert_eq!(staff.stock(&tea.id).await, (7, 0, 3));
    drop((client, staff));
    process.stop();
}

/// Covers: mesh.backup.
async fn nothing_lies_about_after_a_backup_that_was_broken_off(setup: Setup) {
    let mesh = setup.start().await;
    let folder = mesh.folder().join("place");
    std::fs::create_dir(&folder).unwrap();
    // Wherever it is by then.
    for wait in [0, 1, 2, 4, 8, 16, 32] {
        let process = Process::start(&backup(&data(&mesh), "copy"), &folder);
        tokio::time::sleep(std::time::Duration::from_millis(10 + wait)).await;
        process.signal(rustix::process::Signal::INT);
        let whole = process.ended().unwrap().code() == Some(0);
        let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
        match whole {
            true => std::fs::remove_dir_all(folder.join("copy")).unwrap(),
            false if process.stderr().is_empty() => {}
            false => assert!(names.is_empty(), "{wait}: {names:?}\n{}", process.stderr()),
        }
        for name in names.iter().filter(|name| *name != "copy") {
            std::fs::remove_dir_all(folder.join(name)).unwrap();
        }
    }
}
