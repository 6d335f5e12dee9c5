//! gRPC, gRPC-Web and Connect at the REST port of the shop: the rules, limits and secrets that REST has, and no way round
//! any of them.

use contracts::access::Who;
use http::Method;
use kit::access::Methods;
use serde_json::{Value, json};

use crate::support::{Reply, Setup, rest::Rest, shop::PASSWORD};

tests!(
    a_shopper_may_come_by_connect_and_grpc_web,
    no_protocol_is_a_way_round_the_rules,
    limits_and_cookies_are_the_same_by_connect,
);

/// An empty message, as gRPC has it.
const EMPTY: [u8; 5] = [0; 5];

async fn connect(http: &Rest, path: &str, body: Value) -> Reply {
    http.post(path, body).await
}

/// The code that a gRPC-Web call of an empty message comes to.
async fn grpc_web(http: &Rest, path: &str) -> u32 {
    let request = http.request(Method::POST, path).header("content-type", "application/grpc-web");
    let answer = request.body(EMPTY.to_vec()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let head = answer.headers().get("grpc-status").map(|value| value.to_str().unwrap().to_owned());
    let code = match head {
        Some(code) => code,
        None => {
            let body = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
            let (_, rest) = body.rsplit_once("grpc-status: ").expect("a status");
            rest.chars().take_while(char::is_ascii_digit).collect()
        }
    };
    code.parse().unwrap()
}

/// Covers: mesh.protocols.
async fn a_shopper_may_come_by_connect_and_grpc_web(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let http = mesh.http();
    let signed_in = connect(
        &http,
        "/feira.user.v1.AuthService/SignIn",
        json!({"login": ada.user.username, "password": PASSWORD}),
    )
    .await;
    let token = signed_in.expect(200)["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(signed_in.header("cache-control"), "no-store");
    let own = http.with("authorization", &format!("Bearer {token}"));
    let read = connect(&own, "/feira.user.v1.UserService/GetUser", json!({"id": "me"})).await;
    assert_eq!(read.expect(200)["id"], ada.user.id);
    let missing = connect(&own, "/feira.order.v1.OrderService/GetOpenOrder", json!({})).await;
    assert_eq!((missing.status.as_u16(), &missing.json["code"]), (404, &json!("not_found")));
    assert_eq!(grpc_web(&own, "/feira.order.v1.OrderService/ListOrders").await, 0);
    // A bad field is named.
    let bad = connect(&own, "/feira.order.v1.OrderService/AddLine", json!({"orderId": "x"})).await;
    assert_eq!((bad.status.as_u16(), &bad.json["code"]), (400, &json!("invalid_argument")));
    let details = bad.json["details"].as_array().unwrap();
    assert!(details.iter().any(|detail| detail["type"] == "google.rpc.BadRequest"), "{details:?}");
}

/// Covers: mesh.protocols.
async fn no_protocol_is_a_way_round_the_rules(setup: Setup) {
    const UNAUTHENTICATED: u32 = 16;
    const PERMISSION_DENIED: u32 = 7;
    const UNIMPLEMENTED: u32 = 12;
    let setup = setup.env("FEIRA_RATE_LIMIT_SIGN_IN", "off");
    let mesh = setup.start().await;
    let (nobody, shopper) = (mesh.http(), mesh.shopper().await.http());
    let methods = Methods::read(contracts::pool()).unwrap();
    let mut judged = 0;
    for service in contracts::pool().services().filter(|service| service.full_name().starts_with("feira.")) {
        for method in service.methods().filter(|method| !method.is_client_streaming()) {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let rule = methods.get(&path).unwrap();
            let as_nobody = grpc_web(&nobody, &path).await;
            match rule.who {
                Who::Public => continue,
                Who::Mesh => assert_eq!(as_nobody, UNIMPLEMENTED, "{path}"),
                Who::Staff | Who::Admin => {
                    assert_eq!(as_nobody, UNAUTHENTICATED, "{path}");
                    assert_eq!(grpc_web(&shopper, &path).await, PERMISSION_DENIED, "{path}");
                }
                Who::SignedIn | Who::Self_ | Who::Unspecified => {
                    assert_eq!(as_nobody, UNAUTHENTICATED, "{path}")
                }
            }
            judged += 1;
        }
    }
    assert!(judged > 60, "{judged}");
}

/// Covers: mesh.protocols, mesh.limits.
async fn limits_and_cookies_are_the_same_by_connect(setup: Setup) {
    let mesh = setup.env("FEIRA_RATE_LIMIT_READS", "3/1h").start().await;
    let http = mesh.http();
    let list = "/feira.article.v1.ArticleService/ListArticles";
    connect(&http, list, json!({})).await.expect(200);
    http.get("/v1/articles").await.expect(200);
    assert_eq!(grpc_web(&http, list).await, 0);
    let over = connect(&http, list, json!({})).await;
    assert_eq!((over.status.as_u16(), &over.json["code"]), (429, &json!("resource_exhausted")));
    assert!(over.header("retry-after").parse::<u64>().is_ok());
    assert_eq!(grpc_web(&http, list).await, 8);

    // Cookies are REST's alone: nobody gets one, and one that is there counts for nothing.
    let ada = mesh.shopper().await;
    let asking = http.with("x-feira-cookies", "1");
    let sign_in = json!({"login": ada.user.username, "password": PASSWORD});
    let signed_in = connect(&asking, "/feira.user.v1.AuthService/SignIn", sign_in.clone()).await;
    signed_in.expect(200);
    assert_eq!(signed_in.header("set-cookie"), "");
    let by_rest = asking.post("/v1/auth:signIn", sign_in).await;
    let cookie = by_rest.header("set-cookie").split(';').next().unwrap().to_owned();
    let kept = asking.with("cookie", &cookie);
    let refreshed = connect(&kept, "/feira.user.v1.AuthService/Refresh", json!({})).await;
    assert!(refreshed.status.is_client_error(), "{}", refreshed.text());
    kept.post("/v1/auth:refresh", json!({})).await.expect(200);
}
