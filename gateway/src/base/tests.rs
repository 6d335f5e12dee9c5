//! Tests of where clients reach the edge.

use super::*;

fn reach(public: Option<&str>, trusted: &[&str]) -> Reach {
    let public = public.map(|url| public_url(url).unwrap());
    Reach::new(public.as_ref(), Proxies::new(trusted.iter().map(|net| network(net).unwrap()).collect()))
}

/// Where a request from a peer with some headers was sent to, and what of its path is left.
fn base_of(reach: &Reach, peer: &str, path: &str, headers: &[(&str, &str)]) -> (String, String) {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    request.extensions_mut().insert(Peer(format!("{peer}:1").parse().unwrap()));
    reach.resolve(&mut request, |path| path.starts_with("/v1/"));
    let (parts, ()) = request.into_parts();
    (Base::of(&parts).root(), parts.uri.to_string())
}

#[test]
fn the_operator_says_where_the_edge_is_reached_and_the_prefix_may_be_there_or_not() {
    let reach = reach(Some("https://shop.example/api/"), &[]);
    let root = || "https://shop.example/api".to_owned();
    for (sent, left) in [
        ("/v1/articles?a=%20", "/v1/articles?a=%20"),
        ("/api/v1/articles?a=%20", "/v1/articles?a=%20"),
        ("/api", "/"),
        ("/api/", "/"),
        ("/apix", "/apix"),
        ("/basket", "/basket"),
    ] {
        assert_eq!(base_of(&reach, "192.0.2.1", sent, &[]), (root(), left.to_owned()), "{sent}");
    }
    let (parts, ()) = Request::new(()).into_parts();
    assert!(Base::of(&parts).is_unknown() && Base::of(&parts).root() == "/");
}

#[test]
fn proxies_are_believed_only_where_they_are_trusted() {
    let headers = [
        ("x-forwarded-prefix", "/shop/"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
    ];
    let reach_of = |public| reach(public, &["10.0.0.0/8", "::1", "192.0.2.7"]);
    for (peer, public, root) in [
        ("10.1.2.3", None, "https://shop.example/shop"),
        ("[::ffff:10.1.2.3]", None, "https://shop.example/shop"),
        ("[::1]", None, "https://shop.example/shop"),
        ("192.0.2.7", Some("https://other.example/api"), "https://other.example/shop"),
        ("192.0.2.8", None, "/"),
        ("192.0.2.8", Some("https://other.example/api"), "https://other.example/api"),
    ] {
        assert_eq!(base_of(&reach_of(public), peer, "/", &headers).0, root, "{peer}");
    }
    let prefix = |value| base_of(&reach_of(None), "10.1.2.3", "/a/b/v1/x", &[("x-forwarded-prefix", value)]);
    assert_eq!(prefix("/a, /b"), ("/a/b".to_owned(), "/v1/x".to_owned()));
    let long = "/x".repeat(200);
    for wrong in ["api", "//evil.example", "/a\"b", "/a b", "/<b>", "/..", "/%2e", long.as_str()] {
        assert_eq!(
            base_of(&reach_of(None), "10.1.2.3", "/", &[("x-forwarded-prefix", wrong)]).0,
            "/",
            "{wrong}"
        );
    }
    let host =
        |value| base_of(&reach_of(None), "10.1.2.3", "/", &[("x-forwarded-host", value), headers[1]]).0;
    assert_eq!(
        (host("shop.example:8443, inner"), host("a@b"), host("a b")),
        ("https://shop.example:8443".to_owned(), "/".to_owned(), "/".to_owned())
    );
}

#[test]
fn urls_of_the_edge_are_told_from_others() {
    let base = Base { origin: Some("https://shop.example".into()), prefix: "/api".into(), secure: false };
    assert_eq!(base.inside(&base.url("/v1/x")), Some("/v1/x"));
    assert_eq!(base.inside(&base.path("/v1/x")), Some("/v1/x"));
    for other in ["https://cdn.example/api/v1/x", "/v1/x", "/apiv1", "https://shop.example/v1/x", ""] {
        assert_eq!(base.inside(other), None, "{other}");
    }
}

#[test]
fn public_urls_and_networks_are_checked() {
    for right in ["https://shop.example", "http://127.0.0.1:8080/", "https://shop.example/a/b-c/"] {
        assert!(public_url(right).is_ok(), "{right}");
    }
    for wrong in [
        "shop.example",
        "ftp://x/",
        "https://x/?a",
        "https://x/#a",
        "https://u@x/",
        "https://x/a b",
        "https://x//a",
    ] {
        assert!(public_url(wrong).is_err(), "{wrong}");
    }
    assert!(network("10.0.0.0/8").is_ok() && network("::1").is_ok());
    assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
}
