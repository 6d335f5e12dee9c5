//! Which role calls: tokens that name caller and called, by the caller's own key.

use contracts::{
    order::ListOrdersRequest,
    payment::{CreatePaymentRequest, RefundPaymentRequest, payment_service_client::PaymentServiceClient},
};
use kit::{Role, identity::MeshSecret};
use tonic::Status;

use crate::support::{
    Client, Code, Edge, Mesh, Refused, Setup,
    identity::{claims, signed},
    process::Start,
};

tests!(a_token_of_a_role_opens_what_is_for_that_role_alone, rest_takes_no_service_token,);

const PAYMENT: &str = "feira.payment.v1";

async fn create_payment(client: &Client) -> Status {
    let request = client.sign(CreatePaymentRequest::default());
    PaymentServiceClient::new(client.channel(PAYMENT)).create_payment(request).await.expect_err("it is empty")
}

async fn refund(client: &Client) -> Status {
    let request = client.sign(RefundPaymentRequest::default());
    PaymentServiceClient::new(client.channel(PAYMENT)).refund_payment(request).await.expect_err("it is empty")
}

/// Covers: mesh.identity.
async fn a_token_of_a_role_opens_what_is_for_that_role_alone(setup: Setup) {
    let mesh = Mesh::start(setup.split());
    let by = |token: &str| mesh.client().signed_in(token);
    let secret = mesh.secret();
    let order = by(&mesh.token(Role::Order, "payment"));
    assert_eq!(create_payment(&order).await.code(), Code::InvalidArgument, "it is let in");
    let article = by(&mesh.token(Role::Article, "payment"));
    assert_eq!(create_payment(&article).await.code(), Code::PermissionDenied);
    assert_eq!(refund(&article).await.code(), Code::PermissionDenied);
    let long = claims("order", "payment", 10 * 365 * 24 * 3600);
    for (what, token) in [
        ("for another role", mesh.token(Role::Order, "article")),
        ("for ten years", signed(&secret, Role::Order, &long)),
        ("by the key of another role", signed(&secret, Role::Article, &claims("order", "payment", 60))),
        (
            "of another mesh",
            signed(
                &MeshSecret::new("another secret of a mesh"),
                Role::Order,
                &claims("order", "payment", 60),
            ),
        ),
    ] {
        assert_eq!(create_payment(&by(&token)).await.code(), Code::Unauthenticated, "{what}");
    }
    // What asks a process that the mesh service is not in is told so, and not that the secret is wrong.
    let verify = mesh.as_operator(Start::of("verify").arg("--url", &mesh.grpc_url("payment")));
    let ended = verify.run(mesh.folder());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("the mesh service does not run at"), "{ended:?}");
}

/// Covers: mesh.identity.
async fn rest_takes_no_service_token(setup: Setup) {
    let mesh = setup.start().await;
    let admin = mesh.admin().await;
    let rest = |token: &str| mesh.client().signed_in(token).over(Edge::Rest);
    for (role, to) in [(Role::Mesh, "order"), (Role::Order, "payment"), (Role::Operator, "mesh")] {
        let client = rest(&mesh.token(role, to));
        let list =
            client.list_orders(ListOrdersRequest { user_id: admin.user.id.clone(), ..Default::default() });
        list.await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    }
}
