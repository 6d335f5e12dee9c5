//! How many statements and transactions each call costs on PostgreSQL, exactly: `tests/STATEMENTS.md`.

mod page;
mod work;

use std::time::{Duration, Instant};

use contracts::{
    article::{BatchGetArticlesRequest, GetArticleRequest, ListArticlesRequest, get_article_request::Key},
    order::{
        CreateOrderRequest, GetOpenOrderRequest, GetOrderRequest, ListOrdersRequest, OrderLine, OrderState,
        checkout_request, create_order_request,
    },
    user::ListAddressesRequest,
};
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, TransactionTrait};

use self::{
    page::Cost,
    work::{Account, Work},
};
use crate::support::{
    Mesh, Setup, databases::ROLES, eur, shop::checkout, shop::unique, until, wait::PATIENCE,
};

each!(on_postgres: Setup::default().tapped(); what_each_call_costs);

/// How long nothing may happen until it counts as done.
const QUIET: Duration = Duration::from_millis(300);

/// Has no mail that is stored from now on be due.
const KEEP: [&str; 2] = [
    "CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql \
     AS 'BEGIN NEW.next_try := 9000000000000000000; RETURN NEW; END'",
    "CREATE TRIGGER keep BEFORE INSERT ON order_mails FOR EACH ROW EXECUTE FUNCTION keep()",
];
/// Has those that were kept sent.
const SEND: [&str; 2] =
    ["DROP TRIGGER keep ON order_mails", "UPDATE order_mails SET next_try = create_time WHERE state = 1"];

/// What is done with the result; `FEIRA_STATEMENTS`.
#[allow(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
fn wanted(what: &str) -> bool {
    std::env::var("FEIRA_STATEMENTS").is_ok_and(|wanted| wanted == what)
}

/// Counts what calls cost.
struct Meter {
    mesh: Mesh,
    costs: Vec<Cost>,
}

impl Meter {
    /// What began after the first so many statements, but for what is done at its time.
    fn since(&self, count: usize) -> Vec<Work> {
        let all = work::sorted(&self.mesh.tap().since(0));
        all.into_iter().filter(|work| work.begun >= count && work.account() != Account::Time).collect()
    }

    /// Waits until nothing more comes of what was called.
    async fn until_quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count = self.mesh.tap().count();
            tokio::time::sleep(QUIET).await;
            let more = self.since(count);
            if more.is_empty() {
                return;
            }
            let lines = || more.iter().flat_map(Work::lines).collect::<Vec<_>>().join("\n");
            assert!(Instant::now() < deadline, "it goes on and on; what is done at its time?\n{}", lines());
        }
    }

    /// Waits until all events are numbered and followed, and all mails are done with.
    async fn until_rest(&self) {
        let waiting = [
            ("SELECT count(*)::text FROM outbox WHERE position IS NULL", &ROLES[..]),
            ("SELECT count(*)::text FROM order_mails WHERE state = 1", &["order"][..]),
        ];
        until("all events are numbered, all mails sent", || async {
            for (query, roles) in waiting {
                for role in roles {
                    if self.mesh.ask(role, query).await != ["0"] {
                        return None;
                    }
                }
            }
            Some(())
        })
        .await;
        self.until_quiet().await;
    }

    /// Says for how long mails are not sent.
    async fn keep_mails(&self, statements: &[&str]) {
        let connection = Database::connect(self.mesh.database_url("order")).await.unwrap();
        for statement in statements {
            connection.execute_unprepared(statement).await.unwrap();
        }
    }

    /// Keeps events from being numbered, so that nobody follows them, and mails from being due.
    async fn hold(&self) -> Vec<DatabaseTransaction> {
        self.keep_mails(&KEEP).await;
        let mut held = Vec::new();
        for role in ROLES {
            let connection = Database::connect(self.mesh.database_url(role)).await.unwrap();
            let hold = connection.begin().await.unwrap();
            hold.execute_unprepared("SELECT position FROM feed_head FOR UPDATE").await.unwrap();
            held.push(hold);
        }
        held
    }

    /// What a call costs by itself, once what it needs is there; and with `most`, that no more statements than that
    /// come of it when others follow its events.
    async fn measure<T>(
        &mut self,
        name: &'static str,
        most: Option<usize>,
        prepare: impl AsyncFn() -> T,
        call: impl AsyncFn(T),
    ) {
        // The first time it may cost more: somebody has to learn something.
        call(prepare().await).await;
        if let Some(most) = most {
            let prepared = prepare().await;
            self.until_rest().await;
            let count = self.mesh.tap().count();
            call(prepared).await;
            self.until_rest().await;
            let all = self.since(count);
            let statements = all.iter().map(|work| work.texts.len()).sum::<usize>();
            tell(&format!("{name}, with what follows"), &all);
            assert!(
                statements <= most,
                "{name}: {statements} statements with what follows, more than {most}"
            );
        }
        let prepared = prepare().await;
        self.until_rest().await;
        let held = self.hold().await;
        let count = self.mesh.tap().count();
        call(prepared).await;
        self.until_quiet().await;
        let mut done = self.since(count);
        done.retain(|work| work.account() != Account::Feed);
        for hold in held {
            hold.rollback().await.unwrap();
        }
        self.keep_mails(&SEND).await;
        tell(name, &done);
        self.costs.push(Cost::of(name, &done, most));
    }
}

