//! Puts the edge before a gRPC server that is anybody's, in a program of one's own: REST, OpenAPI, Connect, gRPC-Web and
//! gRPC at one port, beside routes that the program has itself.
//!
//! ```sh
//! cargo run --example serve -- http://127.0.0.1:50051 127.0.0.1:8080
//! cargo run --example serve -- http://127.0.0.1:50051 127.0.0.1:8080 contract.bin
//! ```
//!
//! The contract is the server's own, by reflection, or that of a file, as `buf build -o contract.bin` writes it. It is looked
//! at again every few seconds, and served anew where it has changed.

use std::{env, error::Error, fs, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use gateway::{
    Conn, Contract, Extras, Forward, Options, Served, Switch, Way,
    json::{Defaults, Style},
};
use tokio::{net::TcpListener, time::sleep};
use tonic::{Status, transport::Channel};
use tower::ServiceExt as _;

const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Where the contract comes from.
struct Source {
    conn: Conn,
    file: Option<PathBuf>,
}

impl Source {
    async fn read(&self) -> Result<Contract, Box<dyn Error>> {
        match &self.file {
            Some(file) => Ok(Contract::read(fs::read(file)?).await?),
            None => Ok(Contract::reflect(&self.conn).await?),
        }
    }

    /// The edge of all services in a contract.
    fn router(&self, contract: &Contract) -> Result<Router, Box<dyn Error>> {
        // Beside the headers that always pass (`authorization` among them), those of a tenant.
        let forward = Forward { request: vec!["x-tenant".parse()?], foreign: true, ..Forward::default() };
        let way = Way { conn: self.conn.clone(), forward: Arc::new(forward) };
        let services = contract.services(&[])?.into_iter();
        let served = services.map(|service| Served { service, way: way.clone() }).collect();
        let json = Style { defaults: Defaults::Omit, ..Style::default() };
        let edge = gateway::router_of(&Options::default(), served, Extras { json, ..Extras::default() })?;
        // Routes of the program's own come first; all else is the edge's.
        Ok(Router::new().route("/hello", get(|| async { "hello" })).fallback_service(edge))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: serve http://UPSTREAM HOST:PORT [CONTRACT]";
    let mut arguments = env::args().skip(1);
    let (upstream, listen) = (arguments.next().ok_or(usage)?, arguments.next().ok_or(usage)?);
    let channel = Channel::from_shared(upstream)?.connect_lazy();
    let conn = Conn::new(channel.map_err(|error| Status::from_error(error.into())));
    let source = Source { conn, file: arguments.next().map(PathBuf::from) };

    let mut contract = source.read().await?;
    let switch = Switch::new(source.router(&contract)?);
    let listener = TcpListener::bind(&listen).await?;
    println!("http://{}", listener.local_addr()?);
    let follow = async {
        loop {
            sleep(LOOK_AGAIN).await;
            // What cannot be read or served changes nothing.
            let next = match source.read().await {
                Ok(next) if !next.is_same(&contract) => next,
                _ => continue,
            };
            match source.router(&next) {
                Ok(router) => {
                    switch.set(router);
                    contract = next;
                }
                Err(error) => eprintln!("the new contract is not served: {error}"),
            }
        }
    };
    let service = Router::new().fallback_service(switch.clone());
    tokio::select! {
        served = axum::serve(listener, service) => Ok(served?),
        () = follow => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
