//! Rows that count, and what else a row's texts and prices may be.

use contracts::article::{ImportArticlesRequest, StockReason};
use kit::id::{Id, OrderId};

use super::{
    import::{all, counts, imported, row},
    support::*,
};

#[tokio::test]
async fn a_stock_take_corrects_the_books_once() {
    let shop = Shop::open().await;
    let held = shop.stocked("a", 10).await;
    shop.stocked("b", 5).await;
    shop.reserve(OrderId::new(), 1, &[(&held, 3)]).await.unwrap();
    let count = |code: &str, counted, note: &str| ImportArticlesRequest {
        code: code.into(),
        counted: Some(counted),
        note: note.into(),
        ..Default::default()
    };
    let rows = || vec![count("A", 8, "two broken"), count("b", 5, ""), count("new", 1, "")];
    let answer = imported(&shop, rows()).await;
    assert_eq!((counts(&answer), answer.errors[0].violations[0].field.as_str()), ([0, 1, 1, 1], "counted"));
    assert_eq!(shop.figures(&held).await, (5, 3, 0));
    let moved = shop.movements(&held).await.swap_remove(0);
    assert_eq!(
        (moved.reason(), moved.free_change, moved.note.as_str()),
        (StockReason::Correction, -2, "two broken")
    );
    assert_eq!(counts(&imported(&shop, rows()).await), [0, 0, 2, 1], "the same count again corrects nothing");
    assert_eq!(shop.movements(&held).await.len(), 3);

    let few = imported(&shop, vec![count("a", 2, ""), count("a", -1, ""), count("a", 9, "x\u{7}")]).await;
    let fields: Vec<_> = few.errors.iter().map(|error| error.violations[0].field.as_str()).collect();
    assert_eq!((counts(&few), fields), ([0, 0, 0, 3], vec!["counted", "counted", "note"]));
    assert_eq!(shop.figures(&held).await, (5, 3, 0), "what is reserved is promised");
}

#[tokio::test]
async fn descriptions_have_lines_and_old_currencies_stay() {
    let shop = Shop::open().await;
    let lines = ImportArticlesRequest { description: Some("one\r\ntwo\nthree".into()), ..row("a") };
    assert_eq!(counts(&imported(&shop, vec![lines.clone()]).await), [1, 0, 0, 0]);
    assert_eq!(all(&shop).await[0].description, "one\ntwo\nthree");
    assert_eq!(counts(&imported(&shop, vec![lines]).await), [0, 0, 1, 0]);
    let bad = ["a\rb", "a\tb", "a\u{b}b"]
        .map(|text| ImportArticlesRequest { description: Some(text.into()), ..row("b") });
    assert_eq!(counts(&imported(&shop, bad.into()).await), [0, 0, 0, 3]);

    let withdrawn = contracts::Money { currency_code: "BGN".into(), units: 9, nanos: 0 };
    let new = imported(&shop, vec![ImportArticlesRequest { price: Some(withdrawn), ..row("b") }]).await;
    assert_eq!(new.errors[0].violations[0].field, "price.currency_code");
}
