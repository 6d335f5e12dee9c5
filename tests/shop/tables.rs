//! Articles in and out as spreadsheets have them.

use contracts::article::{
    Article, ImportArticlesResponse, ListStockMovementsRequest, StockReason, UpdateArticleRequest,
};

use crate::support::{Client, Refused, Reply, Setup, eur, files};

tests!(
    numbers_that_could_mean_two_things_are_refused,
    a_table_is_taken_as_spreadsheets_save_it,
    an_export_is_written_as_it_is_asked_for,
    no_cell_of_an_export_is_a_formula_and_all_come_back,
);
on_both_edges!(a_description_has_lines,);
on_every_database!(a_stock_take_corrects_the_books,);

async fn table(staff: &Client, text: impl Into<reqwest::Body>) -> ImportArticlesResponse {
    let outcome = files::json::<ImportArticlesResponse>(staff.import_text("text/csv", text).await);
    outcome.unwrap().body
}

/// Created, updated, unchanged, failed.
fn counts(answer: &ImportArticlesResponse) -> [i64; 4] {
    [answer.created, answer.updated, answer.unchanged, answer.failed]
}

async fn all(staff: &Client) -> Vec<Article> {
    staff.export_articles(Default::default()).await.unwrap()
}

async fn export(staff: &Client, accept: &str, query: &str) -> Reply {
    staff.http().with("accept", accept).get(&format!("/v1/articles:export{query}")).await
}

/// Covers: article.import, article.price.
async fn numbers_that_could_mean_two_things_are_refused(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let prices = [
        ("1.250", "EUR"),
        ("1,250", "EUR"),
        ("12,000", "JPY"),
        ("1.0", "JPY"),
        ("1'250.00", "CHF"),
        ("1 250", "EUR"),
        ("1\u{202f}250,00", "EUR"),
        ("1.2500", "KWD"),
    ];
    let mut text = "code;name;price.amount;price.currencyCode\n".to_owned();
    for (place, (amount, currency)) in prices.iter().enumerate() {
        text += &format!("P-{place};x;{amount};{currency}\n");
    }
    let answer = table(&staff, text).await;
    assert_eq!(counts(&answer), [0, 0, 0, prices.len() as i64]);
    for error in &answer.errors {
        let violation = &error.violations[0];
        assert_eq!(violation.field, "price.amount");
        assert!(violation.description.contains("thousands separator"), "{violation:?}");
    }
    for column in ["received", "counted", "taxRateBasisPoints", "lowStockThreshold", "price.units"] {
        for cell in ["1.000", "1,000", "1 000", "1\u{a0}000", "1'000", "2.0"] {
            let answer = table(&staff, format!("code;name;{column}\nN;x;{cell}\n")).await;
            assert_eq!(counts(&answer), [0, 0, 0, 1], "{column} {cell}");
            assert!(answer.errors[0].violations[0].description.contains("thousands separator"), "{answer:?}");
        }
    }
    let good = "code;name;price.amount;price.currencyCode\nA;x;1,25;EUR\nB;x;1.250;KWD\nC;x;12000;JPY\n";
    assert_eq!(counts(&table(&staff, good).await), [3, 0, 0, 0]);
    let prices = all(&staff).await.into_iter().map(|it| it.price.unwrap()).map(|it| (it.units, it.nanos));
    assert!(prices.eq([(1, 250_000_000), (1, 250_000_000), (12_000, 0)]));
}

/// Covers: article.import.
async fn a_table_is_taken_as_spreadsheets_save_it(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let text = "\u{feff}sep=;\r\nCODE;Name;PRICE.AMOUNT;Price.CurrencyCode;;\r\ntea-1;Tea;1,50;EUR;;\r\n";
    assert_eq!(counts(&table(&staff, text).await), [1, 0, 0, 0]);
    // A code in other case finds the article, and leaves its code as it is.
    assert_eq!(counts(&table(&staff, "code,name\nTEA-1,Green tea\n").await), [0, 1, 0, 0]);
    assert_eq!(counts(&table(&staff, "code,name\nTEA-1,Green tea\n").await), [0, 0, 1, 0]);
    let article = all(&staff).await.swap_remove(0);
    assert_eq!((article.code.as_str(), article.name.as_str()), ("tea-1", "Green tea"));
    let piped = staff.import_text("text/csv; charset=utf-8; delimiter=pipe", "code|name\nb|a,b;c\n").await;
    assert_eq!(counts(&files::json::<ImportArticlesResponse>(piped).unwrap().body), [1, 0, 0, 0]);
    assert_eq!(all(&staff).await[1].name, "a,b;c");
    let headless = staff.import_text("text/csv; header=absent", "b,x\n").await;
    headless.refused(400, "INVALID_ARGUMENT", "VALIDATION");
}

