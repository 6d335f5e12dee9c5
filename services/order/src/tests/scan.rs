//! A search that too many customers fit: all that fits is found, and no page reads more than it may.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use kit::id::{Id, UserId};

use super::{
    Shop,
    lists::{insert, orders},
};
use crate::store::{Filter, Scan, Search, Sort, order, place};

const SCAN: Scan = Scan { batch: 50, batches: 2 };

#[tokio::test]
async fn a_search_for_very_many_customers_finds_all_of_their_orders_and_reads_so_many_for_a_page() {
    let shop = Shop::open().await;
    // Half of them have orders of some kinds alone: long ways without any.
    let users: Vec<UserId> = (0..9).map(|_| UserId::new()).collect();
    let mut rows = orders(&users, 900);
    for row in &mut rows[200..700] {
        row.user_id = users[0];
    }
    insert(&shop, &rows).await;
    let meant: HashSet<UserId> = [users[1], users[2]].into();
    let search = Search::read(rows[450].number.as_deref().unwrap());
    let fits = |row: &&order::Model| meant.contains(&row.user_id) || row.id == rows[450].id;
    for sort in [Sort::Created, Sort::Placed { descending: true }, Sort::Placed { descending: false }] {
        let mut expected: Vec<_> = rows.iter().filter(fits).map(|row| row.id).collect();
        if matches!(sort, Sort::Placed { .. }) {
            expected =
                rows.iter().filter(fits).filter(|row| row.place_time.is_some()).map(|row| row.id).collect();
        }
        if !matches!(sort, Sort::Placed { descending: false }) {
            expected.reverse();
        }
        let (mut found, mut after, mut short) = (Vec::new(), None, 0);
        loop {
            let asked = AtomicUsize::new(0);
            let (asked, meant) = (&asked, &meant);
            let fit = move |users: std::collections::BTreeSet<UserId>| async move {
                asked.fetch_add(1, Relaxed);
                Ok(users.into_iter().filter(|user| meant.contains(user)).collect())
            };
            let filter = Filter::default();
            let page = SCAN.run(shop.db.read(), (&filter, sort), &search, after, 8, fit).await.unwrap();
            assert!(asked.load(Relaxed) <= 2, "of two batches, and no more");
            after = page.stopped_at.or_else(|| page.rows.last().filter(|_| page.rows.len() == 8).map(place));
            short += usize::from(page.stopped_at.is_some());
            found.extend(page.rows.into_iter().map(|row| row.id));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{sort:?}");
        assert!(short > 2, "it stopped on the way where nothing is found: {short}");
    }
}
