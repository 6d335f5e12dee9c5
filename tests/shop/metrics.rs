//! Metrics, as an operator's Prometheus reads them: what counts where, exactly.

use std::collections::BTreeMap;

use contracts::order::OrderState;

use crate::support::{Backend, Code, Edge, Refused as _, Setup, eur, money::cents, scrape::Scrape, until};

tests!(there_is_none_to_read_unless_it_is_asked_for);
each!(over_rest: Setup::default().over(Edge::Rest);
    an_order_counts_where_it_should_and_nowhere_else,
    calls_count_by_route_and_by_method);
each!(on_servers: Setup::default().on(Backend::Postgres);
    an_order_counts_where_it_should_and_nowhere_else);
each!(in_six_processes: Setup::default().split();
    every_role_counts_what_it_serves_and_what_it_asks);

fn observed(setup: Setup) -> Setup {
    setup.env("FEIRA_ADMIN_LISTEN", "127.0.0.1:0")
}

fn expected<S: AsRef<str>, const N: usize>(series: [(S, f64); N]) -> BTreeMap<String, f64> {
    series.into_iter().map(|(series, by)| (series.as_ref().to_owned(), by)).collect()
}

/// Covers: mesh.metrics, mesh.program.
async fn there_is_none_to_read_unless_it_is_asked_for(setup: Setup) {
    let mesh = setup.start().await;
    assert_eq!(mesh.main().admin(), "");
    assert_eq!(mesh.http().get("/metrics").await.status, 404);
}

/// Covers: mesh.metrics.
async fn an_order_counts_where_it_should_and_nowhere_else(setup: Setup) {
    let mesh = observed(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1_250), 5).await;
    let before = mesh.scrape().await;

    let order = ada.keyed("one").order(&article.id, 2, "sim_approve").await.expect("an order").body;
    let again = ada.keyed("one").order(&article.id, 2, "sim_approve").await.expect("the same");
    assert!(again.replayed());
    let declined = ada.order(&article.id, 1, "sim_decline").await.expect("an order that waits").body;
    assert_eq!(declined.payment_failure, "DECLINED");
    ada.order(&article.id, 4, "sim_approve").await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    ada.cancel(&order.id).await.expect("cancelled");
    ada.cancel(&declined.id).await.expect("cancelled");
    ada.until_payment(&order.payment_id, contracts::payment::PaymentState::Refunded).await;
    let total = cents(&order.total) as f64;

    let money = "feira_payment_money_total{currency=\"EUR\",kind=\"refunded\",provider=\"simulated\"}";
    let compensated = "feira_compensations_total{kind=\"money\",outcome=\"done\"}";
    let after = until("everything is given back", || async {
        let after = mesh.scrape().await;
        let moved = |series: &str| after.value(series) - before.value(series);
        (moved(money) == total && moved(compensated) >= 1.0).then_some(after)
    })
    .await;
    let families = [
        "feira_checkouts_total",
        "feira_order_transitions_total",
        "feira_payment_money_total",
        "feira_payment_declines_total",
        "feira_refunds_total",
        "feira_stock_shortages_total",
        "feira_idempotency_replays_total",
        "feira_calls_limited_total",
    ];
    assert_eq!(
        after.since(&before, &families),
        expected([
            ("feira_checkouts_total{outcome=\"paid\",reason=\"\"}", 1.0),
            ("feira_checkouts_total{outcome=\"declined\",reason=\"DECLINED\"}", 1.0),
            ("feira_checkouts_total{outcome=\"refused\",reason=\"OUT_OF_STOCK\"}", 1.0),
            ("feira_order_transitions_total{from=\"NONE\",to=\"CHECKING_OUT\"}", 3.0),
            ("feira_order_transitions_total{from=\"CHECKING_OUT\",to=\"AWAITING_PAYMENT\"}", 2.0),
            ("feira_order_transitions_total{from=\"AWAITING_PAYMENT\",to=\"PAID\"}", 1.0),
            ("feira_order_transitions_total{from=\"CHECKING_OUT\",to=\"CANCELLED\"}", 1.0),
            ("feira_order_transitions_total{from=\"AWAITING_PAYMENT\",to=\"CANCELLED\"}", 1.0),
            ("feira_order_transitions_total{from=\"PAID\",to=\"CANCELLED\"}", 1.0),
            ("feira_payment_money_total{currency=\"EUR\",kind=\"captured\",provider=\"simulated\"}", total),
            (money, total),
            ("feira_payment_declines_total{provider=\"simulated\",reason=\"DECLINED\"}", 1.0),
            ("feira_refunds_total{outcome=\"succeeded\",provider=\"simulated\"}", 1.0),
            ("feira_stock_shortages_total", 1.0),
            ("feira_idempotency_replays_total{service=\"order\"}", 1.0),
        ])
    );
    // A tried transaction that came to nothing counts nothing, a committed one once.
    let transactions =
        "feira_db_transaction_duration_seconds_count{db_namespace=\"order\",outcome=\"committed\"}";
    assert!(after.value(transactions) > before.value(transactions));
    assert!(after.sum("feira_provider_call_duration_seconds_count") >= 3.0);
    assert_eq!(ada.see(&order.id).await.state(), OrderState::Cancelled);
    for id in [&order.id, &article.id, &ada.user.id, &order.payment_id] {
        assert!(!after.text.contains(id.as_str()), "a series for each id has no end");
    }
    until("what waits is counted", || async {
        let now = mesh.scrape().await;
        (now.text.contains("feira_orders{state=\"PAID\"} 0")
            && now.text.contains("feira_mails_waiting{service=\"order\"}")
            && now.text.contains("feira_mails_waiting{service=\"user\"}"))
        .then_some(())
    })
    .await;
    mesh.scrape().await.check();
}

