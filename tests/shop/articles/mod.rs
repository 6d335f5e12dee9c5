//! ArticleService and StockService.

mod lists;

use contracts::article::{
    AdjustStockRequest, Article, BatchGetArticlesRequest, CreateArticleRequest, DeleteArticleRequest,
    GetArticleRequest, GetStockRequest, ListArticlesRequest, ListStockMovementsRequest, StockReason,
    UpdateArticleRequest, get_article_request::Key,
};
use contracts::order::OrderState;
use prost_types::FieldMask;

use crate::support::{Client, Code, Outcome, Refused, Setup, eur, money, shop::unique};

on_both_edges!(
    prices_are_exact_in_every_currency,
    an_article_is_read_by_id_and_by_code_and_in_batches,
    an_article_changes_by_mask_and_never_when_stale,
    an_inactive_article_does_not_exist_for_the_public,
    a_deleted_article_is_gone_but_its_orders_go_on,
    articles_are_for_staff_to_change,
    stock_moves_for_a_reason_and_every_movement_is_kept,
);

async fn create(client: &Client, article: Article) -> Outcome<Article> {
    client.create_article(CreateArticleRequest { article: Some(article) }).await
}

async fn update(client: &Client, article: Article, mask: &[&str]) -> Outcome<Article> {
    let paths = mask.iter().map(ToString::to_string).collect::<Vec<_>>();
    let update_mask = (!paths.is_empty()).then_some(FieldMask { paths });
    client.update_article(UpdateArticleRequest { article: Some(article), update_mask }).await
}

fn article(code: &str, cents: i64) -> Article {
    let name = format!("Article {code}");
    Article { code: code.into(), name, price: Some(eur(cents)), active: true, ..Default::default() }
}

fn by_code(code: &str) -> GetArticleRequest {
    GetArticleRequest { key: Some(Key::Code(code.into())) }
}

/// Covers: article.price.
async fn prices_are_exact_in_every_currency(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    for price in
        [eur(0), eur(1), eur(1299), eur(99_999_999_999), money(1200, 0, "JPY"), money(1_234_567, 3, "KWD")]
    {
        let code = format!("P-{}", unique());
        let made = create(&staff, Article { price: Some(price.clone()), ..article(&code, 0) }).await.unwrap();
        assert_eq!(made.price, Some(price));
    }
    let wrong = |price| Article { price: Some(price), ..article("WRONG", 0) };
    for price in [
        money(1, 3, "EUR"),
        money(1, 1, "JPY"),
        eur(-1),
        money(1, 2, "XXQ"),
        money(1, 2, "eur"),
        contracts::Money { currency_code: "EUR".into(), units: 1, nanos: -10_000_000 },
        contracts::Money { currency_code: "EUR".into(), units: i64::MAX, nanos: 0 },
        contracts::Money { currency_code: "EUR".into(), units: 1, nanos: 1_000_000_000 },
    ] {
        let refusal = create(&staff, wrong(price)).await.refused(Code::InvalidArgument, "VALIDATION");
        assert!(refusal.fields.iter().any(|field| field.starts_with("article.price")), "{refusal:?}");
    }
    create(&staff, Article { price: None, ..article("WRONG", 0) }).await.names("article.price");
    let idea = Article { price: None, active: false, ..article("IDEA", 0) };
    assert_eq!(create(&staff, idea).await.unwrap().price, None);
}

/// Covers: article.by-code, article.change.
async fn an_article_is_read_by_id_and_by_code_and_in_batches(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, anybody) = (mesh.admin().await, mesh.client());
    let one = create(&staff, article("A.1_x-Y", 100)).await.unwrap().body;
    let other = create(&staff, article("B", 200)).await.unwrap().body;
    create(&staff, article("B", 300)).await.refused(Code::AlreadyExists, "ALREADY_EXISTS");
    assert_eq!(anybody.article(&one.id).await.unwrap().body, one);
    assert_eq!(anybody.get_article(by_code("A.1_x-Y")).await.unwrap().body, one);
    anybody.get_article(by_code("nothing")).await.missing();
    let ids = vec![other.id.clone(), one.id.clone()];
    let batch = anybody.batch_get_articles(BatchGetArticlesRequest { ids }).await.unwrap().body;
    assert_eq!(batch.articles, [other.clone(), one]);
    let ids = vec![other.id, "art_01h455vb4pex5vsknk084sn02q".to_owned()];
    let refusal = anybody.batch_get_articles(BatchGetArticlesRequest { ids: ids.clone() }).await.missing();
    assert_eq!(refusal.info("article_id"), ids[1]);
    anybody.batch_get_articles(BatchGetArticlesRequest { ids: vec![ids[1].clone(); 101] }).await.names("ids");
}

