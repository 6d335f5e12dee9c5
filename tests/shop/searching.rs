//! Search: what people type finds what they mean, in every language and the same everywhere.

use contracts::{
    article::{Article, CreateArticleRequest, ListArticlesRequest, UpdateArticleRequest},
    order::{CountOrdersRequest, ListOrdersRequest, Order, OrderState, ShipOrderRequest},
    user::{CreateUserRequest, DeleteUserRequest, ListUsersRequest, UpdateUserRequest, User},
};
use prost_types::FieldMask;

use crate::audit::tamper;
use crate::support::{
    Code, Mesh, Refused, Setup, Shopper, eur,
    shop::{PASSWORD, registration},
};

on_every_database!(
    what_is_typed_finds_what_is_meant_and_nothing_else,
    users_are_found_by_any_word_and_an_exact_one_comes_first,
    orders_are_found_by_number_customer_and_tracking_code,
    what_is_to_be_shipped_is_counted_and_the_oldest_comes_first,
);

tests!(a_name_that_thousands_have_finds_their_orders);

on_both_edges!(what_is_to_be_shipped_is_counted_and_the_oldest_comes_first);

/// Articles with these names, by their codes.
async fn stock_up(staff: &Shopper, names: &[(&str, &str)]) {
    for (code, name) in names {
        let article = Article {
            code: (*code).into(),
            name: (*name).into(),
            price: Some(eur(100)),
            active: true,
            ..Default::default()
        };
        staff.create_article(CreateArticleRequest { article: Some(article) }).await.unwrap();
    }
}

async fn found(staff: &Shopper, query: &str) -> Vec<String> {
    let request = ListArticlesRequest { query: query.into(), ..Default::default() };
    let articles = staff.list_articles(request).await.unwrap().body.articles;
    articles.into_iter().map(|article| article.code).collect()
}

/// Covers: article.search.
async fn what_is_typed_finds_what_is_meant_and_nothing_else(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    stock_up(
        &staff,
        &[
            ("TEA-1", "Plain"),
            ("router", "Wi-Fi router"),
            ("cheese", "Käse aus den Alpen"),
            ("pot", "Teapot"),
            ("jam", "Berry jam"),
            ("knife", "Sharp knives"),
            ("ja", "有機緑茶ｾｯﾄ"),
            ("glass", "ガラスのコップ"),
            ("ka", "か"),
            ("zh", "绿茶叶礼盒"),
            ("ko", "유기농녹차세트"),
            ("th", "ใบชาเขียว"),
            ("white", "ผ้าสีขาว"),
            ("vi", "Phở đũa"),
            ("el", "Οδός"),
            ("tr", "İSTANBUL ılık"),
            ("ar", "كِتَابٌ"),
            ("he", "שָׁלוֹם"),
            ("ru", "Ёлка"),
            ("hi", "हिन्दी"),
            ("soft", "butter\u{AD}milk"),
            ("de", "Straße, Gläser"),
            ("book", "Buch"),
            ("4006381003939", "Pencil"),
            ("router-6", "Wi-Fi 6"),
            ("phone", "iPhone 15 Pro"),
            ("frame", "Frame 40×60 cm"),
            ("korea", "홍삼 세트"),
            ("bread", "Pão"),
            ("cup", "Чашка"),
        ],
    )
    .await;
    for (query, expected) in [
        ("TEA1", &["TEA-1"][..]),
        ("tea-1", &["TEA-1"]),
        ("tea_1", &["TEA-1"]),
        ("tea 1", &["TEA-1"]),
        ("wifi", &["router", "router-6"]),
        ("wi-fi", &["router", "router-6"]),
        ("kaese", &["cheese"]),
        ("kase", &["cheese"]),
        ("KÄSE", &["cheese"]),
        ("Ka\u{308}se", &["cheese"]),
        ("teapots", &["pot"]),
        ("berries", &["jam"]),
        ("knife", &["knife"]),
        ("緑茶", &["ja"]),
        ("茶", &["ja", "zh"]),
        ("せっと", &["ja"]),
        ("が", &["glass"]),
        ("か", &["ka"]),
        ("茶叶", &["zh"]),
        ("녹차", &["ko"]),
        ("ชา", &["th"]),
        ("ข้าว", &[]),
        ("pho dua", &["vi"]),
        ("ΟΔΟΣ", &["el"]),
        ("istanbul ilik", &["tr"]),
        ("كتاب", &["ar"]),
        ("שלום", &["he"]),
        ("елка", &["ru"]),
        ("हिन्दी", &["hi"]),
        ("हन", &[]),
        ("buttermilk", &["soft"]),
        ("butter\u{200B}milk", &["soft"]),
        ("STRASSE glas", &["de"]),
        ("buecher", &["book"]),
        ("4 006381 003939", &["4006381003939"]),
        ("wifi6", &["router-6"]),
        ("iphone15pro", &["phone"]),
        ("40x60", &["frame"]),
        ("홍삼세트", &["korea"]),
        ("pães", &["bread"]),
        ("чашки", &["cup"]),
        ("tea2", &[]),
        ("茶緑", &[]),
    ] {
        assert_eq!(found(&staff, query).await, expected, "{query}");
    }
    // By name, words are looked for on the way.
    let by_name =
        ListArticlesRequest { query: "berries".into(), order_by: "name".into(), ..Default::default() };
    assert_eq!(staff.list_articles(by_name).await.unwrap().articles[0].code, "jam");
    let id = staff.list_articles(ListArticlesRequest { query: "TEA1".into(), ..Default::default() });
    let article =
        Article { id: id.await.unwrap().articles[0].id.clone(), code: "T.2".into(), ..Default::default() };
    let mask = Some(FieldMask { paths: vec!["code".into()] });
    staff.update_article(UpdateArticleRequest { article: Some(article), update_mask: mask }).await.unwrap();
    assert_eq!((found(&staff, "tea1").await, found(&staff, "t2").await), (vec![], vec!["T.2".to_owned()]));
}

