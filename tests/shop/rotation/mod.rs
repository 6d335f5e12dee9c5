//! Secrets are replaced while everything is at work: no valid call is refused.

mod load;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::user::{
    ApiKey, ConfirmTotpRequest, CreateApiKeyRequest, GetJwksRequest, GetUserRequest, RefreshRequest,
    RotateApiKeyRequest, SignInRequest, StartTotpRequest,
};
use serde_json::Value;
use tempfile::tempdir;
use totp_rs::Totp;

use self::load::Load;
use crate::support::{
    Backend, Code, Mesh, Refused, Setup,
    process::{Ended, Process, Start, serve},
    shop::PASSWORD,
    until,
};

fn unlimited(setup: Setup) -> Setup {
    ["ADDRESS", "SIGN_IN", "READS", "WRITES"]
        .into_iter()
        .fold(setup, |setup, class| setup.env(&format!("FEIRA_RATE_LIMIT_{class}"), "off"))
        .env("FEIRA_SESSIONS_PER_USER", "10000")
        .env("FEIRA_SIGNING_KEY_LEAD", "2s")
}

fn replicas(backend: Backend) -> Setup {
    unlimited(Setup::default().on(backend).replicas(2))
}

each!(in_two_replicas: replicas(Backend::Postgres);
    signing_keys_are_rotated_twice_in_a_row, the_key_file_is_replaced, an_api_key_is_rotated_with_overlap);
each!(in_two_replicas_on_mysql: replicas(Backend::MySql);
    signing_keys_are_rotated_twice_in_a_row, the_key_file_is_replaced);
each!(in_six_processes: unlimited(Setup::default().split());
    signing_keys_are_rotated_twice_in_a_row, a_withdrawn_key_ends_its_tokens_everywhere);
each!(by_schedule: replicas(Backend::Postgres).env("FEIRA_SIGNING_KEY_ROTATION", "4s");
    signing_keys_are_rotated_by_schedule);
tests!(the_operator_looks_after_keys_of_a_stopped_shop, a_key_file_without_the_right_key_is_refused);

/// `feira keys …` of the operator, who asks a process.
fn keys(mesh: &Mesh, words: &str) -> Ended {
    let process = if mesh.setup.split { "user" } else { "feira-0" };
    let start = Start::of("keys").arg("--url", &mesh.grpc_url(process));
    let start = Start { args: [start.args, words.split(' ').map(str::to_owned).collect()].concat(), ..start };
    mesh.as_operator(start).run(mesh.folder())
}

fn well(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_default()
}

/// The key that signed a token.
fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// The keys by which replicas sign now.
async fn signing(mesh: &Mesh) -> Vec<String> {
    let replicas = mesh.setup.more + 1;
    let mut kids = Vec::new();
    for number in 0..replicas {
        let admin = mesh.client().at(number).sign_in_as("admin", crate::support::mesh::ADMIN_PASSWORD).await;
        kids.push(kid(&admin.unwrap().tokens.access_token));
    }
    kids
}

/// Covers: user.signing-keys.
async fn signing_keys_are_rotated_twice_in_a_row(setup: Setup) {
    let mesh = setup.start().await;
    let mut load = Load::default();
    (0..4).for_each(|_| load.session(&mesh));
    load.goes_on_for(20).await;
    let mut made = vec![signing(&mesh).await[0].clone()];
    for _ in 0..2 {
        let now = well(&keys(&mesh, "rotate --json"));
        let newest = now["signingKeys"][0]["kid"].as_str().unwrap().to_owned();
        assert_eq!(now["signingKeys"][0]["signing"], false, "it is published first: {now}");
        until("the new key signs everywhere", || async {
            signing(&mesh).await.iter().all(|kid| *kid == newest).then_some(())
        })
        .await;
        made.push(newest);
        load.goes_on_for(100).await;
    }
    let jwks = mesh.client().get_jwks(GetJwksRequest {}).await.unwrap().body;
    let published: HashSet<String> = jwks.keys.into_iter().map(|key| key.kid).collect();
    assert_eq!(published, made.into_iter().collect(), "those before still verify");
    load.ends_well().await;
}

