//! What upstreams can do: their contracts, as they are learnt and followed.

use std::{fmt::Display, fs, path::Path, sync::Arc, time::Duration};

use futures::future::join_all;
use gateway::{Contract, ContractError};
use tokio::time::Instant;

use super::{settings, upstream::Upstream};
use crate::error::Error;

/// How soon an upstream is asked again that could not be reached and of which nothing is known yet.
const AGAIN: Duration = Duration::from_secs(1);
/// Characters of what an upstream says, or what is said of its contract, that end in the log.
const LONGEST: usize = 500;

/// An upstream, with the names by which some of its services are meant.
#[derive(Clone)]
pub struct Known {
    pub upstream: Arc<Upstream>,
    /// The certificates, in PEM, by which it is known; the system's where there are none.
    authority: Option<Arc<[u8]>>,
    /// Packages and services; all of them where there is none.
    pub names: Vec<String>,
    /// What is served of it; nothing before that is known.
    pub contract: Option<Contract>,
    /// What it said last, which is not what is served where that cannot be.
    newest: Option<Contract>,
    /// When it is to be asked; nothing while it is.
    next: Option<Instant>,
    /// What was complained of last, which is not said again and again.
    said: String,
}

/// What came of asking an upstream.
pub type Answer = (Arc<Upstream>, Result<Contract, ContractError>);

impl Known {
    /// Those of the settings, each once. What is known of them already is kept, and so are connections to those that are
    /// known by the same certificates as before.
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
        let authority: Option<Arc<[u8]>> = match &settings.upstream_ca {
            Some(file) => {
                let wrong = |error| Error::usage(format!("--upstream-ca: {}: {error}", file.display()));
                Some(fs::read(file).map_err(wrong)?.into())
            }
            None => None,
        };
        let known = by_url.into_iter().map(|(url, names, all)| {
            let there = before.iter().find(|known| known.upstream.url == url);
            let upstream = match there.filter(|known| known.authority == authority) {
                Some(known) => known.upstream.clone(),
                None => Arc::new(Upstream::new(url, settings.upstream_ca.as_deref())?),
            };
            Ok(Self {
                upstream,
                authority: authority.clone(),
                names: if all { Vec::new() } else { names },
                contract: there.and_then(|known| known.contract.clone()),
                newest: None,
                next: None,
                said: there.map(|known| known.said.clone()).unwrap_or_default(),
            })
        });
        known.collect()
    }

    /// Its question, if it is time for it.
    pub fn due(&mut self) -> Option<impl Future<Output = Answer> + Send + use<>> {
        self.next.take_if(|next| *next <= Instant::now())?;
        let upstream = self.upstream.clone();
        Some(async move {
            let answer = Contract::reflect(&upstream.conn).await;
            (upstream, answer)
        })
    }

    /// It is to be asked, if it is not asked just now.
    pub fn ask_soon(&mut self) {
        self.next.get_or_insert_with(Instant::now);
    }

    /// Notes what came of asking; the error is what is wrong, and whether it may pass by itself.
    pub fn heard(
        &mut self,
        answer: Result<Contract, ContractError>,
        poll: Duration,
    ) -> Result<(), (String, bool)> {
        let passes = answer.as_ref().is_err_and(ContractError::passes);
        let pause = if passes && self.contract.is_none() { AGAIN } else { poll };
        self.next = Some(Instant::now() + pause);
        match answer {
            Ok(contract) => {
                self.newest = Some(contract);
                Ok(())
            }
            Err(error) => Err((explain(self, &error), passes)),
        }
    }

    /// Whether what it said last is served.
    pub fn is_served(&self) -> bool {
        match (&self.newest, &self.contract) {
            (Some(newest), Some(served)) => newest.is_same(served),
            (newest, _) => newest.is_none(),
        }
    }

    /// The same, to be served by what it said last.
    pub fn newest(&self) -> Self {
        Self { contract: self.newest.clone().or_else(|| self.contract.clone()), ..self.clone() }
    }

    /// Says what is wrong, once; nothing is.
    pub fn complain(&mut self, problem: Option<String>) {
        let problem = problem.unwrap_or_default();
        if problem != self.said && !problem.is_empty() {
            tracing::warn!(problem, "contract.not_loaded");
        }
        self.said = problem;
    }
}

/// Asks for the contracts of all upstreams at once. Upstreams that cannot be reached may come later, and of one whose
/// contract is known already it still counts; what else is wrong is an error.
pub async fn ask(settings: &settings::Upstreams, all: &mut [Known]) -> Result<(), String> {
    if let Some(file) = &settings.descriptors {
        return match read(file).await {
            Ok(contract) => {
                tell(&contract, all);
                Ok(())
            }
            Err(problem) if all.iter().any(|known| known.contract.is_none()) => Err(problem),
            Err(problem) => {
                tracing::warn!(problem, "contract.not_loaded");
                Ok(())
            }
        };
    }
    let answers = join_all(all.iter().map(|known| Contract::reflect(&known.upstream.conn))).await;
    for (known, answer) in all.iter_mut().zip(answers) {
        match known.heard(answer, settings.poll_interval) {
            Err((problem, false)) if known.contract.is_none() => return Err(problem),
            heard => known.complain(heard.err().map(|(problem, _)| problem)),
        }
    }
    Ok(())
}

/// Tells all upstreams' contract.
pub fn tell(contract: &Contract, all: &mut [Known]) {
    all.iter_mut().for_each(|known| known.newest = Some(contract.clone()));
}

/// Reads the contract of all of them.
pub async fn read(file: &Path) -> Result<Contract, String> {
    let at = |problem: &dyn Display| format!("--descriptors {}: {}", file.display(), cut(problem));
    let set = tokio::fs::read(file).await.map_err(|error| at(&error))?;
    Contract::read(set).await.map_err(|error| at(&error))
}

/// What went wrong at an upstream, and what to do about it.
fn explain(known: &Known, error: &ContractError) -> String {
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
    format!("{}: {}{advice}", known.upstream.url, cut(error))
}

/// As much of a problem as is told, on one line: an upstream may say anything, at any length.
pub fn cut(problem: &(impl Display + ?Sized)) -> String {
    let text = problem.to_string();
    let mut told: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        told.push('…');
    }
    told
}
