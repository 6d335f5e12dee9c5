//! The page at the root.

use std::{collections::BTreeMap, fs};

use axum::body::Body;
use gateway::{Options, Page};

use crate::support::{Answered, Shop, echo, request, shop, shop_paged};

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

async fn ask(shop: &Shop, path: &str, headers: &[(&str, &str)]) -> Answered {
    shop.send(request("GET", path, headers, Body::empty())).await
}

/// The addresses that a page names in `src` and `href`, but for those on the page's own paths.
fn files(page: &Answered) -> Vec<String> {
    let named = page.text().split(['"']).filter(|text| text.starts_with("/web/"));
    named.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_stands_at_the_root_and_at_its_own_paths() {
    let shop = shop();
    for (path, headers) in
        [("/", &[HTML][..]), ("/", &[]), ("/", &[("accept", "*/*")]), ("/articles/art_1", &[HTML])]
    {
        let page = ask(&shop, path, headers).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text().starts_with("<!DOCTYPE html>"), "{path}");
        assert!(!page.text().contains("{base}"));
    }
    // Clients of the API get errors that they can read, at whatever path.
    for (path, headers) in [
        ("/articles/art_1", &[("accept", "application/json")][..]),
        ("/basket", &[("accept", "*/*")]),
        ("/nowhere", &[]),
        ("/nowhere", &[("accept", "application/json")]),
        ("/v1/nowhere", &[("accept", "*/*")]),
        ("/web/0/app.js", &[HTML]),
    ] {
        assert_eq!(ask(&shop, path, headers).await.error().0, 404, "{path}");
    }
    // People get a page that says so.
    for path in [
        "/nowhere",
        "/v1/nowhere",
        "/basket/deeper",
        "/orders/1/2/3",
        "/docs/nowhere",
        "/openapi/nowhere.json",
    ] {
        let page = ask(&shop, path, &[HTML]).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(page.text().starts_with("<!DOCTYPE html>"), "{path}");
        assert_eq!((page.header("cache-control"), page.header("etag")), ("no-store", ""), "{path}");
        assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
        let root = ask(&shop, "/", &[HTML]).await;
        let again = ask(&shop, path, &[HTML, ("if-none-match", root.header("etag"))]).await;
        assert_eq!(again.status, 404, "{path}");
        let post = shop.send(request("POST", path, &[HTML], Body::empty())).await;
        assert_eq!(post.error().0, 404, "{path}");
    }
    assert_eq!(ask(&shop, "/", &[("accept", "application/json")]).await.json()["docs"], "/docs");
    assert_eq!(shop.call("POST", "/").await.error().0, 405);
    let post = shop.send(request("POST", "/basket", &[HTML], Body::empty())).await;
    assert_eq!(post.error().0, 405);
    assert_eq!(post.header("allow"), "GET, HEAD, OPTIONS");
}

#[tokio::test]
async fn its_files_are_kept_for_good_and_the_page_is_asked_for_again() {
    let shop = shop();
    let page = ask(&shop, "/", &[HTML]).await;
    assert_eq!(page.header("cache-control"), "no-cache");
    assert!(page.headers.get_all("vary").iter().any(|vary| vary == "accept"));
    let files = files(&page);
    assert!(files.len() > 5, "{files:?}");
    for path in &files {
        let plain = ask(&shop, path, &[]).await;
        assert_eq!((plain.status.as_u16(), plain.header("content-encoding")), (200, ""), "{path}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        let small = ask(&shop, path, &[("accept-encoding", "gzip, br")]).await;
        assert_eq!((small.status.as_u16(), small.header("content-encoding")), (200, "gzip"), "{path}");
        assert!(small.bytes.len() < plain.bytes.len(), "{path}");
        assert_ne!(small.header("etag"), plain.header("etag"));
        let head = shop.send(request("HEAD", path, &[], Body::empty())).await;
        assert_eq!(head.header("content-length"), plain.bytes.len().to_string(), "{path}");
        assert!(head.bytes.is_empty());
    }
    for path in ["/", &files[0]] {
        let first = ask(&shop, path, &[HTML]).await;
        let again = ask(&shop, path, &[HTML, ("if-none-match", first.header("etag"))]).await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), first.header("etag"));
        let other = ask(&shop, path, &[HTML, ("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_page_may_run_its_own_scripts_only() {
    let page = ask(&shop(), "/", &[HTML]).await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(page.header("permissions-policy").contains("camera=()"));
    // What the policy forbids is not there: scripts and styles in the page itself.
    assert!(!page.text().contains("<style") && !page.text().contains(" style="));
    for script in page.text().split("<script").skip(1) {
        assert!(script.contains("src=\"") && script.contains("></script>"), "{script}");
    }
}

#[tokio::test]
async fn an_operator_can_do_without_it_or_serve_another() {
    let none = shop_paged(Options::default(), Page { web: false, web_dir: None }, echo);
    assert_eq!(ask(&none, "/", &[HTML]).await.json()["docs"], "/docs");
    assert_eq!(ask(&none, "/basket", &[HTML]).await.error().0, 404);

    let folder = std::env::temp_dir().join(format!("feira-web-{}", uuid::Uuid::now_v7()));
    fs::create_dir_all(folder.join("js")).unwrap();
    fs::write(folder.join("index.html"), "<script src=\"{base}/js/mine.js\"></script>").unwrap();
    fs::write(folder.join("paths.txt"), "stalls\n").unwrap();
    fs::write(folder.join("js/mine.js"), "1").unwrap();
    let own = shop_paged(Options::default(), Page { web: true, web_dir: Some(folder.clone()) }, echo);
    let page = ask(&own, "/stalls/1", &[HTML]).await;
    let script = files(&page).remove(0);
    assert_eq!(ask(&own, &script, &[]).await.text(), "1");
    fs::write(folder.join("js/mine.js"), "2").unwrap();
    assert_eq!(ask(&own, &script, &[]).await.text(), "2", "read anew");
    let outside = format!("{}/../../../../etc/passwd", script.rsplit_once("/js/").unwrap().0);
    assert_eq!(ask(&own, &outside, &[]).await.error().0, 404);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(ask(&own, "/", &[HTML]).await.json()["docs"], "/docs", "it is gone");
}

#[test]
fn the_page_counts_money_in_the_decimals_of_the_api() {
    let script = include_str!("../../web/money.js");
    let mut listed: BTreeMap<String, u32> = BTreeMap::new();
    let lists =
        script.split_once("const DECIMALS = [").and_then(|(_, rest)| rest.split_once("];")).unwrap().0;
    for list in lists.lines().filter_map(|line| line.trim().strip_prefix('[')) {
        let (decimals, codes) = list.split_once(", '").unwrap();
        let codes = codes.trim_end_matches("'],").split(' ');
        listed.extend(codes.map(|code| (code.to_owned(), decimals.parse().unwrap())));
    }
    assert!(listed.len() > 20);
    let letters = || (b'A'..=b'Z').map(char::from);
    let mut known = 0;
    for code in
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))))
    {
        let decimals = listed.remove(&code);
        if let Ok(currency) = code.parse::<kit::Currency>() {
            known += 1;
            assert_eq!(decimals.unwrap_or(2), currency.exponent(), "{code}");
        } else {
            assert_eq!(decimals, None, "{code} is none");
        }
    }
    assert!(known > 150 && listed.is_empty(), "{listed:?}");
}
