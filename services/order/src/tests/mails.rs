//! Mails that orders and payments ask for.

use contracts::order::{OrderChanged, OrderEvent};
use kit::{
    Money, Role, Scope, Time,
    id::{ArticleId, Id, OrderId, PaymentId, UserId},
    testing::Database,
};
use prost::{Message, Name};
use sea_orm::{
    ConnectionTrait, EntityTrait, QueryOrder,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{Shop, insert, line};
use crate::{
    Migrator,
    domain::{Event, MailKind, MailState, Payment, PaymentState, State},
    error::Error,
    store::{
        self, Record, event,
        mails::{Row, mail},
    },
};

const BEFORE: &str = "m000015_mails_with_events";

impl Shop {
    async fn mails(&self) -> Vec<Row> {
        mail::Entity::find().order_by_asc(mail::Column::Id).all(self.db.read()).await.unwrap()
    }

    /// An order whose stock is set aside, and that is not paid yet.
    async fn waiting(&self) -> OrderId {
        self.transact((), |tx, _| async move {
            let mut record = store::direct(&tx, UserId::new());
            record.lines = vec![line(ArticleId::new(), "x", 1)];
            record.apply(Event::Reserve, "")?;
            Ok(record.save().await?.order.id)
        })
        .await
    }

    async fn paid(&self) -> OrderId {
        self.order(UserId::new(), vec![line(ArticleId::new(), "x", 1)], State::Paid).await
    }

    /// A payment of an order, which it awaits.
    async fn payment(&self, order: OrderId) -> PaymentId {
        let id = PaymentId::new();
        self.transact((), move |tx, _| async move {
            store::plan_payment(&tx, order, id);
            let mut record = Record::lock(&tx, order, Scope::All).await?;
            record.await_payment(Some(id));
            record.save().await
        })
        .await;
        id
    }

    /// The payment service says how much of a payment went back.
    async fn refunded(&self, order: OrderId, id: PaymentId, minor: i64, at: i64) {
        let refunded = Some(Money::new(minor, "EUR".parse().unwrap()));
        let state = PaymentState::PartiallyRefunded;
        let payment =
            Payment { id, order_id: order, refunded, update_time: Time(at), ..Payment::in_state(state) };
        self.transact(payment, move |tx, payment| async move {
            let mut record = Record::lock(&tx, order, Scope::All).await?;
            match record.record_payment(&payment).await {
                Ok(_) => record.save().await.map(|_| ()),
                Err(Error::StaleUpdate) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await;
    }
}

fn told(mails: &[Row]) -> Vec<(&str, i64)> {
    mails.iter().map(|mail| (mail.id.as_str(), mail.amount_minor)).collect()
}

#[tokio::test]
async fn a_step_of_a_placed_order_and_its_mail_are_one_commit() {
    let shop = Shop::open().await;
    let id = shop.paid().await;
    let placed = format!("placed.{id}.2");
    let mails = shop.mails().await;
    assert_eq!(told(&mails), [(placed.as_str(), 0)]);
    assert_eq!((mails[0].kind, mails[0].state), (MailKind::Placed, MailState::Waiting));
    assert_eq!(mails[0].next_try, mails[0].create_time, "it is paid already");

    let own = store::mails::own();
    let fails = shop.db.transact(&own, (), move |tx, _| async move {
        let mut record = Record::lock(&tx, id, Scope::All).await?;
        record.apply(Event::Ship, "")?;
        record.save().await?;
        Err::<(), _>(Error::LeaseLost)
    });
    fails.await.unwrap_err();
    assert_eq!(told(&shop.mails().await), [(placed.as_str(), 0)], "what did not happen is not told");
    shop.change(id, |record| record.apply(Event::Ship, "").unwrap()).await;
    shop.change(id, |record| record.apply(Event::Deliver, "").unwrap()).await;
    let shipped = format!("shipped.{id}.4");
    assert_eq!(told(&shop.mails().await), [(placed.as_str(), 0), (shipped.as_str(), 0)]);
}

#[tokio::test]
async fn what_was_never_placed_is_not_told() {
    let shop = Shop::open().await;
    shop.order(UserId::new(), vec![line(ArticleId::new(), "x", 1)], State::Cancelled).await;
    assert_eq!(told(&shop.mails().await), []);
    let id = shop.waiting().await;
    shop.change(id, |record| record.apply(Event::Reopen, "").unwrap()).await;
    shop.cancel(id).await;
    assert_eq!(told(&shop.mails().await), [(format!("placed.{id}.2").as_str(), 0)]);
}

#[tokio::test]
async fn a_placed_order_is_told_a_moment_later_or_once_it_is_paid() {
    let shop = Shop::open().await;
    let (id, other) = (shop.waiting().await, shop.waiting().await);
    for mail in shop.mails().await {
        assert!(mail.next_try > mail.create_time);
    }
    // A sender that has taken the mail has it as it needs it.
    let later = Time(i64::MAX);
    for (order, claim) in [(id, ""), (other, "taken")] {
        let mut update = Query::update();
        update.table("order_mails").value("next_try", later.0).value("claim", claim);
        update.and_where(Expr::col("order_id").eq(order));
        shop.db.read().execute(&update).await.unwrap();
        shop.change(order, |record| record.apply(Event::Pay, "").unwrap()).await;
    }
    for mail in shop.mails().await {
        assert_eq!(mail.next_try == later, mail.order_id == other);
    }
}

#[tokio::test]
async fn each_refund_is_told_once_by_what_is_new_of_it() {
    let shop = Shop::open().await;
    let order = shop.paid().await;
    let payment = shop.payment(order).await;
    // The third is older than what is known, the fourth known already; the fifth says that one failed after all.
    for (minor, at) in [(0, 1), (250, 2), (125, 1), (250, 3), (0, 4), (250, 5), (1_000, 6)] {
        shop.refunded(order, payment, minor, at).await;
    }
    let mails = shop.mails().await;
    let (first, second) = (format!("refunded.{payment}.250"), format!("refunded.{payment}.1000"));
    let mut expected = vec![(first.as_str(), 250), (second.as_str(), 750)];
    expected.sort_unstable();
    assert_eq!(told(&mails)[1..], expected);
    assert!(mails[1..].iter().all(|mail| mail.kind == MailKind::Refunded && mail.currency.is_some()));
}

#[tokio::test]
async fn what_was_not_followed_before_the_upgrade_is_told_once() {
    for database in Database::of_each_kind(Role::Order).await {
        let shop = Shop::before_on(database, BEFORE).await;
        what_was_not_followed_is_told_once(&shop).await;
    }
}

/// Has the feed tell of orders as it did then: by the events of their histories.
async fn told_by_history(shop: &Shop) {
    let db = shop.db.read();
    let mut gone = Query::delete();
    gone.from_table("outbox").and_where(Expr::col("kind").eq(OrderChanged::full_name()));
    db.execute(&gone).await.unwrap();
    let history = event::Entity::find().order_by_asc(event::Column::OrderId);
    let history = history.order_by_asc(event::Column::Sequence).all(db).await.unwrap();
    let rows = history.iter().map(|event| {
        let told = crate::api::render::event(event);
        vec![
            ("aggregate_id", told.order_id.clone().into()),
            ("kind", OrderEvent::full_name().into()),
            ("data", told.encode_to_vec().into()),
            ("create_time", event.create_time.0.into()),
        ]
    });
    insert(db, "outbox", rows).await;
}

async fn what_was_not_followed_is_told_once(shop: &Shop) {
    let (told_before, new) = (shop.paid().await, shop.paid().await);
    let payment = shop.payment(new).await;
    shop.refunded(new, payment, 250, 2).await;
    shop.change(new, |record| record.apply(Event::Ship, "").unwrap()).await;
    let expected: Vec<_> = shop.mails().await;
    assert_eq!(expected.len(), 4);
    // As the version before left it: its follower had told of one order, and not come to write its position.
    for mail in expected.iter().filter(|mail| mail.order_id != told_before) {
        mail::Entity::delete_by_id(mail.id.clone()).exec(shop.db.read()).await.unwrap();
    }
    for source in ["payment/mail", "payment"] {
        let row = vec![("source", source.into()), ("position", 0i64.into())];
        insert(shop.db.read(), "feed_cursor", [row]).await;
    }

    told_by_history(shop).await;

    shop.db.migrate::<Migrator>().await.unwrap();
    let mails = shop.mails().await;
    assert_eq!(told(&mails), told(&expected));
    for (mail, expected) in mails.iter().zip(&expected) {
        assert_eq!((mail.kind, mail.order_id), (expected.kind, expected.order_id));
        assert_eq!(
            (mail.payment_id, mail.currency.clone()),
            (expected.payment_id, expected.currency.clone())
        );
        assert_eq!(mail.create_time, expected.create_time);
    }
    let mut cursors = Query::select();
    cursors.column("source").from("feed_cursor");
    let cursors = shop.db.read().query_all(&cursors).await.unwrap();
    let sources: Vec<String> = cursors.iter().map(|row| row.try_get("", "source").unwrap()).collect();
    assert_eq!(sources, ["payment"], "nobody follows for mails any more");
}

#[tokio::test]
async fn what_was_followed_before_the_upgrade_is_not_told_again() {
    let shop = Shop::before(BEFORE).await;
    shop.paid().await;
    // Dropped from the table, so that it would be seen if it were told again.
    mail::Entity::delete_many().exec(shop.db.read()).await.unwrap();
    shop.db.read().execute_unprepared("UPDATE outbox SET position = id").await.unwrap();
    let followed = "UPDATE feed_cursor SET position = 1000 WHERE source = 'order/mail'";
    shop.db.read().execute_unprepared(followed).await.unwrap();
    shop.db.migrate::<Migrator>().await.unwrap();
    assert_eq!(shop.mails().await.len(), 0);
}
