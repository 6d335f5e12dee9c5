//! Search: what people type finds what they mean, in every language and the same everywhere.

mod orders;

use contracts::{
    article::{Article, CreateArticleRequest, ListArticlesRequest, UpdateArticleRequest},
    user::{CreateUserRequest, DeleteUserRequest, ListUsersRequest, UpdateUserRequest, User},
};
use prost_types::FieldMask;

use crate::support::{Setup, Shopper, eur, shop::registration};

on_every_database!(
    what_is_typed_finds_what_is_meant_and_nothing_else,
    users_are_found_by_any_word_and_an_exact_one_comes_first,
);

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
