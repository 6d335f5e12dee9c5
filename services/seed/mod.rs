//! `feira seed`: a believable demo shop, made by the same calls that people make.
//!
//! What is made follows from a number ([`plan`]), so it is the same shop every time, and a run that was broken
//! off goes on: whatever is there already is found by its code, username or content, and every call that
//! makes something bears an idempotency key that follows from its place in the plan.

mod articles;
mod baskets;
mod dice;
mod goods;
mod options;
mod orders;
mod picture;
mod plan;
mod progress;
mod shop;
mod users;
mod words;

use std::{collections::HashMap, fmt::Write, time::Instant};

use kit::{
    Conn, Role, Secret,
    listen::Ends,
    telemetry::{Format, Telemetry},
};
use tonic::Status;

pub use options::Seed;

use self::{plan::Plan, shop::Shop};
use crate::{
    banner,
    budget::Budget,
    data,
    error::Error,
    serve::{Process, Signals},
};

/// What all stages work with.
struct Work {
    shop: Shop,
    plan: Plan,
    at_once: usize,
}

/// Seeds a running system where a URL says where, else the databases that `serve` would use.
pub async fn seed(seed: Seed) -> Result<(), Error> {
    let mut signals = Signals::catch()?;
    let telemetry = Telemetry::start(&seed.settings.log, "feira-seed", false).map_err(Error::usage)?;
    let plan = seed.plan()?;
    let (process, generated) = match seed.urls()? {
        Some(_) => (None, None),
        None => {
            let mut process = Process::start(&seed.settings, None, None, None).await?;
            let generated = process.make_first_administrator(Format::Text).await?;
            data::has_started(&seed.settings);
            (Some(process), generated)
        }
    };
    let work = tokio::select! {
        done = fill(&seed, plan, process.as_ref(), generated) => done,
        () = signals.next() => Err(Error::other("broken off: the same command goes on where it was")),
    };
    let budget = Budget::from_now(&seed.settings.process.listening);
    if let Some(process) = &process {
        process.drain(&seed.settings, &Ends::default(), tokio::spawn(async {}), &budget).await;
    }
    telemetry.flush(budget.for_telemetry()).await;
    banner::print(&work?)
}

/// Makes everything; answers with what is to be shown.
async fn fill(
    seed: &Seed,
    plan: Plan,
    process: Option<&Process>,
    generated: Option<Secret>,
) -> Result<String, Error> {
    let start = Instant::now();
    let conns: HashMap<Role, Conn> = match (process, seed.urls()?) {
        (Some(process), _) => Role::SERVICES.map(|role| (role, Conn::new(process.services.clone()))).into(),
        (None, Some(urls)) => {
            let certificates = seed.settings.secrets.files.open()?;
            let remote = |url: &str| shop::remote(url, certificates.as_ref());
            urls.iter().map(|(role, url)| Ok((*role, remote(url)?))).collect::<Result<_, Error>>()?
        }
        (None, None) => HashMap::new(),
    };
    let password = seed.staff_password()?.or(generated).ok_or_else(|| {
        Error::usage("staff is needed to seed: give the administrator's password by FEIRA_ADMIN_PASSWORD or FEIRA_ADMIN_PASSWORD_FILE")
    })?;
    let (shopper, shown) = shopper_password(seed, process.is_some())?;
    let shop = Shop::new(conns, seed.login.clone(), password);
    let failed = |what: &'static str| {
        move |status: Status| Error::other(format!("{what}: {:?}: {}", status.code(), status.message()))
    };
    shop.open().await.map_err(failed("staff cannot sign in"))?;

    let work = Work { shop, plan, at_once: seed.at_once };
    let (users, new_users) = users::make(&work, shopper.expose()).await.map_err(failed("users"))?;
    // Without users there cannot be orders of theirs.
    let found = match new_users == work.plan.users {
        true => orders::Found::new(),
        false => orders::find(&work, &users).await.map_err(failed("orders"))?,
    };
    let orders = orders::pair(&work, found);
    let demand = work.plan.demand(orders.iter().filter(|(_, there)| there.is_none()).map(|(order, _)| order));
    let (stocked, new_articles) = articles::make(&work, &demand).await.map_err(failed("articles"))?;
    let new_pictures = articles::picture(&work, &stocked).await.map_err(failed("pictures"))?;
    let made = orders::make(&work, orders, &users, &stocked).await.map_err(failed("orders"))?;
    let baskets = baskets::fill(&work, shopper.expose(), &stocked).await.map_err(failed("baskets"))?;

    let mut text = format!("Seed {}, {:.1?}:\n", work.plan.seed, start.elapsed());
    let _ = writeln!(text, "  articles  {} ({new_articles} new)", work.plan.articles);
    let _ = writeln!(text, "  pictures  {} ({new_pictures} new)", work.plan.pictures);
    let _ = writeln!(text, "  users     {} ({new_users} new)", work.plan.users);
    let states = made.states.iter().map(|(state, count)| format!(", {count} {state}")).collect::<String>();
    let _ = writeln!(text, "  orders    {} ({} new){states}", work.plan.orders, made.new);
    let _ = match baskets {
        Some(count) => writeln!(text, "  baskets   {count}"),
        None => {
            writeln!(text, "  baskets   left as they are: their owners have the password of an earlier run")
        }
    };
    if work.plan.users > 0 {
        let prefix = work.plan.username_prefix();
        let _ = write!(text, "Shoppers sign in as {prefix}1 to {prefix}{}", work.plan.users);
        let _ = match shown {
            true => writeln!(text, " with the password {}", shopper.expose()),
            false => writeln!(text, " with the password that you gave"),
        };
    }
    Ok(text)
}

/// The password of the demo shoppers, and whether it has to be shown. Where none is given it follows from the
/// mesh secret, so that a run that goes on gives the same; without that it is made up and shown at once.
fn shopper_password(seed: &Seed, here: bool) -> Result<(Secret, bool), Error> {
    if let Some(given) = seed.shopper_password()? {
        return Ok((given, false));
    }
    let knows_secret = here || seed.settings.secrets.mesh.is_given();
    let bytes = if knows_secret {
        data::own_mesh_secret(&seed.settings)?.derive(&format!("demo shoppers {}", seed.seed))
    } else {
        rand::random()
    };
    let password = readable(&bytes);
    if !knows_secret {
        banner::note(&format!("Demo shoppers that are made now get the password {password}\n"));
    }
    Ok((password.parse().map_err(Error::other)?, true))
}

/// Sixteen letters and digits, 80 bits, none of which looks like another.
fn readable(bytes: &[u8; 32]) -> String {
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let letters: Vec<char> =
        bytes[..16].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    letters.chunks(4).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_can_be_read_aloud() {
        let password = readable(&[7; 32]);
        assert_eq!(password, "9999-9999-9999-9999");
        assert_ne!(readable(&rand::random()), readable(&rand::random()));
    }
}