/// Covers: user.search.
async fn users_are_found_by_any_word_and_an_exact_one_comes_first(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let register = async |username: &str, first: &str, last: &str, email: &str| {
        let request = CreateUserRequest {
            first_name: first.into(),
            last_name: last.into(),
            email: email.into(),
            ..registration(username)
        };
        mesh.client().create_user(request).await.unwrap().body
    };
    let anna = register("anna", "Maria Luísa", "Müller-Öztürk", "m@first.example").await;
    for number in 0..11 {
        register(&format!("anna{number:02}"), "Bob", "Smith", &format!("bob{number:02}@other.example")).await;
    }
    let kenji = register("kenji", "健二", "山田太郎", "kenji.yamada@post.example").await;
    for (username, first, last) in
        [("chul", "철수", "김"), ("taro", "太郎", "山本"), ("ming", "小明", "王"), ("som", "สมชาย", "ใจดี")]
    {
        register(username, first, last, &format!("{username}@east.example")).await;
    }
    let list = async |query: &str, page_size: i32| {
        let mut request = ListUsersRequest { query: query.into(), page_size, ..Default::default() };
        let mut names = Vec::new();
        loop {
            let page = staff.list_users(request.clone()).await.unwrap().body;
            names.extend(page.users.into_iter().map(|user| user.username));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return names;
            }
        }
    };
    let others = (0..11).rev().map(|number| format!("anna{number:02}"));
    let expected: Vec<String> = ["anna".to_owned()].into_iter().chain(others).collect();
    for page_size in [1, 5, 50] {
        assert_eq!(list(" ANNA ", page_size).await, expected, "the exact one first, each once");
    }
    for (query, expected) in [
        ("luisa", &["anna"][..]),
        ("mueller", &["anna"]),
        ("ozturk maria", &["anna"]),
        ("mulleroz", &["anna"]),
        ("M@FIRST.example", &["anna"]),
        ("yamada", &["kenji"]),
        ("太郎", &["taro", "kenji"]),
        ("post.example", &["kenji"]),
        // Names as one, as they are written there.
        ("김철수", &["chul"]),
        ("김 철수", &["chul"]),
        ("山本太郎", &["taro"]),
        ("太郎山本", &["taro"]),
        ("王小明", &["ming"]),
        ("สมชายใจดี", &["som"]),
        ("ใจดีสมชาย", &["som"]),
        ("王철수", &[]),
        ("smiths bob07", &["anna07"]),
        ("luisa smith", &[]),
        ("%", &[]),
    ] {
        assert_eq!(list(query, 50).await, expected, "{query}");
    }
    let user = User { id: kenji.id.clone(), last_name: "Suzuki".into(), ..Default::default() };
    staff.update_user(UpdateUserRequest { user: Some(user), update_mask: None }).await.unwrap();
    let one = |name: &str| vec![name.to_owned()];
    assert_eq!((list("太郎", 50).await, list("suzuki", 50).await), (one("taro"), one("kenji")));
    staff.delete_user(DeleteUserRequest { id: anna.id, etag: String::new() }).await.unwrap();
    assert_eq!(list("luisa", 50).await, Vec::<String>::new());
}

