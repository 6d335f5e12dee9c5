//! What is kept from caches, from other sites, and from who looks around.

use std::fs;

use serde_json::json;

use crate::support::{Edge, Setup, eur, mesh::ADMIN_PASSWORD};

tests!(
    tokens_and_personal_data_are_stored_by_nobody,
    browsers_are_told_to_come_by_tls_alone_once_they_have,
    cookies_are_secure_where_the_operator_says_so,
    a_folder_of_pages_shows_nothing_hidden_and_nothing_of_elsewhere,
);

/// Covers: mesh.edge.
async fn tokens_and_personal_data_are_stored_by_nobody(setup: Setup) {
    let mesh = setup.over(Edge::Rest).start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 5).await;
    ada.order(&article.id, 1, "sim_approve").await.unwrap();
    let sign_in = json!({"login": "admin", "password": ADMIN_PASSWORD});
    assert_eq!(mesh.http().post("/v1/auth:signIn", sign_in).await.header("cache-control"), "no-store");
    for path in
        ["/v1/users/me", "/v1/users/me/addresses", "/v1/orders", "/v1/payments", "/v1/users/me/purchases"]
    {
        let reply = ada.http().get(path).await;
        reply.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    // What everybody may see may be kept, and asked for again.
    let public = ada.http().get(&format!("/v1/articles/{}", article.id)).await;
    assert_eq!(public.header("cache-control"), "private, no-cache");
}

/// Covers: mesh.edge.
async fn browsers_are_told_to_come_by_tls_alone_once_they_have(setup: Setup) {
    let setup = setup.over(Edge::Rest).env("FEIRA_HSTS", "365d").env("FEIRA_TRUSTED_PROXIES", "127.0.0.1");
    let mesh = setup.start().await;
    let http = mesh.http();
    assert_eq!(http.get("/v1/articles").await.header("strict-transport-security"), "");
    let tls = http.with("x-forwarded-proto", "https").with("x-forwarded-host", "shop.example");
    for path in ["/v1/articles", "/", "/v1/nothing"] {
        let told = tls.get(path).await;
        assert_eq!(told.header("strict-transport-security"), "max-age=31536000; includeSubDomains", "{path}");
    }
}

/// Covers: mesh.edge.
async fn cookies_are_secure_where_the_operator_says_so(setup: Setup) {
    let sign_in = || json!({"login": "admin", "password": ADMIN_PASSWORD});
    for (secure, said) in [(false, "false"), (true, "true")] {
        let mesh = setup.clone().over(Edge::Rest).env("FEIRA_SECURE_COOKIES", said).start().await;
        let reply = mesh.http().with("x-feira-cookies", "1").post("/v1/auth:signIn", sign_in()).await;
        let cookie = reply.header("set-cookie");
        assert_eq!(cookie.split("; ").any(|part| part == "Secure"), secure, "{cookie}");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    }
}

/// Covers: mesh.front-end.
async fn a_folder_of_pages_shows_nothing_hidden_and_nothing_of_elsewhere(setup: Setup) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("page");
    fs::create_dir_all(folder.join(".git")).unwrap();
    for (name, text) in [
        ("page/index.html", "<script src=\"{base}/a.js\"></script>"),
        ("page/paths.txt", "stalls\n"),
        ("page/a.js", "1"),
        ("page/.env", "secret"),
        ("page/.git/config", "secret"),
        ("secret.txt", "secret"),
    ] {
        fs::write(root.path().join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("../secret.txt", folder.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
    let setup = setup.over(Edge::Rest).env("FEIRA_WEB_DIR", folder.to_str().unwrap());
    let mesh = setup.start().await;
    let page = mesh.http().with("accept", "text/html").get("/stalls").await;
    page.expect(200);
    let script = page.text().split('"').nth(1).unwrap().to_owned();
    assert_eq!(mesh.http().get(&script).await.text(), "1");
    let base = script.trim_end_matches("a.js");
    for hidden in [".env", ".git/config", "link.txt", "up/secret.txt", "%2eenv", "..%2fsecret.txt", "nothing"]
    {
        let reply = mesh.http().get(&format!("{base}{hidden}")).await;
        assert_eq!(reply.status, 404, "{hidden}: {}", reply.text());
    }
}
