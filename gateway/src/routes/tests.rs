//! Which paths lead where.

use proptest::prelude::*;

use super::*;

fn routes(list: &[(&str, &'static str)]) -> Routes<&'static str> {
    let mut routes = Routes::default();
    for (method, template) in list {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        routes.add(method, &Template::parse(template).unwrap(), *template).unwrap();
    }
    routes
}

fn shop() -> Routes<&'static str> {
    routes(&[
        ("GET", "/v1/orders/{id}"),
        ("DELETE", "/v1/orders/{id}"),
        ("GET", "/v1/orders/open"),
        ("GET", "/v1/orders/{id}:watch"),
        ("POST", "/v1/orders/{id}:cancel"),
        ("GET", "/v1/{kind}/open/x"),
        ("GET", "/v1/files/{path=**}"),
        ("GET", "/v1/files/{a}/{b}"),
    ])
}

fn found<'r>(routes: &'r Routes<&'static str>, method: Method, path: &str) -> Result<&'r str, String> {
    match routes.find(&method, path) {
        Found::Route(name, _) => Ok(name),
        Found::OtherMethods(methods) => Err(format!("{methods:?}")),
        Found::Nothing => Err("nothing".to_owned()),
        Found::Malformed => Err("malformed".to_owned()),
    }
}

#[test]
fn literal_segments_beat_variables_segment_by_segment() {
    let routes = shop();
    assert_eq!(found(&routes, Method::GET, "/v1/orders/open"), Ok("/v1/orders/open"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/o%70en"), Ok("/v1/orders/open"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/ord_1"), Ok("/v1/orders/{id}"));
    assert_eq!(found(&routes, Method::DELETE, "/v1/orders/open"), Ok("/v1/orders/{id}"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/open/x"), Ok("/v1/{kind}/open/x"));
    assert_eq!(found(&routes, Method::GET, "/v1/files/x/y"), Ok("/v1/files/{a}/{b}"));
    assert_eq!(found(&routes, Method::GET, "/v1/files/x/y/z"), Ok("/v1/files/{path=**}"));
    assert_eq!(found(&routes, Method::GET, "/v1/files"), Ok("/v1/files/{path=**}"));
}

#[test]
fn a_verb_needs_a_route_of_its_own() {
    let routes = shop();
    assert_eq!(found(&routes, Method::GET, "/v1/orders/a:watch"), Ok("/v1/orders/{id}:watch"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/a%3Awatch"), Ok("/v1/orders/{id}"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/a:b:watch"), Ok("/v1/orders/{id}:watch"));
    assert_eq!(found(&routes, Method::GET, "/v1/orders/a:cancel"), Err("[POST]".to_owned()));
    assert_eq!(found(&routes, Method::POST, "/v1/orders/a:watch"), Err("[GET]".to_owned()));
}

#[test]
fn a_colon_that_starts_no_verb_is_data() {
    let routes = shop();
    for path in ["a:other", "a:", ":a", "urn:isbn:1", "2001:db8::1", ":watch", "a:watch:"] {
        let path = format!("/v1/orders/{path}");
        assert_eq!(found(&routes, Method::GET, &path), Ok("/v1/orders/{id}"), "{path}");
    }
    assert_eq!(found(&routes, Method::GET, "/v1/files/a:b/c:d/e:f"), Ok("/v1/files/{path=**}"));
    assert_eq!(found(&routes, Method::GET, "/v1/nothing:x"), Err("nothing".to_owned()));
}

#[test]
fn head_and_options_can_have_routes_of_their_own() {
    let routes =
        routes(&[("HEAD", "/a/{id}"), ("GET", "/a/{id}"), ("GET", "/b"), ("OPTIONS", "/b"), ("HEAD", "/c")]);
    for (index, path) in ["/a/1", "/b", "/c"].into_iter().enumerate() {
        match routes.find(&Method::HEAD, path) {
            Found::Route(_, _) => {}
            other => panic!("{index}: {other:?}"),
        }
    }
    let methods = |path| routes.methods(path).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(methods("/a/1"), ["GET", "HEAD", "OPTIONS"]);
    assert_eq!(methods("/b"), ["GET", "HEAD", "OPTIONS"]);
    assert_eq!(methods("/c"), ["HEAD", "OPTIONS"]);
    assert_eq!(found(&routes, Method::OPTIONS, "/b"), Ok("/b"));
    assert!(found(&routes, Method::OPTIONS, "/a/1").is_err());
}

#[test]
fn the_methods_of_a_path_are_known() {
    let routes = shop();
    assert_eq!(found(&routes, Method::PATCH, "/v1/orders/open"), Err("[GET, GET, DELETE]".to_owned()));
    assert_eq!(routes.methods("/v1/orders/open"), ["DELETE", "GET", "HEAD", "OPTIONS"]);
    assert_eq!(routes.methods("/v1/orders/x:cancel"), ["OPTIONS", "POST"]);
    assert!(routes.methods("/v2").is_empty());
}

#[test]
fn empty_segments_lead_nowhere() {
    let routes = shop();
    for path in [
        "/",
        "/v1/orders/",
        "/v1/orders/open/",
        "//v1/orders/open",
        "/v1//open",
        "/v1/files/a//b",
        "/v1/files/a/",
    ] {
        assert_eq!(found(&routes, Method::GET, path), Err("nothing".to_owned()), "{path}");
    }
    assert_eq!(found(&routes, Method::GET, "/v1/orders/%zz"), Err("malformed".to_owned()));
}

#[test]
fn two_routes_that_no_path_tells_apart_are_refused() {
    let mut routes = shop();
    let again = Template::parse("/v1/orders/{order_id=*}").unwrap();
    assert!(routes.add(Method::GET, &again, "again").is_err());
    assert!(routes.add(Method::PUT, &again, "put").is_ok());
}

proptest! {
    #[test]
    fn finding_never_panics(path in "/?([a-z/:%*.]|%[0-9a-f]{2}){0,40}", any in ".*") {
        let routes = shop();
        let _ = routes.find(&Method::GET, &path);
        let _ = routes.find(&Method::POST, &any);
        let _ = routes.methods(&path);
    }
}