/// Somebody with a name.
async fn customer(mesh: &Mesh, username: &str, first: &str, last: &str, email: &str) -> Shopper {
    let request = CreateUserRequest {
        first_name: first.into(),
        last_name: last.into(),
        email: email.into(),
        ..registration(username)
    };
    mesh.client().create_user(request).await.unwrap();
    mesh.client().sign_in_as(username, PASSWORD).await.unwrap()
}

/// Covers: order.search.
async fn orders_are_found_by_number_customer_and_tracking_code(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 100).await;
    let buy = async |who: &Shopper| who.order(&article.id, 1, "sim_approve").await.unwrap().body;
    let anna = customer(&mesh, "anna", "Luísa", "Müller", "luisa@first.example").await;
    let kenji = customer(&mesh, "kenji", "健二", "山田太郎", "kenji.yamada@post.example").await;
    let (of_anna, of_kenji, again) = (buy(&anna).await, buy(&kenji).await, buy(&kenji).await);
    for number in 0..10 {
        let email = format!("bob{number}@other.example");
        buy(&customer(&mesh, &format!("anna{number}"), "Bob", "Smith", &email).await).await;
    }
    assert_eq!(of_anna.number, of_anna.id[of_anna.id.len() - 8..].to_uppercase());
    assert_eq!(anna.see(&of_anna.id).await.number, of_anna.number);
    let ship = ShipOrderRequest {
        id: of_kenji.id.clone(),
        carrier: "CTT".into(),
        tracking_code: "RR-123 456 785-PT".into(),
        ..Default::default()
    };
    staff.ship_order(ship).await.unwrap();
    let found = async |query: &str, page_size: i32| {
        let mut request = ListOrdersRequest { query: query.into(), page_size, ..Default::default() };
        let mut numbers = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            numbers.extend(page.orders.into_iter().map(|order| order.number));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return numbers;
            }
        }
    };
    let both = [&*again.number, &*of_kenji.number];
    for (query, expected) in [
        (of_anna.number.as_str(), &[&*of_anna.number][..]),
        (&of_anna.number.to_lowercase(), &[&of_anna.number]),
        (&format!(" #{} ", of_anna.number), &[&of_anna.number]),
        (&of_anna.id, &[&of_anna.number]),
        // Exactly she, though ten others begin so.
        ("Anna", &[&of_anna.number]),
        ("LUISA@first.EXAMPLE", &[&of_anna.number]),
        ("luisa", &[&of_anna.number]),
        ("mueller", &[&of_anna.number]),
        ("kenji", &both),
        ("太郎", &both),
        ("山田太郎健二", &both),
        ("健二山田太郎", &both),
        ("yamada post", &both),
        ("RR123456785PT", &[&of_kenji.number]),
        ("rr-123456", &[&of_kenji.number]),
        ("luisa yamada", &[]),
        ("nobody", &[]),
        ("%", &[]),
    ] {
        assert_eq!(found(query, 1).await, expected, "{query}");
        assert_eq!(found(query, 50).await, expected, "{query}");
    }
    assert_eq!(found("smith", 3).await.len(), 10);
    let paid = ListOrdersRequest {
        query: "kenji".into(),
        state: vec![OrderState::Paid.into()],
        order_by: "place_time".into(),
        ..Default::default()
    };
    assert_eq!(staff.list_orders(paid).await.unwrap().orders[0].id, again.id);

    let query = ListOrdersRequest { query: of_anna.number.clone(), ..Default::default() };
    anna.list_orders(query).await.denied();
    // Who is gone is not found by her name, only her order by its number.
    staff.delete_user(DeleteUserRequest { id: anna.user.id.clone(), etag: String::new() }).await.unwrap();
    assert_eq!(found("luisa", 50).await, Vec::<String>::new());
    assert_eq!(found(&of_anna.number, 50).await, [of_anna.number.as_str()]);
}

