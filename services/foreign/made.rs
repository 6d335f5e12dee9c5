//! An interface, made of what is known of upstreams. On a thread of its own: a large contract takes its time, in which
//! requests are not to wait, and what panics there is no more than a contract that cannot be served.

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use gateway::{Extras, Forward, Served, Way};
use kit::{Conn, Tasks, drain::EndStreams};

use super::{
    guard::Guard,
    learn::{Known, cut},
    readiness::{Behind, Readiness},
    settings::Settings,
    streams::Streams,
};

/// An interface, and what it is made of.
pub struct Made {
    pub router: Router,
    pub behind: Behind,
    pub known: Vec<Known>,
    pub services: usize,
    pub methods: usize,
}

/// The names of an upstream's services; none where its contract is not known.
type Names = Option<Vec<String>>;

impl Made {
    /// Makes that of these upstreams. The error says what cannot be served, and why.
    pub async fn of(
        settings: Settings,
        known: Vec<Known>,
        guard: Arc<Guard>,
        readiness: Readiness,
        tasks: Tasks,
    ) -> Result<Self, String> {
        let made =
            tokio::task::spawn_blocking(move || make(&settings, known, guard, &readiness, &tasks)).await;
        made.unwrap_or_else(|_| Err("no interface can be made of the contract".to_owned()))
    }
}

fn make(
    settings: &Settings,
    known: Vec<Known>,
    guard: Arc<Guard>,
    readiness: &Readiness,
    tasks: &Tasks,
) -> Result<Made, String> {
    let (served, names) = services(&known, &Arc::new(settings.forward()), &guard, tasks)?;
    let (services, methods) =
        (served.len(), served.iter().map(|served| served.service.methods().len()).sum());
    let extras = Extras {
        guard: Some(guard),
        mount: Some(readiness.mount()),
        page: None,
        incomplete: known.iter().any(|known| known.contract.is_none()),
        json: settings.json,
    };
    let router = gateway::router_of(&settings.gateway, served, extras).map_err(|error| cut(&error))?;
    let upstreams = known.iter().map(|known| known.upstream.clone()).zip(names).collect();
    Ok(Made { router, behind: Behind { upstreams }, known, services, methods })
}

/// The services of all upstreams whose contracts are known, and of each upstream their names. A service that two of
/// them have must be said to be one's.
fn services(
    all: &[Known],
    forward: &Arc<Forward>,
    guard: &Arc<Guard>,
    tasks: &Tasks,
) -> Result<(Vec<Served>, Vec<Names>), String> {
    let mut owners: BTreeMap<String, (usize, Served)> = BTreeMap::new();
    for (index, known) in all.iter().enumerate() {
        let Some(contract) = &known.contract else { continue };
        let url = &known.upstream.url;
        let described = contract
            .services(&known.names)
            .map_err(|name| format!("{url}: there is no service or package {name} in its contract"))?;
        // Streams that would never end by themselves end when the process drains.
        let ending = EndStreams::new(known.upstream.conn.clone(), contract.pool(), tasks.clone());
        let conn = Conn::new(Streams::new(ending, contract.pool(), guard.clone()));
        for service in described {
            let name = service.full_name().to_owned();
            let way = Way { conn: conn.clone(), forward: forward.clone() };
            let served = Served { service, way };
            let Some((other, _)) = owners.get(&name) else {
                owners.insert(name, (index, served));
                continue;
            };
            // Who is named for it has it before who has everything.
            match (all[*other].names.is_empty(), known.names.is_empty()) {
                (true, false) => _ = owners.insert(name, (index, served)),
                (false, true) => {}
                _ => {
                    let other = &all[*other].upstream.url;
                    return Err(format!(
                        "the service {name} is at {other} and at {url}: say which one is meant by --upstream {name}=URL"
                    ));
                }
            }
        }
    }
    let mut names: Vec<_> = all.iter().map(|known| known.contract.as_ref().map(|_| Vec::new())).collect();
    for (name, (index, _)) in &owners {
        if let Some(Some(of_upstream)) = names.get_mut(*index) {
            of_upstream.push(name.clone());
        }
    }
    Ok((owners.into_values().map(|(_, served)| served).collect(), names))
}
