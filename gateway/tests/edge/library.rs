//! The crate in a program of somebody's own (`examples/serve.rs`).

use axum::{Router, routing::get};
use gateway::{Contract, Error, Extras, Options, Served, Switch, json::Style};

use crate::{echo::router, editions::file, support::Shop};

fn contract(name: &str) -> Contract {
    Contract::of_set(&file(name)).unwrap()
}

#[tokio::test]
async fn a_router_stands_beside_others_and_is_exchanged_while_it_serves() {
    let edge = |name| router(&contract(name), Style::default()).0;
    let switch = Switch::new(edge("shelf.bin"));
    let own = Router::new().route("/hello", get(|| async { "hello" })).fallback_service(switch.clone());
    let shop = Shop::of_router(own);
    assert_eq!(shop.get("/hello").await.text(), "hello");
    assert_eq!(shop.json("POST", "/shelves", r#"{"id":"s"}"#).await.status, 200);
    assert_eq!(shop.json("POST", "/cases", r#"{"id":"c","own":{}}"#).await.error().0, 404);
    switch.set(edge("case.bin"));
    assert_eq!(shop.json("POST", "/cases", r#"{"id":"c","own":{}}"#).await.status, 200);
    assert_eq!(shop.json("POST", "/shelves", r#"{"id":"s"}"#).await.error().0, 404);
    assert_eq!(shop.get("/hello").await.text(), "hello");
}

#[tokio::test]
async fn what_cannot_be_served_is_told_by_its_method() {
    let (shelf, nobody) = (contract("shelf.bin"), contract("case.bin"));
    assert!(!shelf.is_same(&nobody) && shelf.is_same(&contract("shelf.bin")));
    assert_eq!(shelf.services(&["case.v1".to_owned()]).unwrap_err(), "case.v1");
    let way = || gateway::Way {
        conn: kit::Conn::new(tower::service_fn(|_| async { Err(tonic::Status::unavailable("nobody")) })),
        forward: Default::default(),
    };
    let service = shelf.services(&[]).unwrap().remove(0);
    let twice = vec![Served { service: service.clone(), way: way() }, Served { service, way: way() }];
    let Error::Method { method, problem } =
        gateway::router_of(&Options::default(), twice, Extras::default()).unwrap_err();
    assert_eq!(method, "shelf.v1.Shelves.PutShelf");
    assert!(problem.contains("same route"), "{problem}");
}
