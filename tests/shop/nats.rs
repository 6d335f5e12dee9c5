//! Events on NATS JetStream: the real server, killed on both sides, slow, and closed to us.

use std::{
    collections::{BTreeMap, HashSet},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use contracts::{event::ListEventsRequest, order::OrderState};

use crate::support::{
    Client, Mesh, Setup, Shopper, eur,
    nats::{Nats, Received},
    process::Start,
    until,
    wait::within,
};

tests!(
    every_event_is_on_jetstream_once_and_in_order,
    nothing_is_lost_or_doubled_when_both_sides_are_killed,
    a_slow_nats_holds_up_nobody,
    who_is_refused_says_so_and_goes_on_when_let_in,
    events_are_handed_on_again_to_a_new_stream_and_on_demand,
);
each!(on_every_server: Setup::default().on(crate::support::Backend::Postgres).replicas(2);
    two_replicas_hand_on_each_event_once);

/// A mesh that hands events on to that server.
fn on(setup: Setup, nats: &Nats) -> Setup {
    setup.env("FEIRA_EVENTS_URL", &nats.url(""))
}

/// All events that the shop tells, as it lists them: ids by their positions.
async fn listed(staff: &Client) -> BTreeMap<i64, String> {
    let mut all = BTreeMap::new();
    let mut request = ListEventsRequest { page_size: 1_000, ..Default::default() };
    loop {
        let page = staff.list_events(request.clone()).await.expect("events").body;
        all.extend(page.events.into_iter().map(|event| (event.position, event.id)));
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// What the stream has once it has as many events as the shop lists: one that is there twice is one too many.
async fn settled(nats: &Nats, staff: &Client) -> (Vec<Received>, BTreeMap<i64, String>) {
    let stream = nats.stream().await;
    let listed = within(Duration::from_secs(60), "the stream has as many events as the shop", || async {
        let listed = listed(staff).await;
        let has = stream.get_info().await.ok()?.state.messages;
        (has as usize == listed.len()).then_some(listed)
    })
    .await;
    (nats.all(listed.len()).await, listed)
}

/// Each event once, in order, as the shop lists them.
fn is_whole(received: &[Received], listed: &BTreeMap<i64, String>) {
    let told: Vec<(i64, String)> = received.iter().map(|it| (it.position(), it.id.clone())).collect();
    let expected: Vec<(i64, String)> = listed.clone().into_iter().collect();
    let ids: HashSet<&String> = told.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), told.len(), "an event is there twice");
    assert_eq!(told, expected);
}

/// Places orders until it is told to stop; those that are paid.
async fn buy(shopper: Shopper, article: String, orders: usize) -> usize {
    let mut paid = 0;
    for _ in 0..orders {
        if let Ok(order) = shopper.order(&article, 1, "sim_approve").await {
            paid += usize::from(order.state() == OrderState::Paid);
        }
    }
    paid
}

/// Covers: mesh.events.nats.
async fn every_event_is_on_jetstream_once_and_in_order(setup: Setup) {
    let Some(nats) = Nats::start().await else { return };
    let mesh = on(setup, &nats).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 10).await;
    let order = ada.order(&article.id, 2, "sim_approve").await.unwrap().body;
    staff.until(&order.id, OrderState::Paid).await;
    // The log of events follows a moment behind.
    let (received, listed) = until("the log has the last of it", || async {
        let (received, listed) = settled(&nats, &staff).await;
        received.iter().any(|event| event.kind() == "order.paid").then_some((received, listed))
    })
    .await;
    is_whole(&received, &listed);
    for event in &received {
        let body = &event.body;
        assert_eq!(event.subject, format!("feira.{}", event.kind()));
        assert_eq!(
            (&*event.content_type, body["specversion"].as_str()),
            ("application/cloudevents+json", Some("1.0"))
        );
        assert_eq!((body["id"].as_str(), body["source"].as_str()), (Some(event.id.as_str()), Some("/feira")));
        assert!(body["time"].as_str().unwrap().ends_with('Z'), "{body}");
    }
    let http = staff.http();
    let kinds: Vec<_> = received.iter().map(|event| event.kind()).collect();
    let of = |kind: &str| {
        let found = received.iter().rfind(|event| event.kind() == kind);
        found.unwrap_or_else(|| panic!("no {kind} among {kinds:?}")).body.clone()
    };
    for (kind, path) in [
        ("order.paid", format!("/v1/orders/{}", order.id)),
        ("article.created", format!("/v1/articles/{}", article.id)),
        ("stock.changed", format!("/v1/articles/{}/stock", article.id)),
        ("user.created", format!("/v1/users/{}", order.user_id)),
    ] {
        let event = of(kind);
        assert_eq!(event["datacontenttype"], "application/json");
        if kind != "user.created" || event["subject"] == order.user_id.as_str() {
            let (mut data, mut now) = (event["data"].clone(), http.get(&path).await.expect(200).clone());
            if kind == "article.created" {
                // Units were taken since it was told.
                (data["available"], now["available"]) = Default::default();
            }
            assert_eq!(data, now, "{kind}: as REST answers it");
        }
    }
}

