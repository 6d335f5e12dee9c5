//! Quantities, prices and texts.

use http::Method;

use crate::support::Setup;

use super::open;

tests!(bad_quantities_are_refused, bad_prices_are_refused, bad_texts_are_refused);

/// Covers: bad-input.
async fn bad_quantities_are_refused(setup: Setup) {
    let shop = open(setup).await;
    for quantity in [
        "0",
        "-1",
        "1001",
        "2147483648",
        "-2147483649",
        "9223372036854775808",
        "1e400",
        "1.5",
        "\"1.5\"",
        "\"\"",
        "NaN",
    ] {
        let body = format!(r#"{{"articleId":"{{article}}","quantity":{quantity}}}"#);
        let reply = shop.send(false, Method::POST, "/v1/orders/open/lines", &body).await;
        let refusal = reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
        let named = refusal.fields.iter().any(|field| field == "quantity");
        assert!(named || ["NaN", "1e400"].contains(&quantity), "{quantity}: {}", reply.text());
    }
    for delta in ["0", "9223372036854775808", "1.5", "-1"] {
        let body = format!(r#"{{"delta":{delta},"reason":"STOCK_REASON_RECEIVED"}}"#);
        shop.refused(true, Method::POST, "/v1/articles/{article}/stock:adjust", &body, "delta").await;
    }
    for reason in ["\"STOCK_REASON_UNSPECIFIED\"", "\"STOLEN\"", "0", "99", "7"] {
        let body = format!(r#"{{"delta":1,"reason":{reason}}}"#);
        shop.refused(true, Method::POST, "/v1/articles/{article}/stock:adjust", &body, "reason").await;
    }
    shop.unchanged().await;
}

/// Covers: bad-input.
async fn bad_prices_are_refused(setup: Setup) {
    let shop = open(setup).await;
    for (price, field) in [
        (r#"{"currencyCode":"EUR","units":"-1"}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"0","nanos":-10000000}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"1","nanos":1000000}"#, "article.price"),
        (r#"{"currencyCode":"JPY","units":"1","nanos":500000000}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"1","nanos":1000000000}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"1","nanos":-1}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"9223372036854775807"}"#, "article.price"),
        (r#"{"currencyCode":"EUR","units":"9223372036854775808"}"#, "article.price.units"),
        (r#"{"currencyCode":"EUR","units":"1.5"}"#, "article.price.units"),
        (r#"{"currencyCode":"EUR","units":1.5}"#, "article.price.units"),
        (r#"{"currencyCode":"XX","units":"1"}"#, "article.price"),
        (r#"{"units":"1"}"#, "article.price"),
        (r#"{"currencyCode":"EUR","amount":"1"}"#, "article.price.amount"),
        ("12.99", "article.price"),
    ] {
        let body = format!(r#"{{"code":"NEW","name":"New","active":true,"price":{price}}}"#);
        let reply = shop.send(true, Method::POST, "/v1/articles", &body).await;
        let refusal = reply.refused(400, "INVALID_ARGUMENT", "VALIDATION");
        assert!(refusal.fields.iter().any(|it| it.starts_with(field)), "{price}: {}", reply.text());
    }
    let total = r#"{"address":{"recipient":"A","lines":["1"],"city":"L","countryCode":"PT"},
        "expectedTotal":{"currencyCode":"USD","units":"10"}}"#;
    let reply = shop.send(false, Method::POST, "/v1/orders/open:checkout", total).await;
    assert_eq!(reply.status, 400, "another currency: {}", reply.text());
    shop.unchanged().await;
}

/// Covers: bad-input.
async fn bad_texts_are_refused(setup: Setup) {
    let shop = open(setup).await;
    let article = |code: &str, name: &str, description: &str| {
        serde_json::json!({"code": code, "name": name, "description": description}).to_string()
    };
    let long = |count: usize| "x".repeat(count);
    for (body, field) in [
        (article("", "x", ""), "article.code"),
        (article("a b", "x", ""), "article.code"),
        (article("é", "x", ""), "article.code"),
        (article(&long(65), "x", ""), "article.code"),
        (article("x", "", ""), "article.name"),
        (article("x", &long(201), ""), "article.name"),
        (article("x", "a\nb", ""), "article.name"),
        (article("x", "a\u{0}b", ""), "article.name"),
        (article("x", "a\u{7f}b", ""), "article.name"),
        (article("x", "x", &long(5001)), "article.description"),
        (article("x", "x", "a\u{1b}[31m"), "article.description"),
    ] {
        shop.refused(true, Method::POST, "/v1/articles", &body, field).await;
    }
    let user = |username: &str, email: &str, password: &str| {
        serde_json::json!({"username": username, "email": email, "password": password}).to_string()
    };
    for (body, field) in [
        (user("ab", "a@example.com", "long enough"), "username"),
        (user(&long(33), "a@example.com", "long enough"), "username"),
        (user("12345", "a@example.com", "long enough"), "username"),
        (user("a b c", "a@example.com", "long enough"), "username"),
        (user("ada@x", "a@example.com", "long enough"), "username"),
        (user("ada", "nonsense", "long enough"), "email"),
        (user("ada", "a@b@c", "long enough"), "email"),
        (user("ada", "", "long enough"), "email"),
        (user("ada", &format!("{}@example.com", long(250)), "long enough"), "email"),
        (user("ada", "a@example.com", "short"), "password"),
        (user("ada", "a@example.com", &long(129)), "password"),
    ] {
        shop.refused(false, Method::POST, "/v1/users", &body, field).await;
    }
    let address = |country: &str, lines: usize, phone: &str| {
        let lines = vec!["x"; lines];
        serde_json::json!({"recipient": "A", "lines": lines, "city": "L", "countryCode": country, "phone": phone}).to_string()
    };
    for (body, field) in [
        (address("Portugal", 1, ""), "address.country_code"),
        (address("pt", 1, ""), "address.country_code"),
        (address("ZZ", 1, ""), "address.country_code"),
        (address("PT", 0, ""), "address.lines"),
        (address("PT", 6, ""), "address.lines"),
        (address("PT", 1, "call me"), "address.phone"),
    ] {
        shop.refused(false, Method::POST, "/v1/users/me/addresses", &body, field).await;
    }
    shop.unchanged().await;
}