/// Covers: article.export.
async fn an_export_is_written_as_it_is_asked_for(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    table(&staff, "code,name\nA,x\n").await;
    for (accept, query, begin) in [
        ("text/csv", "", "\u{feff}id,code,name,"),
        ("text/csv; bom=none", "", "id,code,name,"),
        ("text/csv;delimiter=semicolon;header=present", "", "\u{feff}id;code;name;"),
        ("text/csv; delimiter=tab; bom=none", "", "id\tcode\tname\t"),
        ("text/csv", "?csvDelimiter=semicolon&csvBom=none", "id;code;name;"),
        ("text/csv; header=absent; bom=none", "", "art_"),
    ] {
        let reply = export(&staff, accept, query).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/csv; charset=utf-8"));
        assert!(reply.text().starts_with(begin), "{accept} {query}: {}", reply.text());
    }
    let lines = export(&staff, "application/x-ndjson", "").await;
    assert!(lines.text().starts_with("{\"result\""), "no mark before JSON");
    let refusal = export(&staff, "text/csv", "?csvDelimiter=x").await;
    assert_eq!(refusal.refused(400, "INVALID_ARGUMENT", "VALIDATION").fields, ["csvDelimiter"]);
    let document = staff.http().get("/openapi.json").await.json;
    let parameters = document["paths"]["/v1/articles:export"]["get"]["parameters"].to_string();
    assert!(parameters.contains("csvDelimiter") && parameters.contains("csvBom"), "{parameters}");
    export(&staff, "text/csv;bom=big", "").await.refused(400, "INVALID_ARGUMENT", "VALIDATION");
}

/// Covers: article.import, article.export.
async fn no_cell_of_an_export_is_a_formula_and_all_come_back(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let names = [
        "=1+1", "+1", "-1", "@x", "＝1", "＋1", "－1", "＠x", " =1", "\u{a0}=1", "'=1", "x;=1", "x,+1",
        "x|-1", "\"=1", "plain",
    ];
    for (place, name) in names.iter().enumerate() {
        let article = Article { code: format!("F-{place}"), name: (*name).to_owned(), ..Default::default() };
        let request = contracts::article::CreateArticleRequest { article: Some(article) };
        staff.create_article(request).await.unwrap();
    }
    let before = all(&staff).await;
    for (delimiter, sign) in [("comma", ','), ("semicolon", ';'), ("tab", '\t'), ("pipe", '|')] {
        let text = export(&staff, "text/csv", &format!("?csvDelimiter={delimiter}")).await.text();
        for other in [',', ';', '\t', '|'] {
            for cell in text.trim_start_matches('\u{feff}').split([other, '\r', '\n']) {
                let begin = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
                assert!(
                    !begin.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']),
                    "{sign:?}: {cell:?}"
                );
            }
        }
        assert_eq!(counts(&table(&staff, text).await), [0, 0, names.len() as i64, 0], "{delimiter}");
    }
    assert_eq!(all(&staff).await, before);
}

/// Covers: article.change.
async fn a_description_has_lines(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let made = |description: &str| Article {
        code: "A".into(),
        name: "Tea".into(),
        price: Some(eur(100)),
        description: description.into(),
        ..Default::default()
    };
    let request = |text: &str| contracts::article::CreateArticleRequest { article: Some(made(text)) };
    let article = staff.create_article(request("one\r\n- two\n\nthree")).await.unwrap().body;
    assert_eq!(article.description, "one\n- two\n\nthree");
    for bad in ["a\rb", "a\tb", "a\u{85}b", "a\u{0}b"] {
        staff.create_article(request(bad)).await.names("article.description");
    }
    let change = Article { id: article.id.clone(), description: "a\r\nb".into(), ..Default::default() };
    let update = UpdateArticleRequest { article: Some(change), update_mask: None };
    assert_eq!(staff.update_article(update).await.unwrap().description, "a\nb");
    let lines = "code,description\r\nA,\"one,\r\n- two\r\n\r\nthree\"\r\n";
    assert_eq!(counts(&table(&staff, lines).await), [0, 1, 0, 0]);
    let text = export(&staff, "text/csv", "").await.text();
    assert!(text.contains("\"one,\n'- two\n\nthree\""), "{text}");
    assert_eq!(counts(&table(&staff, text).await), [0, 0, 1, 0]);
    assert_eq!(all(&staff).await[0].description, "one,\n- two\n\nthree");
}

/// Covers: article.import, article.stock.
async fn a_stock_take_corrects_the_books(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let received = "code,name,received\nA,x,10\nB,y,5\n";
    assert_eq!(counts(&table(&staff, received).await), [2, 0, 0, 0]);
    let counted = "Code;Counted;Note\nA;8;two broken\nb;5;\nC;1;\n";
    let answer = table(&staff, counted).await;
    assert_eq!(counts(&answer), [0, 1, 1, 1]);
    assert_eq!(answer.errors[0].violations[0].field, "counted");
    assert_eq!(counts(&table(&staff, counted).await), [0, 0, 2, 1], "the same count again");
    let articles = all(&staff).await;
    let available = articles.iter().map(|article| article.available);
    assert!(available.eq([8, 5]), "{articles:?}");
    let request = ListStockMovementsRequest { article_id: articles[0].id.clone(), ..Default::default() };
    let movements = staff.list_stock_movements(request).await.unwrap().body.movements;
    assert_eq!(movements.len(), 2);
    let moved = &movements[0];
    assert_eq!((moved.reason(), moved.free_change), (StockReason::Correction, -2));
    assert_eq!(moved.note, "two broken");
}