/// Covers: user.signing-keys.
async fn signing_keys_are_rotated_by_schedule(setup: Setup) {
    let mesh = setup.start().await;
    let mut load = Load::default();
    (0..2).for_each(|_| load.session(&mesh));
    let mut seen = HashSet::new();
    while seen.len() < 3 {
        load.goes_on_for(10).await;
        seen.extend(signing(&mesh).await);
    }
    load.ends_well().await;
}

/// Covers: user.signing-keys.
async fn a_withdrawn_key_ends_its_tokens_everywhere(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let (me, orders) = (|| GetUserRequest { id: "me".into() }, || Default::default());
    ada.get_user(me()).await.unwrap();
    ada.list_orders(orders()).await.unwrap();
    assert_eq!(keys(&mesh, "rotate --withdraw nonsense").code, Some(1));
    let now = well(&keys(&mesh, &format!("rotate --json --withdraw {}", kid(&ada.tokens.access_token))));
    assert_eq!(now["signingKeys"].as_array().unwrap().len(), 1, "{now}");
    ada.get_user(me()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    until("the other services know", || async { ada.list_orders(orders()).await.is_err().then_some(()) })
        .await;
    ada.list_orders(orders()).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    let refresh = RefreshRequest { refresh_token: ada.tokens.refresh_token.clone() };
    // Without the token, as whoever refreshes an expired one does.
    let tokens = mesh.client().refresh(refresh).await.unwrap().body;
    let again = ada.signed_in(&tokens.access_token);
    until("the new key is known", || async { again.list_orders(orders()).await.ok() }).await;
}

/// Covers: user.key-file, user.second-factor.
async fn the_key_file_is_replaced(setup: Setup) {
    let mut mesh = setup.start().await;
    let file = mesh.folder().join("signing.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let new = "a key that takes the place of the one before it";
    let ada = mesh.shopper().await;
    let started = ada.start_totp(StartTotpRequest { user_id: "me".into() }).await.unwrap().body;
    let totp = Totp::from_url(&started.otpauth_uri).unwrap();
    let code = |step: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        totp.generate(now.saturating_add_signed(30 * step)).to_string()
    };
    ada.confirm_totp(ConfirmTotpRequest { user_id: "me".into(), code: code(-1) }).await.unwrap();

    let mut load = Load::default();
    (0..2).for_each(|_| load.session(&mesh));
    (0..2).for_each(|_| load.second_factors(&mesh));
    load.goes_on_for(30).await;
    replace(&file, &format!("{old}\n{new}\n"));
    load.goes_on_for(30).await;
    replace(&file, &format!("{new}\n{old}\n"));
    load.goes_on_for(30).await;
    let done = keys(&mesh, "rewrap");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!done.stdout.starts_with("0 "), "a signing key and a second factor at least: {done:?}");
    assert!(keys(&mesh, "rewrap").stdout.starts_with("0 "), "nothing is left");
    load.goes_on_for(30).await;
    replace(&file, &format!("{new}\n"));
    load.goes_on_for(60).await;
    load.ends_well().await;

    // The new key alone is enough for a process that starts, and for who set up a factor under the old one.
    mesh.stop("feira-0");
    mesh.restart("feira-0");
    let request =
        SignInRequest { login: ada.user.username.clone(), password: PASSWORD.into(), code: code(0) };
    for number in 0..2 {
        let outcome = mesh.client().at(number).sign_in(request.clone()).await;
        // A code works once.
        assert_eq!(outcome.is_ok(), number == 0, "{outcome:?}");
    }
}

/// As files are replaced whose readers must not see half of one.
fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("new");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, file).unwrap();
}

