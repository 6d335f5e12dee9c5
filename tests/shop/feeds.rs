//! What could hold up those who follow: a feed whose database is of an earlier time than theirs, and things that cannot be read.

use contracts::{
    event::{Event, ListEventsRequest},
    order::{ListOrdersRequest, OrderState},
    user::DisableUserRequest,
};

use crate::hooks::{hook, setting};
use crate::support::{
    Backend, Client, Mesh, Setup, eur, process::Start, receiver::Receiver, scrape::Scrape, until,
};

each!(on_postgres: Setup::default().on(Backend::Postgres);
    a_feed_behind_its_followers_is_told_until_it_is_ahead_of_them,
    what_cannot_be_read_holds_up_nobody);
each!(in_six_processes: Setup::default().split().on(Backend::Postgres);
    what_ends_access_counts_after_the_feed_of_users_has_gone_back);

async fn events(staff: &Client) -> Vec<Event> {
    let request = ListEventsRequest { page_size: 1_000, ..Default::default() };
    staff.list_events(request).await.expect("events").body.events
}

async fn until_told(staff: &Client, kind: &str, subject: &str) -> Event {
    until(&format!("{kind} of {subject} is told"), || async {
        events(staff).await.into_iter().find(|event| event.r#type == kind && event.subject == subject)
    })
    .await
}

/// The line of a task, as `feira status --tasks` has it.
fn task(mesh: &Mesh, name: &str) -> String {
    let status = Start::of("status --tasks").arg("--url", &mesh.grpc_url("feira-0"));
    let said = mesh.as_operator(status).run(mesh.folder()).stdout;
    said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// As after the restore of one database alone: of the article service's, to where it was some events ago.
///
/// Covers: mesh.events, mesh.metrics.
async fn a_feed_behind_its_followers_is_told_until_it_is_ahead_of_them(setup: Setup) {
    let mut mesh = setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0").start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 10).await;
    until_told(&staff, "article.created", &article.id).await;
    mesh.stop("feira-0");
    mesh.tell("mesh", "UPDATE feed_cursor SET position = position + 1000 WHERE source = 'article/events'")
        .await;
    mesh.restart("feira-0");
    until("it is told to who looks at tasks", || async {
        task(&mesh, "mesh.feed.article").contains("the feed has gone back").then_some(())
    })
    .await;
    let failing = "feira_task_failing{task=\"mesh.feed.article\"}";
    assert_eq!(Scrape::of(&mesh.main().admin()).await.value(failing), 1.0);
    assert!(mesh.main().stderr().contains("feed.not_followed"), "{}", mesh.main().stderr());
    assert!(!task(&mesh, "mesh.feed.order").contains("gone back"), "the others go on");

    // As the handbook has it.
    mesh.tell("article", "UPDATE feed_head SET position = position + 1000000000").await;
    let staff = mesh.admin().await;
    let next = staff.stocked(eur(100), 10).await;
    until_told(&staff, "article.created", &next.id).await;
    assert_eq!(Scrape::of(&mesh.main().admin()).await.value(failing), 0.0);
}

/// As after a failover to a standby that lacked the last commits. Every process follows that feed by a position that it has in
/// memory alone.
///
/// Covers: mesh.events, access, user.roles.
async fn what_ends_access_counts_after_the_feed_of_users_has_gone_back(setup: Setup) {
    let mesh = setup.start().await;
    let (admin, ada) = (mesh.admin().await, mesh.shoppers(5).await.remove(0));
    until("the feed has more events than will come", || async {
        let last = mesh.ask("user", "SELECT position::text FROM feed_head").await.remove(0);
        (last.parse::<i64>().unwrap() > 8).then_some(())
    })
    .await;
    ada.list_orders(ListOrdersRequest::default()).await.unwrap();
    mesh.tell("user", "DELETE FROM outbox WHERE position > 1").await;
    mesh.tell("user", "UPDATE feed_head SET position = 1").await;
    for process in ["order", "article"] {
        until("its followers have seen it", || async {
            mesh.process(process).stderr().contains("feed.not_followed").then_some(())
        })
        .await;
    }
    admin.disable_user(DisableUserRequest { id: ada.user.id.clone() }).await.unwrap();
    until("the order service takes her token no more", || async {
        ada.list_orders(ListOrdersRequest::default()).await.is_err().then_some(())
    })
    .await;
    // What follows the feed for good is behind it until that is raised, and an audit is right all the same.
    mesh.tell("user", "UPDATE feed_head SET position = position + 1000000000").await;
}

/// A row that the program has not written so: by hand, by a broken disk.
///
/// Covers: mesh.events, mesh.webhooks, mesh.metrics.
async fn what_cannot_be_read_holds_up_nobody(setup: Setup) {
    let mesh = setting(setup).env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    assert!(until_told(&staff, "order.paid", &order.id).await.data.is_some());
    let before = mesh.scrape().await;
    let address =
        mesh.ask("order", "SELECT encode(address, 'hex') FROM orders WHERE address IS NOT NULL").await;
    mesh.tell("order", "UPDATE orders SET address = '\\xff00ff'::bytea").await;

    let event = until_told(&staff, "order.paid", &order.id).await;
    assert!(event.data.is_none(), "{event:?}");
    let receiver = Receiver::start().await;
    let made = hook(&staff, &receiver.url, &["order.paid", "article.created"]).await;
    let replay = contracts::event::ReplayWebhookRequest { id: made.id.clone(), after_position: 0 };
    staff.replay_webhook(replay).await.unwrap();
    let paid = receiver.until("order.paid", 1).await.remove(0);
    assert!(paid.json["data"].is_null() && paid.subject() == order.id, "{:?}", paid.json);
    let other = staff.stocked(eur(100), 1).await;
    until("what is behind it is told", || async {
        receiver.events().iter().any(|event| event.subject() == other.id).then_some(())
    })
    .await;
    let log = mesh.main().stderr();
    assert!(log.lines().any(|line| line.contains("event.unreadable") && line.contains(&order.id)), "{log}");
    let moved = mesh.scrape().await.since(&before, &["feira_events_unreadable_total"]);
    assert!(moved["feira_events_unreadable_total"] >= 2.0, "{moved:?}");

    mesh.tell("order", &format!("UPDATE orders SET address = '\\x{}'::bytea", address[0])).await;
    assert!(until_told(&staff, "order.paid", &order.id).await.data.is_some(), "as soon as it can be read");
    // It has told of an internal error, which any other test would fail for at its end.
    mesh.main().kill();
}