/// Covers: article.change, etag.
async fn an_article_changes_by_mask_and_never_when_stale(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let made = create(&staff, Article { description: "old".into(), ..article("A", 100) }).await.unwrap().body;
    let change = Article { id: made.id.clone(), name: "New".into(), available: 77, ..Default::default() };
    let changed = update(&staff, change.clone(), &[]).await.unwrap().body;
    assert_eq!((changed.name.as_str(), changed.description.as_str(), changed.available), ("New", "old", 0));
    let changed = update(&staff, change.clone(), &["description"]).await.unwrap().body;
    assert_eq!((changed.name.as_str(), changed.description.as_str()), ("New", ""));
    assert!(changed.active, "what is not named stays");
    update(&staff, change.clone(), &["nothing"]).await.names("update_mask");
    let stale = Article { etag: made.etag, name: "Newer".into(), ..change.clone() };
    update(&staff, stale, &[]).await.refused(Code::Aborted, "ETAG_MISMATCH");
    update(&staff, change.clone(), &["price"]).await.refused(Code::InvalidArgument, "VALIDATION");
    update(&staff, change, &["active", "price"]).await.unwrap();
    let whole = staff.article(&made.id).await.unwrap();
    assert_eq!((whole.active, whole.price.clone()), (false, None));
}

/// Covers: access, article.change.
async fn an_inactive_article_does_not_exist_for_the_public(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let hidden = create(&staff, Article { active: false, ..article("HIDDEN", 100) }).await.unwrap().body;
    for public in [&mesh.client(), &ada.client] {
        public.article(&hidden.id).await.missing();
        public.get_article(by_code("HIDDEN")).await.missing();
        public.batch_get_articles(BatchGetArticlesRequest { ids: vec![hidden.id.clone()] }).await.missing();
        assert!(public.list_articles(ListArticlesRequest::default()).await.unwrap().articles.is_empty());
    }
    ada.add(&hidden.id, 1).await.missing();
    ada.order(&hidden.id, 1, "").await.refused(Code::FailedPrecondition, "ARTICLE_INACTIVE");
    assert_eq!(staff.article(&hidden.id).await.unwrap().body, hidden);
    let listed =
        staff.list_articles(ListArticlesRequest { active: Some(false), ..Default::default() }).await.unwrap();
    assert_eq!(listed.articles, [hidden]);
}

/// Covers: article.change.
async fn a_deleted_article_is_gone_but_its_orders_go_on(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(1000), 5).await;
    let waiting = ada.order(&article.id, 1, "sim_decline").await.unwrap();
    ada.at_rest(&waiting.id).await;
    let paid = ada.order(&article.id, 1, "sim_approve").await.unwrap();
    ada.until(&paid.id, OrderState::Paid).await;
    let stale = DeleteArticleRequest { id: article.id.clone(), etag: "stale".into() };
    staff.delete_article(stale).await.refused(Code::Aborted, "ETAG_MISMATCH");
    staff
        .delete_article(DeleteArticleRequest { id: article.id.clone(), etag: article.etag.clone() })
        .await
        .unwrap();
    staff.article(&article.id).await.missing();
    staff
        .delete_article(DeleteArticleRequest { id: article.id.clone(), ..Default::default() })
        .await
        .missing();

    ada.pay(&waiting.id, "sim_approve").await.unwrap();
    let order = ada.until(&waiting.id, OrderState::Paid).await;
    assert_eq!(order.lines[0].code, article.code);
    assert_eq!(ada.cancel(&paid.id).await.unwrap().state(), OrderState::Cancelled);
    ada.until_payment(&ada.see(&paid.id).await.payment_id, contracts::payment::PaymentState::Refunded).await;
}

