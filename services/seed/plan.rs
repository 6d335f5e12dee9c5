//! What is to be made: everything follows from the seed number and the counts, nothing from time or place.

use std::collections::{BTreeMap, HashMap};

use contracts::{
    Money,
    article::Article,
    user::{Address, CreateUserRequest},
};
use kit::Currency;

use super::{
    dice::{Dice, Kind},
    goods::{CATEGORIES, Category},
    words::{CARRIERS, CITIES, FIRST_NAMES, LAST_NAMES, STREETS},
};

/// How much of what, and which shop.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub articles: u64,
    pub users: u64,
    pub orders: u64,
    pub baskets: u64,
    /// How many of the articles, the first ones, have one.
    pub pictures: u64,
    pub currency: Currency,
}

/// How an order is to end up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Goal {
    Delivered,
    /// Delivered, and some of the money given back.
    PartlyRefunded,
    Shipped,
    Paid,
    /// Paid, then cancelled: the money goes back.
    Cancelled,
    /// Cancelled before it was paid.
    Abandoned,
    /// Waits for the customer to act.
    Waiting,
    /// Declined, and waits for another payment.
    Declined,
}

impl Goal {
    /// By which method of the simulated provider its payment is made.
    pub fn payment_method(self) -> &'static str {
        match self {
            Goal::Waiting => "sim_action",
            Goal::Declined | Goal::Abandoned => "sim_decline",
            _ => "sim_approve",
        }
    }
}

/// What an order is known by, beside its customer: articles by index, and how many.
pub type Lines = BTreeMap<u64, i32>;

/// An order to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub user: u64,
    pub lines: Lines,
    pub goal: Goal,
    pub carrier: &'static str,
    pub tracking_code: String,
}

impl Plan {
    /// The beginning of every username.
    pub fn username_prefix(&self) -> String {
        format!("demo-{}-", self.seed)
    }

    /// A user's index by name, if the user is of this plan.
    pub fn user_of(&self, username: &str) -> Option<u64> {
        let number: u64 = username.strip_prefix(&self.username_prefix())?.parse().ok()?;
        (1..=self.users).contains(&number).then(|| number - 1)
    }

    /// Who registers, but for the password.
    pub fn user(&self, index: u64) -> CreateUserRequest {
        let mut dice = Dice::of(self.seed, Kind::User, index);
        let (first, last) = (*dice.pick(&FIRST_NAMES), *dice.pick(&LAST_NAMES));
        let username = format!("{}{}", self.username_prefix(), index + 1);
        CreateUserRequest {
            // Nobody can have an address under .example (RFC 2606), so no mail goes astray.
            email: format!("{username}@feira.example"),
            username,
            password: String::new(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            address: Some(address(&mut dice, first, last)),
        }
    }

    /// Where a user lives.
    pub fn address(&self, user: u64) -> Option<Address> {
        self.user(user).address
    }

    fn category(&self, index: u64) -> &'static Category {
        &CATEGORIES[(index % CATEGORIES.len() as u64) as usize]
    }

    /// An article's code.
    pub fn code(&self, index: u64) -> String {
        format!("{}-{}-{:06}", self.category(index).code, self.seed, index + 1)
    }

    /// An article's index by its code, if it is of this plan.
    pub fn article_of(&self, code: &str) -> Option<u64> {
        let mut parts = code.splitn(3, '-').skip(1);
        let (seed, number) = (parts.next()?, parts.next()?);
        let index = number.parse::<u64>().ok()?.checked_sub(1)?;
        (seed == self.seed.to_string() && index < self.articles && code == self.code(index)).then_some(index)
    }

    /// An article of the catalogue.
    pub fn article(&self, index: u64) -> Article {
        let category = self.category(index);
        let mut dice = Dice::of(self.seed, Kind::Article, index);
        let thing = *dice.pick(category.things);
        let manner = *dice.pick(category.manners);
        let size = *dice.pick(category.sizes);
        let praise = *dice.pick(category.praises);
        let origin = dice.pick(&CITIES).0;
        let cents = price(&mut dice, category.price);
        let thing_in_sentence = thing.to_lowercase();
        Article {
            code: self.code(index),
            name: format!("{manner} {thing_in_sentence}, {size}"),
            description: format!("{thing} from {origin}, {}. {praise}", manner.to_lowercase()),
            category: category.name.to_owned(),
            price: Some(self.money(cents)),
            tax_rate_basis_points: category.tax_basis_points,
            active: self.is_active(index),
            low_stock_threshold: 5,
            ..Default::default()
        }
    }