/// Covers: mesh.events.nats, mesh.crash.
async fn nothing_is_lost_or_doubled_when_both_sides_are_killed(setup: Setup) {
    let Some(nats) = Nats::start().await else { return };
    let mut mesh = on(setup, &nats).start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 1_000).await;
    for _ in 0..3 {
        let (staff, shoppers) = (mesh.admin().await, mesh.shoppers(4).await);
        let buy = |shopper| tokio::spawn(buy(shopper, article.id.clone(), 12));
        let buying: Vec<_> = shoppers.into_iter().map(buy).collect();
        let before = listed(&staff).await.len();
        until("orders are under way", || async { (listed(&staff).await.len() > before + 30).then_some(()) })
            .await;
        // First NATS, with orders going on; then the shop, in the middle of handing on what has gathered.
        nats.kill();
        for task in buying {
            assert!(task.await.unwrap() > 0, "orders do not wait for NATS");
        }
        nats.run().await;
        let stream = nats.stream().await;
        let had = stream.get_info().await.unwrap().state.messages;
        until("events come again", || async {
            (stream.get_info().await.ok()?.state.messages > had).then_some(())
        })
        .await;
        mesh.kill("feira-0");
        mesh.restart("feira-0");
    }
    let staff = mesh.admin().await;
    let (received, listed) = settled(&nats, &staff).await;
    is_whole(&received, &listed);
}

/// Covers: mesh.events.nats.
async fn a_slow_nats_holds_up_nobody(setup: Setup) {
    let Some(nats) = Nats::start().await else { return };
    let port = slowly(nats.port(), Duration::from_millis(150));
    let mesh = setup.env("FEIRA_EVENTS_URL", &format!("nats://127.0.0.1:{port}")).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 100).await;
    let begun = std::time::Instant::now();
    assert_eq!(buy(ada, article.id, 10).await, 10);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let (received, listed) = settled(&nats, &staff).await;
    is_whole(&received, &listed);
}

/// A way to a port of this machine that takes so long each way.
#[allow(clippy::disallowed_methods, reason = "its threads are its own")]
fn slowly(behind: u16, each: Duration) -> u16 {
    fn carry(mut from: TcpStream, mut to: TcpStream, each: Duration) {
        let mut bytes = [0; 65_536];
        while let Ok(count) = from.read(&mut bytes) {
            thread::sleep(each);
            if count == 0 || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", behind)) else { continue };
            let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || carry(client, server, each));
            thread::spawn(move || carry(server_too, client_too, each));
        }
    });
    port
}

/// Covers: mesh.events.nats.
async fn who_is_refused_says_so_and_goes_on_when_let_in(setup: Setup) {
    let Some(nats) = Nats::start_for(Some(("shop", "b@tter/y staple"))).await else { return };
    let mut mesh = setup.env("FEIRA_EVENTS_URL", &nats.url("shop:hunter22@")).start().await;
    let says = |mesh: &Mesh| {
        let status = Start::of("status").arg("--url", &mesh.grpc_url("feira-0"));
        mesh.as_operator(status).run(mesh.folder()).stdout
    };
    until("the operator sees why", || async {
        let shown = says(&mesh);
        (shown.contains("mesh.nats") && shown.contains("refuses who calls")).then_some(())
    })
    .await;
    let article = mesh.admin().await.stocked(eur(100), 10).await;
    assert_eq!(buy(mesh.shopper().await, article.id, 1).await, 1, "the shop goes on");
    let log = mesh.main().stderr();
    assert!(log.contains("refuses who calls") && !log.contains("hunter22"), "no password in the log");
    mesh.stop("feira-0");
    // As URLs have what is no letter or digit.
    mesh.restart_with("feira-0", "FEIRA_EVENTS_URL", &nats.url("shop:b%40tter%2Fy%20staple@"));
    let staff = mesh.admin().await;
    let (received, listed) = settled(&nats, &staff).await;
    is_whole(&received, &listed);
    assert!(!mesh.main().stderr().contains("staple"));
    until("nothing fails any more", || async { (!says(&mesh).contains("mesh.nats")).then_some(()) }).await;
}

/// Covers: mesh.events.nats.
async fn events_are_handed_on_again_to_a_new_stream_and_on_demand(setup: Setup) {
    let Some(nats) = Nats::start().await else { return };
    let mesh = on(setup, &nats).start().await;
    let staff = mesh.admin().await;
    staff.stocked(eur(100), 10).await;
    let (received, _) = settled(&nats, &staff).await;
    nats.context().await.delete_stream("FEIRA").await.unwrap();
    // It finds out with the next event.
    staff.stocked(eur(100), 10).await;
    let (again, listed) = settled(&nats, &staff).await;
    is_whole(&again, &listed);
    assert!(again.len() > received.len());

    let replay = |position: i64| {
        let command = Start::of(&format!("events replay {position}")).arg("--url", &mesh.grpc_url("feira-0"));
        mesh.as_operator(command).run(mesh.folder())
    };
    assert_eq!(replay(0).code, Some(0));
    until("JetStream has been sent what it knows", || async {
        mesh.main().stderr().contains("nats.repeated").then_some(())
    })
    .await;
    let (again, listed) = settled(&nats, &staff).await;
    is_whole(&again, &listed);
    let nothing = replay(1_000_000);
    assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("no event was handed on"), "{}", nothing.stderr);
}

/// Covers: mesh.events.nats.
async fn two_replicas_hand_on_each_event_once(setup: Setup) {
    let Some(nats) = Nats::start().await else { return };
    let mut mesh = on(setup, &nats).start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 1_000).await;
    for process in ["feira-0", "feira-1"] {
        buy(mesh.shopper().await, article.id.clone(), 5).await;
        mesh.kill(process);
        mesh.restart(process);
    }
    let staff = mesh.admin().await;
    let (received, listed) = settled(&nats, &staff).await;
    is_whole(&received, &listed);
}