/// Covers: access.
async fn articles_are_for_staff_to_change(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, anybody) = (mesh.admin().await, mesh.shopper().await, mesh.client());
    let made = staff.stocked(eur(100), 1).await;
    let id = made.id.clone();
    create(&ada, article("MINE", 1)).await.denied();
    update(&ada, Article { id: id.clone(), price: Some(eur(1)), ..Default::default() }, &[]).await.denied();
    ada.delete_article(DeleteArticleRequest { id: id.clone(), ..Default::default() }).await.denied();
    ada.get_stock(GetStockRequest { article_id: id.clone() }).await.denied();
    ada.adjust(&id, 1, StockReason::Received).await.denied();
    let list = ListStockMovementsRequest { article_id: id, ..Default::default() };
    ada.list_stock_movements(list).await.denied();
    for filter in [
        ListArticlesRequest { active: Some(false), ..Default::default() },
        ListArticlesRequest { low_stock: Some(true), ..Default::default() },
    ] {
        ada.list_articles(filter).await.denied();
    }
    create(&anybody, article("MINE", 1)).await.refused(Code::Unauthenticated, "UNAUTHENTICATED");
    assert_eq!(staff.article(&made.id).await.unwrap().price, Some(eur(100)));
}

/// Covers: article.stock.
async fn stock_moves_for_a_reason_and_every_movement_is_kept(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 0).await;
    let id = article.id.as_str();
    let moved = async |delta, reason| staff.adjust(id, delta, reason).await;
    assert_eq!(moved(10, StockReason::Received).await.unwrap().free, 10);
    assert_eq!(moved(1, StockReason::Returned).await.unwrap().free, 11);
    assert_eq!(moved(-2, StockReason::WrittenOff).await.unwrap().free, 9);
    assert_eq!(moved(-1, StockReason::Correction).await.unwrap().free, 8);
    let refusal = moved(-9, StockReason::WrittenOff).await.refused(Code::FailedPrecondition, "OUT_OF_STOCK");
    assert_eq!((refusal.info("article_id"), refusal.info("free")), (id, "8"));
    for (delta, reason) in [
        (-1, StockReason::Received),
        (-1, StockReason::Returned),
        (1, StockReason::WrittenOff),
        (0, StockReason::Received),
    ] {
        moved(delta, reason).await.names("delta");
    }
    moved(1_000_000_001, StockReason::Received).await.names("delta");
    moved(1, StockReason::Sold).await.names("reason");
    let unknown = "art_01h455vb4pex5vsknk084sn02q".to_owned();
    staff.get_stock(GetStockRequest { article_id: unknown.clone() }).await.missing();
    let reason = StockReason::Received.into();
    let request = AdjustStockRequest { article_id: unknown, delta: 1, reason, ..Default::default() };
    staff.adjust_stock(request).await.missing();

    let order = ada.order(id, 3, "sim_approve").await.unwrap();
    ada.until(&order.id, OrderState::Paid).await;
    ada.cancel(&order.id).await.unwrap();
    staff.until_stock(id, (8, 0, 0)).await;
    let mut request = ListStockMovementsRequest { article_id: id.into(), page_size: 3, ..Default::default() };
    let mut movements = Vec::new();
    loop {
        let page = staff.list_stock_movements(request.clone()).await.unwrap().body;
        movements.extend(page.movements);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    movements.reverse();
    use StockReason::{Correction, Received, Reserved, Restocked, Returned, Sold, WrittenOff};
    let reasons = movements.iter().map(|it| it.reason()).collect::<Vec<_>>();
    assert_eq!(reasons, [Received, Returned, WrittenOff, Correction, Reserved, Sold, Restocked]);
    assert_eq!(movements.iter().map(|it| it.sequence).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(movements.iter().map(|it| it.free_change).sum::<i64>(), 8);
    assert_eq!(movements.iter().map(|it| it.reserved_change).sum::<i64>(), 0);
    assert_eq!(movements.iter().map(|it| it.sold_change).sum::<i64>(), 0);
    assert_eq!(movements[0].actor, staff.user.id);
    assert!(movements[4..].iter().all(|it| it.order_id == order.id));
}
