//! The letter of HTTP on the wire: raw bytes to the REST port, and the very bytes of its answers.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::support::{
    Edge, Setup, eur,
    raw::{ask, connect, exchange},
};

tests!(
    http1_requires_exactly_one_host,
    who_has_said_all_still_gets_the_answer,
    head_tells_no_length_that_get_has_not,
    options_of_the_server_and_absolute_targets_are_answered,
    a_refused_body_is_not_asked_for,
    a_request_with_two_lengths_ends_its_connection,
    what_is_created_is_where_it_says,
    compressed_requests_and_conditions_work_end_to_end,
);

/// Covers: mesh.edge.
async fn http1_requires_exactly_one_host(setup: Setup) {
    let mesh = setup.start().await;
    for (hosts, status) in [
        ("host: shop.example\r\n", 200),
        ("host: [::1]:8080\r\n", 200),
        ("host:\r\n", 200),
        ("", 400),
        ("host: a\r\nhost: a\r\n", 400),
        ("host: a b\r\n", 400),
        ("host: a@b\r\n", 400),
        ("host: a,b/c\r\n", 400),
    ] {
        let answer = ask(&mesh, "GET /v1/articles", hosts).await;
        assert_eq!(answer.status(), status, "{hosts:?}");
        if status == 400 {
            let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(error["error"]["status"], "INVALID_ARGUMENT");
        }
    }
    let old = exchange(&mesh, "GET /v1/articles HTTP/1.0\r\n\r\n", false).await;
    assert_eq!(old.status(), 200, "HTTP/1.0 knows no Host");
}