/// Covers: order.search.
async fn a_name_that_thousands_have_finds_their_orders(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let article = staff.stocked(eur(100), 100).await;
    let mut placed = Vec::new();
    let maria = customer(&mesh, "mia", "Maria", "Silva", "mia@first.example").await;
    let other = customer(&mesh, "mary", "Mária", "Costa", "mary@first.example").await;
    let bob = customer(&mesh, "bob", "Bob", "Smith", "bob@first.example").await;
    for who in [&maria, &bob, &other, &maria, &bob] {
        placed.push(who.order(&article.id, 1, "sim_approve").await.unwrap().body);
    }
    // Bob's last one is found by its tracking code.
    let (id, tracking_code) = (placed[4].id.clone(), "MARIA-77".to_owned());
    staff.ship_order(ShipOrderRequest { id, tracking_code, ..Default::default() }).await.unwrap();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2001) \
        INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, first_name, \
        first_name_folded, last_name, last_name_folded, customer, staff, admin, disabled, token_version, version, \
        create_time, update_time) \
        SELECT randomblob(16), 'many' || i, 'many' || i, 'many' || i || '@x.example', 'many' || i || '@x.example', \
        password_hash, first_name, first_name_folded, last_name, last_name_folded, customer, staff, admin, disabled, \
        token_version, version, create_time, update_time FROM users, n WHERE username = 'mia'";
    tamper(&mesh, "user", many).await;
    let words = "INSERT INTO user_words (user_id, word) \
        SELECT id, 'maria' FROM users WHERE username LIKE 'many%'";
    tamper(&mesh, "user", words).await;

    let found = async |mut request: ListOrdersRequest| {
        let mut ids = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            ids.extend(page.orders.into_iter().map(|order| order.id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return ids;
            }
        }
    };
    let ids = |numbers: &[usize]| numbers.iter().map(|number| placed[*number].id.clone()).collect::<Vec<_>>();
    for page_size in [1, 50] {
        let maria = ListOrdersRequest { query: "maria".into(), page_size, ..Default::default() };
        assert_eq!(found(maria.clone()).await, ids(&[4, 3, 2, 0]));
        let oldest_first = ListOrdersRequest { order_by: "place_time".into(), ..maria.clone() };
        assert_eq!(found(oldest_first).await, ids(&[0, 2, 3, 4]));
        let to_ship = ListOrdersRequest { to_ship: true, ..maria };
        assert_eq!(found(to_ship).await, ids(&[3, 2, 0]));
    }
}

/// Covers: order.search.
async fn what_is_to_be_shipped_is_counted_and_the_oldest_comes_first(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada, bob) = (mesh.admin().await, mesh.shopper().await, mesh.shopper().await);
    let article = staff.stocked(eur(100), 100).await;
    // Begun first, but placed last.
    let basket = ada.add(&article.id, 1).await.unwrap().body.id;
    let mut placed: Vec<Order> = Vec::new();
    for _ in 0..7 {
        placed.push(bob.order(&article.id, 1, "sim_approve").await.unwrap().body);
    }
    placed.push(ada.pay(&basket, "sim_approve").await.unwrap().body);
    let mut ids: Vec<String> = placed.into_iter().map(|order| order.id).collect();
    let shipped = ids.remove(3);
    staff.ship_order(ShipOrderRequest { id: shipped.clone(), ..Default::default() }).await.unwrap();
    bob.add(&article.id, 1).await.unwrap();

    let list = async |order_by: &str, state: &[OrderState]| {
        let mut request = ListOrdersRequest {
            order_by: order_by.into(),
            state: state.iter().map(|state| (*state).into()).collect(),
            page_size: 2,
            ..Default::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = staff.list_orders(request.clone()).await.unwrap().body;
            ids.extend(page.orders.into_iter().map(|order| order.id));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return ids;
            }
        }
    };
    assert_eq!(list("place_time", &[OrderState::Paid]).await, ids);
    let newest: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(list("place_time desc", &[OrderState::Paid]).await, newest);
    let mut all = ids.clone();
    all.insert(3, shipped);
    assert_eq!(list("place_time", &[OrderState::Paid, OrderState::Shipped]).await, all);
    assert_eq!(list("place_time", &[]).await, all, "without baskets");
    let count = async |state: &[OrderState]| {
        let state = state.iter().map(|state| (*state).into()).collect();
        staff.count_orders(CountOrdersRequest { state, to_ship: false }).await.unwrap().count
    };
    assert_eq!(count(&[OrderState::Paid]).await, 7);
    assert_eq!(count(&[OrderState::Paid, OrderState::Open]).await, 8);
    assert_eq!(count(&[]).await, 9);
    assert_eq!(list("", &[]).await.len(), 9);
    let bad = ListOrdersRequest { order_by: "total".into(), ..Default::default() };
    staff.list_orders(bad).await.names("order_by");
    bob.count_orders(CountOrdersRequest::default()).await.denied();
    let owing = ListOrdersRequest { owing: true, ..Default::default() };
    assert_eq!(staff.list_orders(owing.clone()).await.unwrap().orders, []);
    bob.list_orders(owing).await.refused(Code::PermissionDenied, "PERMISSION_DENIED");
}
