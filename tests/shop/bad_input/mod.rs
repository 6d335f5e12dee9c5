//! What bad input gets: a typed error that names the field, at once, and nothing is changed.

mod fields;

use std::time::{Duration, Instant};

use contracts::order::{AddLineRequest, GetOpenOrderRequest, GetOrderRequest, ListOrdersRequest};
use http::Method;

use crate::support::{Code, Edge, Refused, Reply, Setup, eur};

tests!(
    bad_json_is_refused_by_its_field,
    bad_queries_are_refused,
    bad_ids_are_refused,
    bad_requests_over_grpc_are_refused,
);

/// Longer than that, a refusal was no refusal at once. Debug builds on busy machines are slow.
const AT_ONCE: Duration =
    if cfg!(debug_assertions) { Duration::from_millis(500) } else { Duration::from_millis(50) };

struct Shop {
    mesh: crate::support::Mesh,
    staff: crate::support::Shopper,
    ada: crate::support::Shopper,
    article: String,
    basket: String,
}

async fn open(setup: Setup) -> Shop {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 10).await.id;
    let basket = ada.add(&article, 1).await.unwrap().body.id;
    Shop { mesh, staff, ada, article, basket }
}

impl Shop {
    async fn send(&self, staff: bool, method: Method, path: &str, body: &str) -> Reply {
        let rest = if staff { self.staff.http() } else { self.ada.http() };
        let path = path.replace("{article}", &self.article).replace("{basket}", &self.basket);
        let body = body.replace("{article}", &self.article).replace("{basket}", &self.basket);
        let mut request = rest.request(method, &path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        let start = Instant::now();
        let reply = Reply::read(request).await;
        assert!(start.elapsed() < AT_ONCE, "{path}: {:?}", start.elapsed());
        reply
    }

    async fn refused(&self, staff: bool, method: Method, path: &str, body: &str, field: &str) {
        let reply = self.send(staff, method.clone(), path, body).await;
        let found = format!("{method} {path} {body} is refused for {field:?}: {}", reply.text());
        assert_eq!(reply.status, 400, "{found}");
        let refusal = reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
        assert!(refusal.fields.iter().any(|it| it == field), "{found}");
    }

    /// Nothing was changed.
    async fn unchanged(self) {
        let basket = self.ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
        assert_eq!(basket.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [1]);
        let article = self.staff.article(&self.article).await.unwrap();
        assert_eq!((article.price.clone(), article.available), (Some(eur(1000)), 10));
        assert_eq!(self.staff.list_orders(ListOrdersRequest::default()).await.unwrap().orders.len(), 1);
        drop(self.mesh);
    }
}

/// Covers: bad-input.
async fn bad_json_is_refused_by_its_field(setup: Setup) {
    let shop = open(setup).await;
    let lines = "/v1/orders/open/lines";
    for (body, field) in [
        (r#"{"articleId":"{article}","quantity":1,"colour":"red"}"#, "colour"),
        (r#"{"articleId":"{article}","quantity":1,"quantity":2}"#, "quantity"),
        (r#"{"articleId":"{article}","article_id":"{article}","quantity":1}"#, "article_id"),
        (r#"{"articleId":7,"quantity":1}"#, "article_id"),
        (r#"{"articleId":["{article}"],"quantity":1}"#, "article_id"),
        (r#"{"articleId":"{article}","quantity":"many"}"#, "quantity"),
        (r#"{"articleId":"{article}","quantity":{}}"#, "quantity"),
        (r#"{"articleId":"{article}","quantity":true}"#, "quantity"),
        (r#"{"articleId":"{article}","quantity":1,"orderId":"{basket}"}"#, "order_id"),
        (r#"{"quantity":1}"#, "article_id"),
        ("{}", "quantity"),
    ] {
        shop.refused(false, Method::POST, lines, body, field).await;
    }
    for body in
        ["{", "[]", "7", "null x", r#"{"quantity":1,}"#, "{'quantity':1}", "{\"quantity\":1}}", "\u{feff}{}"]
    {
        let reply = shop.send(false, Method::POST, lines, body).await;
        reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let reply = shop.send(false, Method::POST, lines, &deep).await;
    reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    let reply = Reply::read(
        shop.ada
            .http()
            .request(Method::POST, lines)
            .header("content-type", "application/json")
            .body(vec![b'"', 0xff, b'"']),
    )
    .await;
    reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    for (body, field) in [
        (r#"{"lines":[{"articleId":"{article}","quantity":0}],"address":{}}"#, "lines[0].quantity"),
        (
            r#"{"lines":[{"articleId":"{article}","quantity":1},{"quantity":1}],"address":{}}"#,
            "lines[1].article_id",
        ),
        (r#"{"lines":[{"articleId":"{article}","quantity":1}],"address":{"city":"x"}}"#, "address.recipient"),
        (r#"{"lines":[{"articleId":"{article}","colour":1}],"addressId":"x"}"#, "lines[0].colour"),
        (r#"{"lines":[{"articleId":"{article}","quantity":1}],"addressId":"x","address":{}}"#, "address"),
        (r#"{"lines":{},"addressId":"x"}"#, "lines"),
    ] {
        shop.refused(false, Method::POST, "/v1/orders", body, field).await;
    }
    for (body, field) in [
        (r#"{"code":"X","name":"X","etag":1}"#, "article.etag"),
        (r#"{"id":"art_01h455vb4pex5vsknk084sn02q","name":"X"}"#, "article.id"),
    ] {
        shop.refused(true, Method::PATCH, "/v1/articles/{article}", body, field).await;
    }
    shop.unchanged().await;
}

/// Covers: bad-input.
async fn bad_queries_are_refused(setup: Setup) {
    let shop = open(setup).await;
    for (path, field) in [
        ("/v1/articles?colour=red", "colour"),
        ("/v1/articles?pageSize=5&pageSize=6", "page_size"),
        ("/v1/articles?pageSize=5&page_size=6", "page_size"),
        ("/v1/articles?pageSize=-1", "page_size"),
        ("/v1/articles?pageSize=x", "page_size"),
        ("/v1/articles?pageSize=2147483648", "page_size"),
        ("/v1/articles?pageToken=x", "page_token"),
        ("/v1/articles?orderBy=weight", "order_by"),
        ("/v1/articles?orderBy=price%20up", "order_by"),
        ("/v1/articles?inStock=perhaps", "in_stock"),
        ("/v1/articles?minPrice.units=x", "min_price.units"),
        ("/v1/articles?minPrice.cents=5", "minPrice.cents"),
        ("/v1/orders?state=PAID", "state"),
        ("/v1/orders?state=ORDER_STATE_UNSPECIFIED", "state[0]"),
        ("/v1/orders?placedAfter=yesterday", "placed_after"),
        ("/v1/orders?userId=x", "user_id"),
        ("/v1/articles:batchGet", "ids"),
        ("/v1/articles:batchGet?ids=x", "ids[0]"),
        ("/v1/payments?minAmount.units=1", "min_amount"),
    ] {
        let reply = shop.send(false, Method::GET, path, "").await;
        let refusal = reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
        assert!(refusal.fields.iter().any(|it| it.starts_with(field)), "{path}: {}", reply.text());
    }
    for path in [
        "/v1/articles?minPrice.currencyCode=EUR&minPrice.units=5&inStock=true&pageSize=2&order_by=price%20desc",
    ] {
        shop.send(false, Method::GET, path, "").await.expect(200);
    }
    shop.unchanged().await;
}

/// Covers: bad-input.
async fn bad_ids_are_refused(setup: Setup) {
    let shop = open(setup).await;
    for (method, path, field) in [
        (Method::GET, "/v1/users/x", "id"),
        (Method::GET, "/v1/users/usr_x", "id"),
        (Method::GET, "/v1/users/USR_01h455vb4pex5vsknk084sn02q", "id"),
        (Method::GET, "/v1/users/ord_01h455vb4pex5vsknk084sn02q", "id"),
        (Method::GET, "/v1/users/usr_81h455vb4pex5vsknk084sn02q", "id"),
        (Method::GET, "/v1/users/usr_01h455vb4pex5vsknk084sn02u", "id"),
        (Method::GET, "/v1/users/me/addresses/x", "id"),
        (Method::GET, "/v1/articles/x", "id"),
        (Method::GET, "/v1/orders/x", "id"),
        (Method::GET, "/v1/orders/x:watch", "id"),
        (Method::GET, "/v1/payments/x", "id"),
        (Method::DELETE, "/v1/orders/open/lines/x", "line_id"),
        (Method::GET, "/v1/articles/by-code/a%20b", "code"),
        (Method::GET, "/v1/usernames/ab", "username"),
    ] {
        shop.refused(false, method, path, "", field).await;
    }
    for path in [
        "/v1/users/usr_01h455vb4pex5vsknk084sn02q",
        "/v1/articles/art_01h455vb4pex5vsknk084sn02q",
        "/v1/orders/ord_01h455vb4pex5vsknk084sn02q",
        "/v1/payments/pay_01h455vb4pex5vsknk084sn02q",
    ] {
        shop.send(false, Method::GET, path, "").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    }
    shop.unchanged().await;
}

/// Covers: bad-input.
async fn bad_requests_over_grpc_are_refused(setup: Setup) {
    let mut shop = open(setup).await;
    let grpc = shop.ada.over(Edge::Grpc);
    for quantity in [0, -1, 1001, i32::MAX, i32::MIN] {
        grpc.add(&shop.article, quantity).await.names("quantity");
    }
    let mut request = AddLineRequest {
        order_id: "basket".into(),
        article_id: shop.article.clone(),
        quantity: 1,
        etag: String::new(),
    };
    grpc.add_line(request.clone()).await.names("order_id");
    request.order_id = "open".into();
    request.article_id = "art_".into();
    grpc.add_line(request).await.names("article_id");
    grpc.get_order(GetOrderRequest { id: String::new() }).await.names("id");
    let request = ListOrdersRequest { page_size: -1, state: vec![99], ..Default::default() };
    let refusal = grpc.list_orders(request).await.refused(Code::InvalidArgument, "VALIDATION");
    assert_eq!(refusal.fields, ["page_size", "state[0]"]);
    let sql =
        grpc.list_orders(ListOrdersRequest { page_token: "' OR 1=1 --".into(), ..Default::default() }).await;
    sql.names("page_token");
    shop.ada.client = grpc.over(Edge::Rest);
    shop.unchanged().await;
}