async fn who_has_said_all_still_gets_the_answer(setup: Setup) {
    let mesh = setup.start().await;
    for _ in 0..5 {
        let answer = exchange(&mesh, "GET /v1/articles HTTP/1.1\r\nhost: a\r\n\r\n", true).await;
        assert_eq!(answer.status(), 200);
        let body = r#"{"login":"nobody","password":"correct horse battery"}"#;
        let request = format!(
            "POST /v1/auth:signIn HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        assert_eq!(exchange(&mesh, &request, true).await.status(), 401);
    }
}

/// Covers: mesh.edge.
async fn head_tells_no_length_that_get_has_not(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let staff = mesh.admin().await;
    for _ in 0..10 {
        staff.stocked(eur(100), 0).await;
    }
    for coding in ["", "accept-encoding: gzip\r\n"] {
        for path in
            ["/v1/articles", "/v1/usernames/free", "/openapi.json", "/", "/docs/swagger-ui.css", "/nowhere"]
        {
            let headers = format!("host: a\r\n{coding}");
            let get = ask(&mesh, &format!("GET {path}"), &headers).await;
            let head = ask(&mesh, &format!("HEAD {path}"), &headers).await;
            assert_eq!((head.status(), head.body.len()), (get.status(), 0), "{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
            assert_eq!(head.header("etag"), get.header("etag"), "{path}");
            let length = head.header("content-length");
            assert!(length.is_none() || length == get.header("content-length"), "{path} {coding}: {head:?}");
        }
    }
    let token = staff.tokens.access_token;
    let stream = format!("host: a\r\nauthorization: Bearer {token}\r\n");
    let head = ask(&mesh, "HEAD /v1/orders:export", &stream).await;
    assert_eq!((head.status(), head.header("content-length")), (200, None));
    // 204 and 304 have no length either.
    let none = ask(&mesh, "OPTIONS /v1/articles", "host: a\r\n").await;
    assert_eq!((none.status(), none.header("content-length"), none.body.len()), (204, None, 0));
    let page = ask(&mesh, "GET /", "host: a\r\n").await;
    let known = format!("host: a\r\nif-none-match: {}\r\n", page.header("etag").unwrap());
    for method in ["GET", "HEAD"] {
        let known = ask(&mesh, &format!("{method} /"), &known).await;
        assert_eq!((known.status(), known.header("content-length"), known.body.len()), (304, None, 0));
    }
}

async fn options_of_the_server_and_absolute_targets_are_answered(setup: Setup) {
    let mesh = setup.start().await;
    let all = ask(&mesh, "OPTIONS *", "host: a\r\n").await;
    assert_eq!(all.status(), 204);
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert!(all.header("allow").unwrap().split(", ").any(|it| it == method), "{all:?}");
    }
    assert_eq!(ask(&mesh, "GET http://shop.example/v1/articles", "host: other\r\n").await.status(), 200);
    assert_eq!(ask(&mesh, "TRACE /v1/articles", "host: a\r\n").await.status(), 405);
    assert_eq!(ask(&mesh, "BREW /v1/articles", "host: a\r\n").await.status(), 405);
    assert_eq!(ask(&mesh, "CONNECT shop.example:443", "host: a\r\n").await.status(), 400);
    for path in ["/v1/articles/", "/v1/articles/a%2Fb", "/v1/articles/%00", "/v1/usernames/a%00b"] {
        let status = ask(&mesh, &format!("GET {path}"), "host: a\r\n").await.status();
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
}

/// Covers: access.
async fn a_refused_body_is_not_asked_for(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let staff = mesh.admin().await;
    let token = format!("authorization: Bearer {}\r\n", staff.tokens.access_token);
    let json = "content-type: application/json\r\n";
    for (line, headers, status) in [
        ("PATCH /v1/users/me", json, 401),
        ("PATCH /v1/users/me", "authorization: Bearer rubbish\r\ncontent-type: application/json\r\n", 401),
        ("POST /v1/articles:import", "content-type: application/x-ndjson\r\n", 401),
        ("POST /v1/nowhere", json, 404),
        ("PUT /v1/users/me", json, 405),
        ("POST /v1/auth:signIn", "content-type: text/plain\r\n", 415),
        ("POST /v1/auth:signIn", "content-type: application/json\r\ncontent-encoding: deflate\r\n", 415),
    ] {
        let request = format!("host: a\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n{headers}");
        let answer = ask(&mesh, line, &request).await;
        assert_eq!(answer.status(), status, "{line} {headers}: {}", answer.head);
    }
    // Who sends more than is taken is told so before it sends it.
    let large = format!("host: a\r\nexpect: 100-continue\r\ncontent-length: 9000000\r\n{json}{token}");
    assert_eq!(ask(&mesh, "PATCH /v1/users/me", &large).await.status(), 413);
    // All others are asked for it.
    let body = r#"{"firstName":"Ada"}"#;
    let mut stream = connect(&mesh).await;
    let head = format!(
        "PATCH /v1/users/me HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n{json}{token}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(Duration::from_secs(20), stream.read_exact(&mut go_on)).await.expect("an answer").unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

async fn a_request_with_two_lengths_ends_its_connection(setup: Setup) {
    let mesh = setup.start().await;
    let smuggled = "GET /v1/usernames/smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let request = format!(
            "POST /v1/auth:signIn HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{lengths}\r\n2\r\n{{}}\r\n0\r\n\r\n{smuggled}"
        );
        let answer = exchange(&mesh, &request, false).await;
        assert_eq!((answer.status(), answer.header("connection")), (400, Some("close")), "{lengths}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("HTTP/1.1"), "one answer only");
    }
    for bad in [
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "content-length: 1\r\ncontent-length: 2\r\n",
        "content-length: +2\r\n",
    ] {
        let answer = ask(&mesh, "POST /v1/auth:signIn", &format!("host: a\r\n{bad}")).await;
        assert_eq!(answer.status(), 400, "{bad}");
    }
    // What is coded twice is not read as if it were once.
    for coding in ["gzip, chunked", "chunked, chunked", "identity, chunked"] {
        let request = format!(
            "POST /v1/auth:signIn HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        let answer = exchange(&mesh, &request, false).await;
        assert!([400, 501].contains(&answer.status()), "{coding}: {}", answer.status());
        assert!(!String::from_utf8_lossy(&answer.body).contains("login"), "{coding}: nothing of it is read");
    }
    let tunnel = exchange(
        &mesh,
        "CONNECT b.example:443 HTTP/1.1\r\nhost: b.example:443\r\nconnection: close\r\n\r\n",
        false,
    )
    .await;
    assert_eq!(tunnel.status(), 400);
    assert!(String::from_utf8_lossy(&tunnel.body).contains("no proxy"));
}

/// Covers: mesh.edge.
async fn what_is_created_is_where_it_says(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (ada, staff) = (mesh.shopper().await, mesh.admin().await);
    let address =
        serde_json::json!({"recipient": "A", "lines": ["1"], "city": "Lisboa", "countryCode": "PT"});
    let address = ada.http().post("/v1/users/me/addresses", address).await;
    let article = serde_json::json!({"code": "where", "name": "W"});
    let article = staff.http().post("/v1/articles", article).await;
    let user = serde_json::json!({"username": "grace-h", "email": "g@example.com", "password": "correct horse battery"});
    let user = mesh.http().post("/v1/users", user).await;
    for (client, made) in [(ada.http(), address), (staff.http(), article), (staff.http(), user)] {
        let made_id = made.expect(201)["id"].clone();
        let there = client.get(made.header("location")).await;
        assert_eq!(there.expect(200)["id"], made_id, "{}", made.header("location"));
    }
    // A list goes on where it says.
    for _ in 0..3 {
        staff.stocked(eur(100), 0).await;
    }
    let mut next = "/v1/articles?pageSize=2".to_owned();
    let mut pages = 0;
    while !next.is_empty() {
        let page = mesh.http().get(&next).await;
        page.expect(200);
        pages += 1;
        next = page.header("link").split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    }
    assert_eq!(pages, 2);
}

/// Covers: etag.
async fn compressed_requests_and_conditions_work_end_to_end(setup: Setup) {
    use std::io::Write as _;
    let mesh = setup.over(Edge::Rest).start().await;
    let ada = mesh.shopper().await;
    let change = |name: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(serde_json::json!({"firstName": name}).to_string().as_bytes()).unwrap();
        let http = ada.http();
        let request = http.request(http::Method::PATCH, "/v1/users/me").header("content-encoding", "gzip");
        request.header("content-type", "application/merge-patch+json").body(gzip.finish().unwrap())
    };
    let reply = crate::support::Reply::read(change("Grace")).await;
    assert_eq!(reply.expect(200)["firstName"], "Grace");
    let version = reply.json["etag"].as_str().unwrap().to_owned();
    for condition in [format!("W/\"{version}\""), "\"none\", \"other\"".to_owned()] {
        let stale = crate::support::Reply::read(change("X").header("if-match", condition)).await;
        stale.refused(412, "ABORTED", "ETAG_MISMATCH");
    }
    let list = format!("\"none\", \"{version}\"");
    let key = "a-change-under-a-list";
    let first = change("Ada").header("if-match", &list).header("idempotency-key", key);
    let first = crate::support::Reply::read(first).await;
    assert_eq!(first.expect(200)["firstName"], "Ada");
    let again = change("Ada").header("if-match", &list).header("idempotency-key", key);
    let again = crate::support::Reply::read(again).await;
    assert_eq!((again.expect(200), again.header("idempotency-replayed")), (&first.json, "true"));
    // A token that is not good says so.
    let bad = mesh.http().with("authorization", "Bearer rubbish").get("/v1/users/me").await;
    assert_eq!(bad.expect(401)["error"]["status"], "UNAUTHENTICATED");
    assert!(bad.header("www-authenticate").starts_with("Bearer realm=\"feira\", error=\"invalid_token\""));
}
