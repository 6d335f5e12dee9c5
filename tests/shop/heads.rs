//! Heads of HTTP/1.1 requests that cannot be read.

use crate::support::{
    Setup,
    raw::{Raw, ask, exchange},
};

tests!(an_unreadable_head_is_refused_as_everything_else_is);

/// Covers: mesh.edge.
async fn an_unreadable_head_is_refused_as_everything_else_is(setup: Setup) {
    let mesh = setup.start().await;
    let (many, long) = ("x: y\r\n".repeat(200), "y".repeat(900_000));
    let good = "GET /v1/articles HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = "content-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
    for (request, status) in [
        ("GET / HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("G@T /a b HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: x\r\nbad header: y\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}\r\n\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", &long[..70_000]), 414),
        // Also when it is the second on its connection.
        (format!("{good}G@T /a b HTTP/1.1\r\n\r\n"), 400),
        // A chunk is refused by the edge itself.
        (format!("POST /v1/users HTTP/1.1\r\nhost: x\r\n{chunked}\r\nZZ\r\nx\r\n"), 400),
    ] {
        let mut answer = exchange(&mesh, &request, false).await;
        let sent = &request[..request.len().min(60)];
        if request.starts_with(good) {
            let text = String::from_utf8(answer.body).unwrap();
            let (_, second) = text.split_once("HTTP/1.1").unwrap_or_else(|| panic!("{sent}: {text}"));
            let (head, body) = second.split_once("\r\n\r\n").unwrap();
            answer = Raw { head: format!("HTTP/1.1{head}"), body: body.as_bytes().to_vec() };
        }
        assert_eq!(answer.status(), status, "{sent}: {}", answer.head);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{sent}: {}", answer.head);
        assert_eq!(answer.header("connection"), Some("close"), "{sent}: {}", answer.head);
        assert!(answer.header("x-request-id").is_some(), "{sent}: {}", answer.head);
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(json["error"]["code"], status, "{sent}: {json}");
        assert_eq!(json["error"]["status"], "INVALID_ARGUMENT", "{sent}: {json}");
        assert_eq!(json["error"]["details"][0]["reason"], "VALIDATION", "{sent}: {json}");
    }
    // Whoever asks rightly is answered as before.
    assert_eq!(ask(&mesh, "GET /v1/articles", "host: x\r\n").await.status(), 200);
}
