//! The settings of `feira seed`.

use std::collections::HashMap;

use clap::value_parser;
use kit::{Currency, Role, Secret, SecretSource};

use super::plan::Plan;
use crate::{
    error::Error,
    settings::{self, ConfigFile, Settings},
};

kit::secret_setting! {
    /// The password of all demo shoppers.
    pub ShopperPassword: "shopper-password", "FEIRA_SHOPPER_PASSWORD", "PASSWORD",
        "Password of all demo shoppers; without one it is made up and shown",
        "File whose first line is the password of all demo shoppers";
}

/// Makes a demo shop.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Demo shop")]
pub struct Seed {
    /// The number that the shop follows from: the same number is the same shop
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub seed: u64,

    /// Articles of the catalogue
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = value_parser!(u64).range(..=1_000_000))]
    articles: u64,

    /// Shoppers. Each costs a password hash
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = value_parser!(u64).range(..=100_000))]
    users: u64,

    /// Orders, delivered most of them, others wherever an order can be
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = value_parser!(u64).range(..=1_000_000))]
    orders: u64,

    /// Filled baskets, of one shopper each (default: a tenth of the shoppers)
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(..=100_000))]
    baskets: Option<u64>,

    /// Articles that get a picture, the first ones (default: all, but at most 1000)
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(..=1_000_000))]
    pictures: Option<u64>,

    /// Currency of all prices
    #[arg(long, value_name = "CODE", default_value = "EUR", value_parser = currency)]
    currency: Currency,

    /// Where a system runs that is to be seeded, by the gRPC of a process that runs all roles. --user-url,
    /// --article-url, --order-url and --payment-url say it for each role. Without any, the databases are seeded
    /// that `serve` would use with the same settings; nobody else may have embedded ones open then
    #[arg(long, value_name = "URL", value_parser = settings::role_url)]
    url: Option<String>,

    /// Who makes articles and orders: somebody of the staff, whose password is that of FEIRA_ADMIN_PASSWORD or
    /// FEIRA_ADMIN_PASSWORD_FILE
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub login: String,

    #[command(flatten)]
    shopper_password: SecretSource<ShopperPassword>,

    /// Calls at once
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = |text: &str| at_once(text))]
    pub at_once: usize,

    #[command(flatten)]
    pub settings: Settings,

    #[command(flatten)]
    _config: ConfigFile,
}

fn currency(text: &str) -> Result<Currency, String> {
    text.parse().map_err(|()| "must be an ISO 4217 currency in use, such as EUR".to_owned())
}

fn at_once(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=256) => Ok(count),
        _ => Err("must be from 1 to 256".to_owned()),
    }
}

impl Seed {
    /// Finds what is impossible, before anything is opened.
    pub fn check(&self) -> Result<(), Error> {
        self.plan()?;
        self.shopper_password()?;
        if self.urls()?.is_none() {
            self.settings.check()?;
        }
        Ok(())
    }

    /// What is to be made.
    pub fn plan(&self) -> Result<Plan, Error> {
        let baskets = self.baskets.unwrap_or(self.users / 10);
        if (self.orders > 0 || baskets > 0) && (self.users == 0 || self.articles == 0) {
            return Err(Error::usage("orders and baskets need users and articles: at least one of each"));
        }
        if baskets > self.users {
            return Err(Error::usage(
                "--baskets: a user has one basket, so there are no more of them than --users",
            ));
        }
        Ok(Plan {
            seed: self.seed,
            articles: self.articles,
            users: self.users,
            orders: self.orders,
            baskets,
            pictures: self.pictures.unwrap_or(1_000).min(self.articles),
            currency: self.currency,
        })
    }

    /// Where the system runs that is to be seeded, if it is not this process.
    pub fn urls(&self) -> Result<Option<HashMap<Role, String>>, Error> {
        let mut urls = self.settings.urls.all().clone();
        if urls.is_empty() && self.url.is_none() {
            return Ok(None);
        }
        let roles = [Role::User, Role::Article, Role::Order, Role::Payment];
        for role in roles {
            if let Some(url) = self.url.clone() {
                urls.entry(role).or_insert(url);
            }
        }
        let missing: Vec<String> = roles
            .iter()
            .filter(|role| !urls.contains_key(role))
            .map(|role| format!("--{role}-url"))
            .collect();
        if missing.is_empty() {
            return Ok(Some(urls));
        }
        let missing = missing.join(", ");
        Err(Error::usage(format!(
            "a system that runs elsewhere is seeded by all its services: say where they are by {missing}"
        )))
    }

    /// The password of staff, if it is given.
    pub fn staff_password(&self) -> Result<Option<Secret>, Error> {
        let given = self.settings.user.admin.source.read().map_err(Error::usage)?;
        Ok(given.map(|(_, password)| password))
    }

    /// The password of the demo shoppers, if it is given.
    pub fn shopper_password(&self) -> Result<Option<Secret>, Error> {
        let Some((setting, password)) = self.shopper_password.read().map_err(Error::usage)? else {
            return Ok(None);
        };
        match password.expose().chars().count() {
            8..=128 => Ok(Some(password)),
            _ => Err(Error::usage(format!("{setting}: a password has 8 to 128 characters"))),
        }
    }
}