    /// A few articles are not for sale (yet).
    fn is_active(&self, index: u64) -> bool {
        index == 0 || !Dice::of(self.seed, Kind::Article, index | 1 << 40).chance(2)
    }

    /// How many of an article are in stock when all orders are made. Some are sold out.
    pub fn left(&self, index: u64) -> i64 {
        let mut dice = Dice::of(self.seed, Kind::Article, index | 1 << 41);
        match dice.below(100) {
            0..=3 => 0,
            4..=11 => dice.between(1, 5) as i64,
            _ => dice.between(6, 150) as i64,
        }
    }

    fn money(&self, cents: u64) -> Money {
        // A hundredth of a euro is worth about one of the smallest coins of currencies without decimals.
        let minor = if self.currency.exponent() == 3 { cents * 10 } else { cents };
        kit::Money::new(minor as i64, self.currency).into()
    }

    /// An order.
    pub fn order(&self, index: u64) -> Order {
        let mut dice = Dice::of(self.seed, Kind::Order, index);
        let goal = match dice.below(100) {
            0..45 => Goal::Delivered,
            45..50 => Goal::PartlyRefunded,
            50..65 => Goal::Shipped,
            65..80 => Goal::Paid,
            80..88 => Goal::Cancelled,
            88..91 => Goal::Abandoned,
            91..96 => Goal::Waiting,
            _ => Goal::Declined,
        };
        let user = dice.below(self.users);
        let carrier = *dice.pick(&CARRIERS);
        let tracking_code = format!("RR{:09}PT", dice.below(1_000_000_000));
        Order { user, lines: self.lines(&mut dice), goal, carrier, tracking_code }
    }

    /// What is in a basket, and whose it is.
    pub fn basket(&self, index: u64) -> (u64, Lines) {
        let mut dice = Dice::of(self.seed, Kind::Basket, index);
        (index, self.lines(&mut dice))
    }

    /// One to five articles; the first ones of the catalogue are bought most.
    fn lines(&self, dice: &mut Dice) -> Lines {
        let wanted = dice.between(1, 5).min(self.articles);
        let mut lines = Lines::new();
        for _ in 0..wanted {
            let reach = if dice.chance(30) { self.articles.min(50) } else { self.articles };
            let article = dice.below(reach);
            let article = if self.is_active(article) { article } else { 0 };
            let quantity = dice.pick(&[1, 1, 1, 1, 2, 2, 3]);
            lines.entry(article).or_insert(*quantity);
        }
        lines
    }

    /// How many of each article are in these orders.
    pub fn demand<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> HashMap<u64, i64> {
        let mut demand = HashMap::new();
        for order in orders {
            for (article, quantity) in &order.lines {
                *demand.entry(*article).or_insert(0) += i64::from(*quantity);
            }
        }
        demand
    }

    /// The colours of an article's picture.
    pub fn colours(&self, index: u64) -> [[u8; 3]; 2] {
        self.category(index).colours
    }
}

/// A price that looks like one: it ends in 0, 5 or 9, and small ones are more frequent.
fn price(dice: &mut Dice, (low, high): (u64, u64)) -> u64 {
    let span = high - low;
    let far = dice.below(1_001) * dice.below(1_001) / 1_000;
    let rough = low + span * far / 1_000;
    rough / 10 * 10 + *dice.pick(&[0, 5, 9, 9])
}

fn address(dice: &mut Dice, first: &str, last: &str) -> Address {
    let (city, region, postal) = *dice.pick(&CITIES);
    let street = *dice.pick(&STREETS);
    let mut lines = vec![format!("{street} {}", dice.between(1, 240))];
    if dice.chance(40) {
        lines.push(format!("{}.º {}", dice.between(1, 9), dice.pick(&["esq.", "dto.", "frente"])));
    }
    Address {
        recipient: format!("{first} {last}"),
        lines,
        postal_code: format!("{}-{:03}", postal + dice.below(100), dice.below(1_000)),
        city: city.to_owned(),
        region: region.to_owned(),
        country_code: "PT".to_owned(),
        phone: format!("+351 9{} {:03} {:03}", dice.between(10, 69), dice.below(1_000), dice.below(1_000)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
