//! What is held about a person: all of it can be taken along, and erasure leaves nothing of it. Which tables and columns there
//! are is read from the databases, so that what is new is looked at without this being changed.

mod exported;
mod held;
mod person;

use std::collections::BTreeSet;

use contracts::order::OrderState;
use serde_json::json;

use self::{
    exported::all_that_is_held_about_a_person_is_in_the_copy_or_named_here,
    held::{Held, forms, stands_in},
    person::Person,
};
use crate::support::{Backend, Mesh, Setup, eur, until};

on_every_database!(
    an_erased_person_is_in_no_table_and_in_no_file,
    all_that_is_held_about_a_person_is_in_the_copy_or_named_here,
);

/// Where an erased person's id stays: `docs/personal-data.md` says why.
const ID_STAYS: [&str; 12] = [
    "article.reservations.user_id",
    "article.stock_movements.actor",
    "mesh.events.parent",
    "mesh.events.subject",
    "order.order_events.actor",
    "order.order_purchases.user_id",
    "order.orders.user_id",
    "payment.payment_events.actor",
    "payment.payments.user_id",
    "user.audit_events.actor",
    "user.audit_events.target",
    "user.audit_events.user_id",
];
/// What forgets by age: events of feeds after a week, answers under idempotency keys after a day.
const FORGETS_BY_AGE: [&str; 2] = ["outbox", "idempotency"];

fn setting(setup: Setup) -> Setup {
    setup
        .env("FEIRA_TRUSTED_PROXIES", "127.0.0.0/8")
        .env("FEIRA_SIGN_IN_ATTEMPTS", "0")
        .env("FEIRA_PUBLIC_URL", crate::passkeys::ORIGIN)
}

fn of_words<'a>(held: &'a Held, person: &Person) -> BTreeSet<&'a str> {
    held.with(person.words.iter().map(String::as_bytes))
}

fn of_id<'a>(held: &'a Held, id: &str) -> BTreeSet<&'a str> {
    let forms = forms(id);
    let found = held.with(forms.iter().map(Vec::as_slice));
    found.into_iter().filter(|column| !ID_STAYS.contains(column)).collect()
}

/// Restarts every process, which sweeps at its start.
async fn restart(mut mesh: Mesh) -> Mesh {
    tokio::task::spawn_blocking(move || {
        for name in ["feira-0", "feira-1"].into_iter().take(1 + mesh.setup.more) {
            mesh.stop(name);
            mesh.restart(name);
        }
        mesh
    })
    .await
    .unwrap()
}

/// Covers: user.erase, user.export.
async fn an_erased_person_is_in_no_table_and_in_no_file(setup: Setup) {
    let mesh = setting(setup).start().await;
    let staff = mesh.admin().await;
    let person = Person::live(&mesh, &staff).await;
    // The refusal is told after some seconds.
    until("her acts are recorded", || async {
        let held = held::all(&mesh).await;
        of_words(&held, &person).contains("user.audit_events.user_agent").then_some(())
    })
    .await;
    let before = held::all(&mesh).await;
    let written = of_words(&before, &person);
    for column in [
        "user.users.username",
        "user.users.username_folded",
        "user.user_words.word",
        "user.addresses.street_lines",
        "user.addresses.phone",
        "user.sessions.user_agent",
        "user.sessions.ip_address",
        "user.api_keys.name",
        "user.passkeys.name",
        "user.idempotency.answer",
        "user.audit_events.ip_address",
        "user.audit_events.request_id",
        "order.orders.address",
        "order.order_events.note",
        "order.idempotency.answer",
    ] {
        assert!(written.contains(column), "this test would find nothing in {column}: {written:?}");
    }
    assert!(of_id(&before, &person.id).contains("user.users.id"));

    let gone = person.http.clone().with("idempotency-key", "zqxwvkey-delete").delete("/v1/users/me").await;
    gone.expect(204);
    // What she has not paid for is cancelled; what is on its way needs its address until it has arrived.
    staff.until(&person.basket, OrderState::Cancelled).await;
    staff.deliver(&person.on_its_way).await.unwrap();
    let young = |column: &&str| !FORGETS_BY_AGE.iter().any(|table| column.split('.').nth(1) == Some(table));
    until("everything but what is swept by its age is gone", || async {
        let held = held::all(&mesh).await;
        let left: Vec<String> = of_words(&held, &person)
            .into_iter()
            .chain(of_id(&held, &person.id))
            .filter(young)
            .map(str::to_owned)
            .collect();
        if left.is_empty() {
            Some(())
        } else {
            eprintln!("still in {left:?}");
            None
        }
    })
    .await;
    // Others go on, so that her events are not the newest.
    let other = mesh.shopper().await;
    let article = staff.stocked(eur(500), 10).await;
    let order = other.order(&article.id, 1, "sim_approve").await.unwrap();
    other.until(&order.id, OrderState::Paid).await;
    other.http().post("/v1/auth:signOut", json!({})).await.expect(204);
    staff.cancel(&order.id).await.unwrap();
    staff.at_rest(&order.id).await;
    held::pass(&mesh, 8).await;
    let mesh = restart(mesh).await;
    until("everything is gone", || async {
        let held = held::all(&mesh).await;
        let left: Vec<&str> = of_words(&held, &person).into_iter().chain(of_id(&held, &person.id)).collect();
        if left.is_empty() {
            Some(())
        } else {
            eprintln!("still in {left:?}");
            None
        }
    })
    .await;
    let staff = mesh.admin().await;
    // What the law has the shop keep is there.
    let kept = staff.see(&person.delivered).await;
    assert_eq!((kept.user_id.as_str(), kept.lines.len(), kept.address), (person.id.as_str(), 1, None));
    let note =
        &staff.history(&person.cancelled).await.into_iter().find(|event| event.note.contains("cancelled"));
    assert_eq!(note.as_ref().unwrap().note, "The order was cancelled.");
    if mesh.setup.backend == Backend::Sqlite {
        files_are_clean(&mesh, &person).await;
    }
}

/// The bytes of the files themselves: what was deleted was overwritten.
async fn files_are_clean(mesh: &Mesh, person: &Person) {
    mesh.stop("feira-0");
    let mut searched = 0;
    let mut folders = vec![mesh.folder().join("feira-0")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
            let stands = |word: &&String| stands_in(&bytes, word.to_ascii_lowercase().as_bytes());
            let found: Vec<&String> = person.words.iter().filter(stands).collect();
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            searched += 1;
        }
    }
    assert!(searched >= 5, "{searched} files");
}
