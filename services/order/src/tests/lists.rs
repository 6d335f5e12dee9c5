//! Lists find what their filters mean, in order and across pages.

use contracts::order::ListOrdersRequest;
use kit::{
    Call, Money, Role, Scope, Time,
    id::{Id, OrderId, UserId},
};
use sea_orm::EntityTrait;

use super::Shop;
use crate::{
    domain::{Refunds, State, number::number_of},
    store::{self, Filter, order},
};

/// Few in full, some of them old and some new; more in part.
fn refunds(number: usize) -> Refunds {
    match number % 97 {
        5 => Refunds::Full,
        6 | 40 => Refunds::Partial,
        _ => Refunds::None,
    }
}

/// What is rare is old; neighbours differ.
pub fn orders(users: &[UserId], count: usize) -> Vec<order::Model> {
    let (mut rows, mut ids) = (Vec::new(), Vec::new());
    ids.resize_with(count, OrderId::new);
    for (number, id) in ids.into_iter().enumerate() {
        let rare = number < 60;
        let state = match number % 7 {
            0 | 1 if rare => State::AwaitingPayment,
            2 => State::Cancelled,
            3 => State::Open,
            _ => State::Paid,
        };
        let user = users[number % users.len()];
        rows.push(order::Model {
            state,
            currency: (number % 5 > 0).then(|| if number % 11 == 0 { "USD" } else { "EUR" }.to_owned()),
            total_minor: if rare { 100_000 + number as i64 } else { number as i64 % 100 },
            refunds: refunds(number),
            refunding: number % 89 == 7,
            payment_type: 1,
            attempt: 1,
            events: 0,
            place_time: (number % 3 > 0).then_some(Time(10 * number as i64)),
            ..order::Model::new(id, number_of(id), user, Time(number as i64))
        });
    }
    rows
}

pub async fn insert(shop: &Shop, rows: &[order::Model]) {
    for some in rows.chunks(500) {
        let some = some.to_vec();
        shop.transact(some, |tx, some| async move {
            let rows = some.iter().cloned().map(order::ActiveModel::from);
            Ok(order::Entity::insert_many(rows).exec_without_returning(&*tx).await?)
        })
        .await;
    }
}

fn means(filter: &Filter, row: &order::Model) -> bool {
    let in_range = |bound: Option<Money>, fits: fn(i64, i64) -> bool| {
        bound.is_none_or(|bound| {
            row.currency.as_deref() == Some(bound.currency.code()) && fits(row.total_minor, bound.minor)
        })
    };
    (filter.states.is_empty() || filter.states.contains(&row.state))
        && filter.user.is_none_or(|user| user == row.user_id)
        && in_range(filter.min_total, |total, least| total >= least)
        && in_range(filter.max_total, |total, most| total <= most)
        && filter.placed_after.is_none_or(|time| row.place_time.is_some_and(|placed| placed >= time))
        && filter.placed_before.is_none_or(|time| row.place_time.is_some_and(|placed| placed < time))
        && filter.refunds.is_none_or(|refunds| refunds == row.refunds)
        && (!filter.to_ship || waits_to_be_shipped(row))
}

fn waits_to_be_shipped(row: &order::Model) -> bool {
    row.state == State::Paid && row.refunds != Refunds::Full && !row.refunding
}