/// Covers: mesh.metrics.
async fn calls_count_by_route_and_by_method(setup: Setup) {
    let mesh = observed(setup).env("FEIRA_RATE_LIMIT_SIGN_IN", "30/1h").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let before = mesh.scrape().await;

    let http = ada.http();
    for _ in 0..3 {
        assert_eq!(http.get(&format!("/v1/articles/{}", article.id)).await.status, 200);
    }
    assert_eq!(http.get("/v1/articles/art_00000000000000000000000000").await.status, 404);
    assert_eq!(http.get("/v1/nowhere/1").await.status, 404);
    assert_eq!(http.get("/v1/nowhere/2").await.status, 404);
    let mut limited = 0.0;
    while limited == 0.0 {
        let sign_in = serde_json::json!({ "login": "nobody", "password": "long enough 2" });
        let refused = mesh.http().post("/v1/auth:signIn", sign_in).await;
        limited += f64::from(u8::from(refused.json["error"]["details"][0]["metadata"]["limit"] == "sign-in"));
    }

    let after = mesh.scrape().await;
    let requests = "http_server_request_duration_seconds_count";
    let of = |method: &str, status: u16, route: &str| {
        let route = if route.is_empty() { String::new() } else { format!("http_route=\"{route}\",") };
        format!(
            "{requests}{{http_request_method=\"{method}\",http_response_status_code=\"{status}\",{route}url_scheme=\"http\"}}"
        )
    };
    let mut moved = after.since(&before, &[requests]);
    moved.retain(|series, _| !series.contains("auth:signIn"));
    assert_eq!(
        moved,
        expected([
            (of("GET", 200, "/v1/articles/{id}"), 3.0),
            (of("GET", 404, "/v1/articles/{id}"), 1.0),
            (of("GET", 404, ""), 2.0),
        ])
    );
    let mut calls = after.since(
        &before,
        &["rpc_server_call_duration_seconds_count", "rpc_client_call_duration_seconds_count"],
    );
    calls.retain(|series, _| series.contains("GetArticle"));
    let of = |side: &str, code: &str, failed: &str| {
        format!(
            "rpc_{side}_call_duration_seconds_count{{{failed}rpc_method=\"feira.article.v1.ArticleService/GetArticle\",rpc_response_status_code=\"{code}\",rpc_system_name=\"grpc\"}}"
        )
    };
    assert_eq!(
        calls,
        expected([
            (of("server", "OK", ""), 3.0),
            (of("server", "NOT_FOUND", ""), 1.0),
            (of("client", "OK", ""), 3.0),
            (of("client", "NOT_FOUND", "error_type=\"NOT_FOUND\","), 1.0),
        ])
    );
    let limits = after.since(&before, &["feira_calls_limited_total"]);
    assert_eq!(limits, expected([("feira_calls_limited_total{limit=\"sign-in\"}", 1.0)]));
    let hits = "feira_identity_cache_total{kind=\"token\",outcome=\"hit\"}";
    assert!(after.value(hits) > before.value(hits));

    for (series, least) in [
        ("process_cpu_seconds_total", 0.01),
        ("process_resident_memory_bytes", 1e6),
        ("process_open_fds", 10.0),
        ("process_threads", 2.0),
        ("process_start_time_seconds", 1.7e9),
    ] {
        assert!(after.value(series) >= least, "{series} is {}", after.value(series));
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(after.value(&format!("feira_build_info{{version=\"{version}\"}}")), 1.0);
    assert!(after.text.contains("service_name=\"feira\"") && after.text.contains("service_instance_id=\""));
    after.check();
    let (media_type, open) =
        Scrape::read(&mesh.main().admin(), "application/openmetrics-text;version=1.0.0").await;
    assert!(media_type.starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text.ends_with("# EOF\n") && open.text.contains("# TYPE feira_checkouts counter"));
}

/// Covers: mesh.metrics, mesh.split.
async fn every_role_counts_what_it_serves_and_what_it_asks(setup: Setup) {
    let mesh = observed(setup).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    let order = ada.order(&article.id, 1, "sim_approve").await.expect("an order").body;
    ada.until(&order.id, OrderState::Paid).await;
    let count = |side: &str, method: &str| {
        format!(
            "rpc_{side}_call_duration_seconds_count{{rpc_method=\"feira.{method}\",rpc_response_status_code=\"OK\",rpc_system_name=\"grpc\"}}"
        )
    };
    let reserve = "article.v1.StockService/ReserveStock";
    for (role, side, method) in [
        ("order", "server", "order.v1.OrderService/CreateOrder"),
        ("order", "client", reserve),
        ("article", "server", reserve),
        ("order", "client", "payment.v1.PaymentService/CreatePayment"),
        ("payment", "server", "payment.v1.PaymentService/CreatePayment"),
    ] {
        let scrape = Scrape::of(&mesh.process(role).admin()).await;
        assert_eq!(scrape.value(&count(side, method)), 1.0, "{role} {side} {method}");
        assert!(scrape.text.contains(&format!("service_name=\"feira-{role}\"")));
        scrape.check();
    }
    // What payment publishes is followed: no later than it should be, and seen to be.
    until("order follows payment's feed", || async {
        let order = Scrape::of(&mesh.process("order").admin()).await;
        let payment = Scrape::of(&mesh.process("payment").admin()).await;
        let followed =
            order.value("feira_feed_followed_position{service=\"payment\",task=\"order.feed.payment\"}");
        let published = payment.value("feira_feed_position{service=\"payment\"}");
        (followed > 0.0 && followed == published).then_some(())
    })
    .await;
}
