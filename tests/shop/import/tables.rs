//! Tables, as spreadsheets have them.

use contracts::article::{Article, ImportArticlesResponse};

use crate::support::{Setup, eur, files};

use super::{NDJSON, all, counts, import, row};

tests!(
    a_file_is_taken_with_whatever_ends_its_lines,
    an_export_is_imported_as_it_is,
    a_spreadsheet_goes_in_and_comes_out,
);

/// Covers: article.import.
async fn a_file_is_taken_with_whatever_ends_its_lines(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let lines = [
        r#"{"code":"A","name":"Chá","price":{"currencyCode":"EUR","units":"1"}}"#,
        "",
        r#"{"code":"B","nam":"x"}"#,
        "not json",
        r#"{"code":"C","name":7}"#,
        "   ",
        r#"{"code":"D","name":"Dó","low_stock_threshold":"3"}"#,
    ];
    let answer = import(&staff, format!("\u{feff}{}", lines.join("\r\n"))).await;
    assert_eq!(counts(&answer), [2, 0, 0, 3]);
    let told: Vec<_> =
        answer.errors.iter().map(|error| (error.row, error.violations[0].field.as_str())).collect();
    assert_eq!(told, [(2, "nam"), (3, ""), (4, "name")]);
    let codes: Vec<_> = answer.errors.iter().map(|error| error.code.as_str()).collect();
    assert_eq!(codes, ["B", "", "C"], "as far as it can be read");
    assert_eq!(answer.errors[0].violations[0].description, "unknown field");
    let names: Vec<_> = all(&staff).await.into_iter().map(|it| (it.name, it.low_stock_threshold)).collect();
    assert_eq!(names, [("Chá".to_owned(), 0), ("Dó".to_owned(), 3)]);
}

/// Covers: article.export.
async fn an_export_is_imported_as_it_is(setup: Setup) {
    let (mesh, other) = (setup.clone().start().await, setup.start().await);
    let (staff, elsewhere) = (mesh.admin().await, other.admin().await);
    staff.import_articles((0..40).map(row).collect()).await.unwrap();
    let export = || async { staff.http().get("/v1/articles:export").await.text() };
    let file = export().await;
    assert_eq!(counts(&import(&staff, file.clone()).await), [0, 0, 40, 0]);
    assert_eq!(export().await, file);
    assert_eq!(counts(&import(&elsewhere, file.clone()).await), [40, 0, 0, 0]);
    let alike = |article: Article| (article.code, article.name, article.price, article.active);
    let (here, there) = (all(&staff).await, all(&elsewhere).await);
    assert!(here.into_iter().map(alike).eq(there.into_iter().map(alike)));
    // An export that failed lacks something: it is not taken for a whole one.
    let failed = format!("{file}{{\"error\":{{\"code\":503}}}}\n");
    elsewhere.import_text(NDJSON, failed).await.refused(400, "INVALID_ARGUMENT", "VALIDATION");
}

/// Covers: article.import.
async fn a_spreadsheet_goes_in_and_comes_out(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    // As a spreadsheet in Portuguese saves it.
    let rows = [
        "\u{feff}code;name;price.amount;price.currencyCode;active;received",
        "A;\"Chá; \"\"verde\"\"\";12,99;EUR;TRUE;5",
        ";;;;;",
        "B;Pão;1.234,56;EUR;TRUE;",
        "C;;1;EUR;;",
        "D;=1+1;1;EUR;;",
    ];
    let table = |text: String| async {
        let outcome = files::json::<ImportArticlesResponse>(staff.import_text("text/csv", text).await);
        outcome.unwrap().body
    };
    let answer = table(rows.join("\r\n")).await;
    assert_eq!(counts(&answer), [2, 0, 0, 2]);
    let told = answer.errors.iter().map(|error| (error.row, error.violations[0].field.as_str()));
    assert!(told.eq([(2, "price.amount"), (3, "name")]), "{answer:?}");
    let article = all(&staff).await.swap_remove(0);
    assert_eq!(
        (article.name.as_str(), article.price, article.available),
        ("Chá; \"verde\"", Some(eur(1299)), 5)
    );

    let reply = staff.http().with("accept", "text/csv").get("/v1/articles:export").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/csv; charset=utf-8"));
    let text = reply.text();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(
        lines[0].starts_with("\u{feff}id,code,name,description,category,price.amount,price.currencyCode,"),
        "{text}"
    );
    assert!(lines[1].contains(",A,\"Chá; \"\"verde\"\"\",,,12.99,EUR,"), "{text}");
    assert!(lines[2].contains(",D,'=1+1,"), "no formula: {text}");
    assert_eq!((lines.len(), lines[3]), (4, ""));
    assert_eq!(counts(&table(text.clone()).await), [0, 0, 2, 0]);

    // A currency is no price: nobody gives away what has none, and nothing is converted.
    let rows = [
        "code,name,price.amount,price.currencyCode,active,taxRateBasisPoints",
        "A,,,EUR,,600",
        "B,New,,EUR,TRUE,",
        "E,New,,EUR,FALSE,",
        "A,,,USD,,",
        "A,,,EURO,,",
        "A,x,1.2.3,EUR,,",
        "A,x,1",
        "A,,,,,007",
    ];
    let answer = table(rows.join("\r")).await;
    assert_eq!(counts(&answer), [1, 1, 0, 6], "{answer:?}");
    let told: Vec<_> = answer
        .errors
        .iter()
        .map(|error| (error.row, error.code.as_str(), error.violations[0].field.as_str()))
        .collect();
    let price = "price";
    assert_eq!(
        told,
        [
            (2, "B", price),
            (4, "A", price),
            (5, "A", "price.currency_code"),
            (6, "A", "price.amount"),
            (7, "A", ""),
            (8, "A", "tax_rate_basis_points"),
        ]
    );
    let told = &answer.errors[1].violations[0].description;
    assert_eq!(told, "is in EUR, and the row has no amount in USD");
    let prices: Vec<_> = all(&staff).await.into_iter().map(|it| (it.code, it.price)).collect();
    let expected = [("A", Some(eur(1299))), ("D", Some(eur(100))), ("E", None)];
    assert_eq!(prices, expected.map(|(code, price)| (code.to_owned(), price)));
    assert_eq!(counts(&table("sep=;;\rcode;price.currencyCode\rA;EUR".to_owned()).await), [0, 0, 1, 0]);
    let twice = staff.import_text("text/csv", "code,price.amount,price.units\nA,1,1\n").await;
    assert_eq!(twice.refused(400, "INVALID_ARGUMENT", "VALIDATION").fields, ["price.units"]);
    let long = format!("code,description\nA,\"{}\"", "a\r\n".repeat(2_500));
    assert_eq!(counts(&table(long.clone()).await), [0, 1, 0, 0], "a line break is one character");
    assert_eq!(counts(&table(format!("{}a\"", long.trim_end_matches('"'))).await), [0, 0, 0, 1]);

    let unknown = staff.import_text("text/csv", "code,preis\nA,1\n").await;
    let refusal = unknown.refused(400, "INVALID_ARGUMENT", "VALIDATION");
    assert_eq!(refusal.fields, ["preis"]);
}
