//! What browsers get: pages, and a cookie.

use serde_json::json;

use crate::support::{Reply, Setup, eur, shop::PASSWORD};

tests!(
    pages_of_what_is_not_there_are_404,
    the_front_end_stands_at_the_root,
    a_browser_has_its_refresh_token_kept_where_no_script_reads_it,
);

/// Covers: mesh.front-end.
async fn the_front_end_stands_at_the_root(setup: Setup) {
    let mesh = setup.clone().start().await;
    let browser = mesh.http().with("accept", "text/html,application/xhtml+xml");
    for (path, status) in [
        ("/", 200),
        ("/basket", 200),
        ("/orders/1", 200),
        ("/account", 200),
        ("/staff/articles", 200),
        ("/articles/art_01h455vb4pex5vsknk084sn02q", 404),
        ("/no/such/page", 404),
        ("/v1/nothing", 404),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let script = browser.get("/").await.text();
    let script =
        script.split("<script type=\"module\" src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(browser.get(&script).await.header("cache-control").contains("immutable"), "{script}");
    mesh.http().get("/v1/nothing").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    mesh.http().get("/basket").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    assert_eq!(mesh.http().with("accept", "application/json").get("/").await.expect(200)["docs"], "/docs");

    let without = setup.env("FEIRA_WEB", "false").start().await;
    let browser = without.http().with("accept", "text/html");
    browser.get("/basket").await.refused(404, "NOT_FOUND", "NOT_FOUND");
    assert_eq!(browser.get("/").await.expect(200)["docs"], "/docs");
}

/// Covers: user.sign-in, mesh.front-end.
async fn a_browser_has_its_refresh_token_kept_where_no_script_reads_it(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let browser = mesh.http().with("x-feira-cookies", "1");
    let sign_in = json!({"login": ada.user.username, "password": PASSWORD});
    let kept = |reply: &Reply| {
        let cookie = reply.header("set-cookie").to_owned();
        let (token, attributes) = cookie.split_once("; ").unwrap_or_else(|| panic!("{cookie}"));
        assert_eq!(reply.json["refreshToken"], "", "{}", reply.json);
        assert!(attributes.starts_with("Path=/v1/auth:refresh; Max-Age=2592000; HttpOnly; SameSite=Strict"));
        token.to_owned()
    };
    let signed_in = browser.post("/v1/auth:signIn", sign_in.clone()).await;
    signed_in.expect(200);
    let first = kept(&signed_in);

    // It works once, from the cookie alone.
    let refreshed = browser.with("cookie", &first).post("/v1/auth:refresh", json!({})).await;
    let access = refreshed.expect(200)["accessToken"].as_str().unwrap().to_owned();
    let second = kept(&refreshed);
    assert_ne!(second, first);
    let bearer = format!("Bearer {access}");
    mesh.http().with("authorization", &bearer).get("/v1/users/me").await.expect(200);

    // Whoever does not ask by the header, such as a form of another site, has no cookie used for it.
    let forged = mesh.http().with("cookie", &second).post("/v1/auth:refresh", json!({})).await;
    forged.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    assert_eq!(forged.header("set-cookie"), "");

    // Its reuse ends the session, and the cookie. At once, the next one is given again, until that is used.
    let again = browser.with("cookie", &first).post("/v1/auth:refresh", json!({})).await;
    assert_eq!(kept(&again), second);
    browser.with("cookie", &second).post("/v1/auth:refresh", json!({})).await.expect(200);
    let reused = browser.with("cookie", &first).post("/v1/auth:refresh", json!({})).await;
    reused.refused(401, "UNAUTHENTICATED", "UNAUTHENTICATED");
    assert!(reused.header("set-cookie").contains("=; ") && reused.header("set-cookie").contains("Max-Age=0"));

    // So does signing out.
    let again = browser.post("/v1/auth:signIn", sign_in.clone()).await;
    let bearer = format!("Bearer {}", again.expect(200)["accessToken"].as_str().unwrap());
    let out = browser.with("authorization", &bearer).post("/v1/auth:signOut", json!({})).await;
    out.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));

    // All others are answered as ever.
    let plain = mesh.http().post("/v1/auth:signIn", sign_in).await;
    assert_ne!(plain.expect(200)["refreshToken"], "");
    assert_eq!(plain.header("set-cookie"), "");
}

/// Covers: mesh.front-end.
async fn pages_of_what_is_not_there_are_404(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 1).await;
    let people = mesh.http().with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for (path, status) in [
        (format!("/articles/{}", article.id), 200),
        ("/articles/art_01h455vb4pex5vsknk084sn02q".to_owned(), 404),
        ("/articles/nonsense".to_owned(), 404),
        ("/orders/ord_01h455vb4pex5vsknk084sn02q".to_owned(), 200),
        ("/nowhere".to_owned(), 404),
        ("/v1/nowhere".to_owned(), 404),
    ] {
        let page = people.get(&path).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
    }
    // Programs get what they read.
    for path in ["/articles/art_01h455vb4pex5vsknk084sn02q", "/nowhere"] {
        assert_eq!(mesh.http().get(path).await.expect(404)["error"]["status"], "NOT_FOUND", "{path}");
    }
    // What is withdrawn is there for nobody.
    let withdrawn =
        contracts::article::Article { id: article.id.clone(), active: false, ..Default::default() };
    let mask = Some(prost_types::FieldMask { paths: vec!["active".to_owned()] });
    staff
        .update_article(contracts::article::UpdateArticleRequest {
            article: Some(withdrawn),
            update_mask: mask,
        })
        .await
        .unwrap();
    assert_eq!(people.get(&format!("/articles/{}", article.id)).await.status.as_u16(), 404);
}
