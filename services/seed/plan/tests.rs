//! What follows from a number, and what does not.

use super::*;

fn plan(articles: u64, users: u64, orders: u64) -> Plan {
    Plan {
        seed: 42,
        articles,
        users,
        orders,
        baskets: users / 10,
        pictures: 0,
        currency: "EUR".parse().unwrap(),
    }
}

#[test]
fn a_shop_grows_without_changing() {
    let (small, large) = (plan(100, 10, 0), plan(100_000, 1_000, 0));
    for index in 0..100 {
        assert_eq!(small.article(index), large.article(index));
        assert_eq!(small.left(index), large.left(index));
    }
    for index in 0..10 {
        assert_eq!(small.user(index), large.user(index));
    }
}

#[test]
fn names_lead_back_to_what_they_name() {
    let plan = plan(2_000_000, 100_000, 0);
    for index in [0, 11, 12, 999_999, 1_999_999] {
        assert_eq!(plan.article_of(&plan.code(index)), Some(index));
    }
    for index in [0, 99_999] {
        assert_eq!(plan.user_of(&plan.user(index).username), Some(index));
    }
    for other in ["TEA-1", "TEA-421-000001", "CHE-42-000001", "TEA-42-1", "TEA-42-2000001", "TEA-42-000000"] {
        assert_eq!(plan.article_of(other), None, "{other}");
    }
    for other in ["demo-4-1", "demo-42-0", "demo-42-100001", "demo-42-x", "maria"] {
        assert_eq!(plan.user_of(other), None, "{other}");
    }
}

#[test]
fn two_seeds_make_two_shops() {
    let (one, other) = (plan(50, 5, 20), Plan { seed: 43, ..plan(50, 5, 20) });
    let names = |plan: &Plan| (0..50).map(|index| plan.article(index).name).collect::<Vec<_>>();
    assert_ne!(names(&one), names(&other));
    let codes = |plan: &Plan| (0..50).map(|index| plan.code(index)).collect::<Vec<_>>();
    assert!(codes(&one).iter().all(|code| !codes(&other).contains(code)));
}

#[test]
fn everything_is_as_the_contract_wants_it() {
    let plan = plan(5_000, 500, 5_000);
    for index in 0..plan.articles {
        let article = plan.article(index);
        let price = kit::Money::read(article.price.as_ref().unwrap(), "price").unwrap();
        assert!(price.minor > 0 && article.code.len() <= 64 && article.name.len() <= 200, "{article:?}");
    }
    for index in 0..plan.users {
        assert!(plan.user(index).username.len() <= 32);
    }
    let mut goals = std::collections::BTreeSet::new();
    for index in 0..plan.orders {
        let order = plan.order(index);
        assert!(!order.lines.is_empty() && order.user < plan.users, "{order:?}");
        assert!(order.lines.keys().all(|article| plan.article(*article).active), "{order:?}");
        goals.insert(order.goal);
    }
    assert_eq!(goals.len(), 8, "{goals:?}");
}

#[test]
fn prices_fit_currencies_without_and_with_three_decimals() {
    for (currency, decimals) in [("JPY", 0), ("EUR", 2), ("BHD", 3)] {
        let plan = Plan { currency: currency.parse().unwrap(), ..plan(100, 1, 0) };
        for index in 0..100 {
            let price = plan.article(index).price.unwrap();
            assert!(kit::Money::read(&price, "price").unwrap().minor > 0, "{currency} {decimals}");
        }
    }
}

#[test]
fn the_smallest_shops_are_possible() {
    let plan = plan(1, 1, 10);
    for index in 0..10 {
        assert_eq!(plan.order(index).lines.keys().copied().collect::<Vec<_>>(), [0]);
    }
}