/// Covers: user.api-keys.
async fn an_api_key_is_rotated_with_overlap(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let api_key = Some(ApiKey { name: "nightly".into(), ..Default::default() });
    let key = ada.create_api_key(CreateApiKeyRequest { user_id: "me".into(), api_key }).await.unwrap().body;
    let secret = Arc::new(Mutex::new(key.secret.clone()));
    let mut load = Load::default();
    (0..3).for_each(|_| load.program(&mesh, &secret));
    load.goes_on_for(30).await;
    for _ in 0..2 {
        let overlap = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let rotate = RotateApiKeyRequest { user_id: "me".into(), id: key.id.clone(), overlap };
        let rotated = ada.rotate_api_key(rotate).await.unwrap().body;
        load.goes_on_for(50).await;
        // The program is given the new one while the old one still counts.
        *secret.lock().unwrap() = rotated.secret;
        load.goes_on_for(50).await;
    }
    load.ends_well().await;
}

/// Covers: user.signing-keys, mesh.program.
async fn the_operator_looks_after_keys_of_a_stopped_shop(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let run = |words: &str| {
        Start::of(&format!("keys {words}")).env("FEIRA_DATA_DIR", data.to_str().unwrap()).run(folder.path())
    };
    assert_eq!(run("list").code, Some(4), "there is no shop");
    assert!(!data.exists());
    let serving = Process::start(&serve(&data), folder.path());
    serving.ready();
    serving.stop();
    let first = well(&run("list --json"));
    let kid = first["signingKeys"][0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(first["signingKeys"].as_array().unwrap().len(), 1, "{first}");
    let second = well(&run("rotate --json"));
    assert_eq!(
        (&second["signingKeys"][0]["signing"], &second["signingKeys"][1]["kid"]),
        (&false.into(), &kid.into())
    );
    let table = run("list").stdout;
    assert!(table.contains("waits") && table.contains("signs"), "{table}");
    assert_eq!(run("rewrap").stdout, "0 rewrapped; all 2 are wrapped by the first key\n");
    assert_eq!(run("rotate --withdraw all").code, Some(0));
    for (words, code) in
        [("rotate --withdraw nonsense", 1), ("rotate --signing-key-lead 0s", 2), ("dance", 2)]
    {
        assert_eq!(run(words).code, Some(code), "{words}");
    }
    let file = data.join("signing.key");
    let old = std::fs::read_to_string(&file).unwrap();
    replace(&file, &format!("{}\n{old}", "n".repeat(40)));
    assert_eq!(run("rewrap").stdout, "1 rewrapped; all 1 are wrapped by the first key\n");
    replace(&file, &"n".repeat(40));
    let serving = Process::start(&serve(&data), folder.path());
    serving.ready();
    serving.stop();
}

/// Covers: user.key-file.
async fn a_key_file_without_the_right_key_is_refused(_: Setup) {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let serving = Process::start(&serve(&data), folder.path());
    serving.ready();
    serving.stop();
    let file = folder.path().join("key");
    for (text, problem) in [
        ("another key, which is long enough", "cannot be unwrapped"),
        ("too short", "32 characters"),
        ("", "32 characters"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ended = serve(&data).env("FEIRA_KEY_FILE", file.to_str().unwrap()).run(folder.path());
        assert_eq!(ended.code, Some(2), "{text:?}: {ended:?}");
        assert!(ended.stderr.contains("FEIRA_KEY_FILE") && ended.stderr.contains(problem), "{ended:?}");
    }
    // The same for the command that wraps anew.
    std::fs::write(&file, "another key, which is long enough").unwrap();
    let rewrap = Start::of("keys rewrap").env("FEIRA_DATA_DIR", data.to_str().unwrap());
    let ended = rewrap.env("FEIRA_KEY_FILE", file.to_str().unwrap()).run(folder.path());
    assert_eq!(ended.code, Some(1), "{ended:?}");
}