/// Prints statements where that is asked for.
fn tell(name: &str, done: &[Work]) {
    if wanted("print") {
        let lines = done.iter().flat_map(Work::lines).collect::<Vec<_>>();
        let transactions = done.iter().filter(|work| work.is_transaction()).count();
        eprintln!("\n{name}: {} / {transactions}\n{}", lines.len(), lines.join("\n"));
    }
}

/// The page `tests/STATEMENTS.md` is right.
///
/// Covers: mesh.databases.
async fn what_each_call_costs(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let mut articles = Vec::new();
    for _ in 0..50 {
        articles.push(staff.stocked(eur(100), 1000).await);
    }
    let addresses = ListAddressesRequest { user_id: "me".into(), ..Default::default() };
    let address = ada.list_addresses(addresses).await.unwrap().addresses[0].id.clone();
    let line = |number: usize| OrderLine { article_id: articles[number].id.clone(), quantity: 1 };
    let order = || CreateOrderRequest {
        lines: vec![line(0), line(1)],
        destination: Some(create_order_request::Destination::AddressId(address.clone())),
        payment_method: "sim_approve".into(),
        ..Default::default()
    };
    let mut meter = Meter { mesh, costs: Vec::new() };
    let nothing = async || ();

    meter
        .measure("`CreateOrder`, two lines, PAID", Some(120), nothing, async |()| {
            assert_eq!(ada.create_order(order()).await.unwrap().state(), OrderState::Paid);
        })
        .await;
    meter
        .measure("the same with an idempotency key", Some(120), nothing, async |()| {
            let keyed = ada.keyed(&format!("order-{}", unique()));
            assert_eq!(keyed.create_order(order()).await.unwrap().state(), OrderState::Paid);
        })
        .await;
    let basket = async || {
        ada.add(&articles[0].id, 1).await.unwrap();
        ada.add(&articles[1].id, 1).await.unwrap().body.id
    };
    let pay = |id: String| {
        let destination = Some(checkout_request::Destination::AddressId(address.clone()));
        contracts::order::CheckoutRequest { destination, ..checkout(&id, "sim_approve") }
    };
    meter
        .measure("`Checkout`, two lines, PAID", Some(120), basket, async |id| {
            assert_eq!(ada.checkout(pay(id)).await.unwrap().state(), OrderState::Paid);
        })
        .await;
    let emptied = async || {
        if let Ok(order) = ada.get_open_order(GetOpenOrderRequest {}).await {
            ada.cancel(&order.id).await.unwrap();
        }
    };
    meter
        .measure("`AddLine`, the first", Some(30), emptied, async |()| {
            ada.add(&articles[0].id, 1).await.unwrap();
        })
        .await;
    let begun = async || {
        emptied().await;
        ada.add(&articles[0].id, 1).await.unwrap();
    };
    meter
        .measure("`AddLine`, the second", Some(30), begun, async |()| {
            ada.add(&articles[1].id, 1).await.unwrap();
        })
        .await;
    meter
        .measure("`GetArticle`, by id", None, nothing, async |()| {
            ada.article(&articles[3].id).await.unwrap();
        })
        .await;
    meter
        .measure("`GetArticle`, by code", None, nothing, async |()| {
            let key = Some(Key::Code(articles[3].code.clone()));
            ada.get_article(GetArticleRequest { key }).await.unwrap();
        })
        .await;
    meter
        .measure("`BatchGetArticles`, ten", None, nothing, async |()| {
            let ids = articles[..10].iter().map(|it| it.id.clone()).collect();
            ada.batch_get_articles(BatchGetArticlesRequest { ids }).await.unwrap();
        })
        .await;
    meter
        .measure("`ListArticles`, 50", None, nothing, async |()| {
            let listed = ada.list_articles(ListArticlesRequest::default()).await.unwrap();
            assert_eq!(listed.articles.len(), 50);
        })
        .await;
    meter
        .measure("`ListArticles`, a search", None, nothing, async |()| {
            let search = ListArticlesRequest { query: "article".into(), ..Default::default() };
            assert_eq!(ada.list_articles(search).await.unwrap().articles.len(), 50);
        })
        .await;
    let placed = ada.create_order(order()).await.unwrap().body.id;
    meter
        .measure("`GetOrder`, two lines", None, nothing, async |()| {
            ada.get_order(GetOrderRequest { id: placed.clone() }).await.unwrap();
        })
        .await;
    meter
        .measure("`GetOpenOrder`, two lines", None, nothing, async |()| {
            ada.get_open_order(GetOpenOrderRequest {}).await.unwrap();
        })
        .await;
    meter
        .measure("`ListOrders`, her own", None, nothing, async |()| {
            ada.list_orders(ListOrdersRequest::default()).await.unwrap();
        })
        .await;
    page::compare(&meter.costs, wanted("write"));
}
