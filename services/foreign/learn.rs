//! What upstreams can do: their contracts, and which service is whose.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use futures::future::join_all;
use gateway::{Contract, ContractError, Forward, Served, Way};
use kit::{Conn, Tasks, drain::EndStreams};

use super::{settings, upstream::Upstream};
use crate::error::Error;

/// Upstreams, each once, with the names by which some of its services are meant.
pub struct Known {
    pub upstream: Arc<Upstream>,
    /// Packages and services; all of them where there is none.
    pub names: Vec<String>,
    /// What it can do, once that is known.
    pub contract: Option<Contract>,
}

impl Known {
    /// Those of the settings; connections that are there already are kept.
    pub fn all(settings: &settings::Upstreams, before: &[Known]) -> Result<Vec<Self>, Error> {
        let mut by_url: Vec<(&str, Vec<String>, bool)> = Vec::new();
        for settings::Upstream { name, url } in &settings.at {
            match by_url.iter_mut().find(|(there, ..)| there == url) {
                Some((_, names, all)) => {
                    *all |= name.is_none();
                    names.extend(name.clone());
                }
                None => by_url.push((url, name.clone().into_iter().collect(), name.is_none())),
            }
        }
        let known = by_url.into_iter().map(|(url, names, all)| {
            let there = before.iter().find(|known| known.upstream.url == url);
            let upstream = match there {
                Some(known) => known.upstream.clone(),
                None => Arc::new(Upstream::new(url, settings.upstream_ca.as_deref())?),
            };
            let names = if all { Vec::new() } else { names };
            Ok(Self { upstream, names, contract: there.and_then(|known| known.contract.clone()) })
        });
        known.collect()
    }

    /// Asks by reflection.
    pub async fn reflect(&self) -> Result<Contract, ContractError> {
        Contract::reflect(&self.upstream.conn).await
    }
}

/// Asks all of them at once.
pub async fn reflect(all: &[Known]) -> Vec<Result<Contract, ContractError>> {
    join_all(all.iter().map(Known::reflect)).await
}

/// Reads the contract of all of them.
pub fn read(file: &Path) -> Result<Contract, String> {
    let at = |problem: &dyn std::fmt::Display| format!("--descriptors {}: {problem}", file.display());
    let set = fs::read(file).map_err(|error| at(&error))?;
    Contract::read(&set).map_err(|error| at(&error))
}

/// What went wrong at an upstream, and what to do about it.
pub fn explain(known: &Known, error: &ContractError) -> String {
    let advice = match error {
        ContractError::NoReflection => {
            ": turn it on there, or give its contract by --descriptors (a FileDescriptorSet, as \
             `protoc --include_imports --descriptor_set_out` and `buf build` write it)"
        }
        ContractError::Refused { .. } | ContractError::Malformed(_) | ContractError::Missing { .. } => {
            ": give its contract by --descriptors instead"
        }
        _ => "",
    };
    format!("{}: {error}{advice}", known.upstream.url)
}

/// The names of an upstream's services; none where its contract is not known.
pub type Names = Option<Vec<String>>;

/// The services of all upstreams whose contracts are known, and of each upstream their names. A service that two of
/// them have must be said to be one's.
pub fn services(
    all: &[Known],
    forward: &Arc<Forward>,
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
        let conn = Conn::new(ending);
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
