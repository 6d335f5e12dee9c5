//! The simulated provider's pages behind a reverse proxy.

use contracts::{order::OrderState, payment::PaymentState};
use serde_json::json;

use crate::support::{Setup, eur};

tests!(
    behind_a_public_url_the_action_pages_are_the_edges,
    a_process_without_the_edge_has_a_port_for_them,
    what_the_operator_says_of_action_pages_counts,
);

const PUBLIC_URL: &str = "https://shop.example/api/";

/// Covers: payment.simulated, mesh.edge.
async fn behind_a_public_url_the_action_pages_are_the_edges(setup: Setup) {
    let mesh = setup.env("FEIRA_PUBLIC_URL", PUBLIC_URL).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let edge = mesh.http();
    let order = async || {
        let order = ada.order(&article, 1, "sim_action").await.unwrap().body;
        let path = order.payment_action_url.strip_prefix("https://shop.example").map(str::to_owned);
        let path = path.unwrap_or_else(|| panic!("{}", order.payment_action_url));
        assert!(path.starts_with("/api/simulator/actions/"), "{path}");
        (order, path)
    };
    // Whether the proxy takes the prefix off makes no difference; programs send JSON, the page's buttons a form.
    let (by_program, path) = order().await;
    edge.post(&path, json!({"outcome": "approve"})).await.expect(200);
    ada.until(&by_program.id, OrderState::Paid).await;

    let (by_page, path) = order().await;
    let stripped = path.strip_prefix("/api").unwrap();
    let page = edge.get(stripped).await;
    page.expect(200);
    assert!(page.text().contains("Pay 10.00 EUR?") && !page.text().contains("<script"), "{}", page.text());
    let policy = page.header("content-security-policy");
    for directive in
        ["default-src 'none';", "form-action 'self';", "frame-ancestors 'none'", "style-src 'sha256-"]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    assert!(!page.header("x-request-id").is_empty(), "it passes what every answer of the edge passes");
    let form = |body: &'static str| {
        let request = edge.request(http::Method::POST, stripped);
        crate::support::Reply::read(
            request.header("content-type", "application/x-www-form-urlencoded").body(body),
        )
    };
    form("outcome=maybe").await.expect(400);
    let answer = form("outcome=approve").await;
    answer.expect(200);
    assert!(answer.text().contains("The payment is captured."), "{}", answer.text());
    ada.until(&by_page.id, OrderState::Paid).await;
    let again = form("outcome=decline").await;
    assert!(again.text().contains("Refused"), "{}", again.text());

    // What is no action's is nothing, whatever its characters; a body says one word.
    for token in ["x", "%00", "0123456789abcdef0123456789abcdef", &"a".repeat(5_000)] {
        let path = format!("/simulator/actions/{token}");
        edge.get(&path).await.expect(404);
        edge.post(&path, json!({"outcome": "approve"})).await.expect(404);
    }
    form(Box::leak("x".repeat(2_000).into_boxed_str())).await.expect(413);

    // Nothing else of the provider's is there.
    let reference = ada.payments(&by_page.id).await.remove(0).provider_reference;
    for path in
        ["/simulator/faults", "/simulator/charges", "/simulator/", &format!("/simulator/charges/{reference}")]
    {
        edge.get(path).await.refused(404, "NOT_FOUND", "NOT_FOUND");
        edge.post(path, json!({})).await.refused(404, "NOT_FOUND", "NOT_FOUND");
    }
}

/// Covers: payment.simulated.
async fn a_process_without_the_edge_has_a_port_for_them(setup: Setup) {
    let mesh = setup.env("FEIRA_PUBLIC_URL", PUBLIC_URL).split().start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let order = ada.order(&article, 1, "sim_action").await.unwrap();
    assert!(order.payment_action_url.starts_with("http://127.0.0.1:"), "{}", order.payment_action_url);
    mesh.http().post(&order.payment_action_url, json!({"outcome": "decline"})).await.expect(200);
    ada.until_payment(&order.payment_id, PaymentState::Declined).await;
}

/// Covers: payment.simulated.
async fn what_the_operator_says_of_action_pages_counts(setup: Setup) {
    let setup = setup.env("FEIRA_PUBLIC_URL", PUBLIC_URL);
    let mesh = setup.env("FEIRA_SIMULATOR_PUBLIC_URL", "https://pay.example/sim").start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let order = ada.order(&article, 1, "sim_action").await.unwrap();
    assert!(
        order.payment_action_url.starts_with("https://pay.example/sim/actions/"),
        "{}",
        order.payment_action_url
    );
}
