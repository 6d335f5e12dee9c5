//! Reading an export.

use kit::{
    Tasks,
    id::{ArticleId, Id, OrderId, UserId},
};
use tonic::Code;

use super::{Shop, line};
use crate::{
    api::export::{Reader, Sizes},
    domain::State,
    store::Filter,
};

async fn read(reader: &mut Reader) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(orders) = reader.next().await.unwrap() {
        assert!(!orders.is_empty() && orders.len() <= 3, "a page at a time");
        ids.extend(orders.into_iter().map(|order| order.id));
    }
    ids
}

#[tokio::test]
async fn pages_and_windows_leave_no_order_out_and_show_none_twice() {
    let shop = Shop::open().await;
    let user = UserId::new();
    let (mut all, mut paid): (Vec<OrderId>, Vec<OrderId>) = (Vec::new(), Vec::new());
    for number in 0..40 {
        // Two stretches without any that the filter leaves, longer than a window.
        let state = if (10..20).contains(&number) || number > 30 { State::Cancelled } else { State::Paid };
        let id = shop.order(user, vec![line(ArticleId::new(), "x", 1)], state).await;
        all.push(id);
        if state == State::Paid {
            paid.push(id);
        }
    }
    let texts = |ids: &[OrderId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let sizes = Sizes { page: 3, window: 7 };
    let reader =
        |filter, after| Reader::new(kit::Db::clone(&shop.db), Tasks::default(), filter, after, sizes);
    let only_paid = || Filter { states: vec![State::Paid], ..Filter::default() };
    assert_eq!(read(&mut reader(Filter::default(), None)).await, texts(&all));
    assert_eq!(read(&mut reader(only_paid(), None)).await, texts(&paid));
    for (place, id) in paid.iter().enumerate() {
        assert_eq!(read(&mut reader(only_paid(), Some(*id))).await, texts(&paid[place + 1..]));
    }
    let before = Filter { made_until: Some(kit::Time(0)), ..Filter::default() };
    assert!(read(&mut reader(before, None)).await.is_empty());
}

#[tokio::test]
async fn a_drain_ends_an_export_with_unavailable() {
    let shop = Shop::open().await;
    for _ in 0..9 {
        shop.order(UserId::new(), vec![line(ArticleId::new(), "x", 1)], State::Paid).await;
    }
    let tasks = Tasks::default();
    let sizes = Sizes { page: 3, window: 7 };
    let mut reader = Reader::new(kit::Db::clone(&shop.db), tasks.clone(), Filter::default(), None, sizes);
    assert_eq!(reader.next().await.unwrap().unwrap().len(), 3);
    tasks.drain();
    assert_eq!(kit::Fault::from(reader.next().await.unwrap_err()).code, Code::Unavailable);
}