#[tokio::test]
async fn a_list_has_what_its_filters_mean_the_newest_first_and_nothing_else() {
    let shop = Shop::open().await;
    let users = [UserId::new(), UserId::new()];
    // More than are looked through on the way.
    let mut rows = orders(&users, 2_400);
    insert(&shop, &rows).await;
    rows.reverse();
    let states =
        [vec![], vec![State::AwaitingPayment], vec![State::Open, State::AwaitingPayment, State::Paid]];
    let totals = [
        (None, None),
        (Some("500.00 EUR"), None),
        (Some("9999.00 EUR"), None),
        (Some("0.10 EUR"), Some("0.11 EUR")),
        (None, Some("0.03 USD")),
    ];
    let times = [(None, None), (Some(23_000), None), (None, Some(400)), (Some(200), Some(500))];
    for states in &states {
        for user in [None, Some(users[0])] {
            for (min_total, max_total) in totals {
                for (placed_after, placed_before) in times {
                    let money = |text: Option<&str>| text.map(|text| text.parse().unwrap());
                    let filter = Filter {
                        states: states.clone(),
                        user,
                        min_total: money(min_total),
                        max_total: money(max_total),
                        placed_after: placed_after.map(Time),
                        placed_before: placed_before.map(Time),
                        ..Filter::default()
                    };
                    check(&shop, &filter, &rows).await;
                }
            }
            let to_ship = Filter { states: states.clone(), user, to_ship: true, ..Filter::default() };
            check(&shop, &to_ship, &rows).await;
            for refunds in [Refunds::None, Refunds::Partial, Refunds::Full] {
                for min_total in [None, Some("0.50 EUR".parse().unwrap())] {
                    let refunds = Some(refunds);
                    let filter =
                        Filter { states: states.clone(), user, min_total, refunds, ..Filter::default() };
                    check(&shop, &filter, &rows).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_to_be_shipped_is_counted_as_it_is_listed() {
    let shop = Shop::open().await;
    let rows = orders(&[UserId::new()], 700);
    insert(&shop, &rows).await;
    let count =
        async |states: &[State], to_ship| store::count(shop.db.read(), states, to_ship).await.unwrap();
    let paid = rows.iter().filter(|row| row.state == State::Paid).count() as i64;
    let due = rows.iter().filter(|row| waits_to_be_shipped(row)).count() as i64;
    assert!(0 < due && due < paid);
    assert_eq!(count(&[State::Paid], false).await, paid);
    for states in [&[][..], &[State::Paid], &[State::Open, State::Paid]] {
        assert_eq!(count(states, true).await, due);
    }
    assert_eq!(count(&[State::Open], true).await, 0);
    // The oldest first, as they are placed.
    let filter = Filter { states: vec![State::Paid], to_ship: true, ..Filter::default() };
    let found = store::placed(shop.db.read(), Scope::All, &filter, false, None, 1_000).await.unwrap();
    let placed = rows.iter().filter(|row| waits_to_be_shipped(row) && row.place_time.is_some());
    assert_eq!(found, placed.cloned().collect::<Vec<_>>());
}

/// Compares the first pages.
async fn check(shop: &Shop, filter: &Filter, rows: &[order::Model]) {
    let scope = filter.user.map_or(Scope::All, Scope::Owner);
    let mut meant = rows.iter().filter(|row| means(filter, row));
    let request = ListOrdersRequest { page_size: 40, ..Default::default() };
    let call = Call::of_service(Role::Order, "test");
    let mut page = shop.db.page::<OrderId>(&call, &request).unwrap();
    for _ in 0..3 {
        let found = store::list(shop.db.read(), scope, filter, page.after, page.limit()).await.unwrap();
        for row in &found {
            assert_eq!(Some(row), meant.next(), "{filter:?}");
        }
        if found.len() < page.limit() as usize {
            assert_eq!(meant.next(), None, "{filter:?}");
            return;
        }
        page.after = found.last().map(|row| row.id);
    }
}

/// `cargo test -p order --lib -- --ignored --nocapture figures`: milliseconds that a page of 50 takes among 1,000
/// and among 100,000 orders, the median of many.
#[tokio::test]
#[ignore = "it shows figures and fails at none"]
async fn figures_of_lists_among_few_and_many_orders() {
    let money = |text: &str| Some(text.parse().unwrap());
    let cases = [
        ("all", Filter::default()),
        ("one state, 18", Filter { states: vec![State::AwaitingPayment], ..Filter::default() }),
        ("two states", Filter { states: vec![State::Open, State::Cancelled], ..Filter::default() }),
        ("a total of 60", Filter { min_total: money("500.00 EUR"), ..Filter::default() }),
        ("a total of none", Filter { min_total: money("9999.00 EUR"), ..Filter::default() }),
        ("a total of one in a hundred", Filter { min_total: money("0.99 EUR"), ..Filter::default() }),
        ("refunded in full, 1 in 97", Filter { refunds: Some(Refunds::Full), ..Filter::default() }),
        ("to be shipped", Filter { to_ship: true, ..Filter::default() }),
        ("nothing refunded", Filter { refunds: Some(Refunds::None), ..Filter::default() }),
        ("placed long ago, 40", Filter { placed_before: Some(Time(600)), ..Filter::default() }),
        ("placed in the older half", Filter { placed_before: Some(Time(500_000)), ..Filter::default() }),
    ];
    let mut figures = Vec::new();
    for count in [1_000, 100_000] {
        let shop = Shop::open().await;
        insert(&shop, &orders(&[UserId::new()], count)).await;
        for (_, filter) in &cases {
            let mut taken = Vec::new();
            for _ in 0..31 {
                let begun = std::time::Instant::now();
                store::list(shop.db.read(), Scope::All, filter, None, 51).await.unwrap();
                taken.push(begun.elapsed().as_secs_f64() * 1_000.0);
            }
            taken.sort_by(f64::total_cmp);
            figures.push(taken[15]);
        }
    }
    for (place, (name, _)) in cases.iter().enumerate() {
        let (few, many) = (figures[place], figures[cases.len() + place]);
        eprintln!("{name:<28} {few:>8.2} ms {many:>8.2} ms {:>6.2}", many / few);
    }
}
