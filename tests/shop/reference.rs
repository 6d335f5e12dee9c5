//! Currencies, countries and phone numbers as they are today.

use contracts::{
    article::{Article, CreateArticleRequest},
    user::{Address, CreateAddressRequest},
};
use serde_json::json;

use crate::support::{Refused, Setup, eur, money};

tests!(
    prices_are_in_currencies_of_today,
    addresses_are_in_countries_as_cldr_has_them,
    phone_numbers_are_taken_as_people_write_them,
    an_address_given_at_checkout_is_held_to_the_same,
);

/// Covers: article.price.
async fn prices_are_in_currencies_of_today(setup: Setup) {
    let mesh = setup.start().await;
    let staff = mesh.admin().await;
    let create = async |code: &str| {
        let article = Article {
            code: code.into(),
            name: code.into(),
            price: Some(money(5, 0, code)),
            active: true,
            ..Default::default()
        };
        staff.create_article(CreateArticleRequest { article: Some(article) }).await
    };
    for code in ["XCG", "ZWG", "SLE", "VED", "VES", "EUR"] {
        create(code).await.unwrap();
    }
    for code in ["ANG", "BGN", "HRK", "ZWL", "XXX", "XTS", "XAU", "CLF", "QQQ"] {
        create(code).await.names("article.price.currency_code");
    }
    let table = "code,name,price.amount,price.currencyCode\nG,x,5,XCG\nB,x,5,BGN\n";
    let reply = staff.import_text("text/csv", table).await;
    assert_eq!((reply.json["created"].as_str(), reply.json["failed"].as_str()), (Some("1"), Some("1")));
    assert_eq!(reply.json["errors"][0]["violations"][0]["field"], "price.currency_code");
}

fn address(country: &str, phone: &str) -> Address {
    Address {
        recipient: "Ana".into(),
        lines: vec!["1".into()],
        city: "Lisboa".into(),
        country_code: country.into(),
        phone: phone.into(),
        ..Default::default()
    }
}

/// Covers: user.addresses.
async fn addresses_are_in_countries_as_cldr_has_them(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let create = async |country: &str| {
        let request = CreateAddressRequest { user_id: "me".into(), address: Some(address(country, "")) };
        ada.create_address(request).await
    };
    for country in ["XK", "AC", "IC", "TA", "PT", "SS", "CW"] {
        assert_eq!(create(country).await.unwrap().country_code, country);
    }
    for country in ["AN", "SU", "YU", "UK", "EU", "UN", "XX", "XA", "ZZ", "QO"] {
        create(country).await.names("address.country_code");
    }
}

/// Covers: user.addresses.
async fn phone_numbers_are_taken_as_people_write_them(setup: Setup) {
    let mesh = setup.start().await;
    let ada = mesh.shopper().await;
    let create = async |country: &str, phone: &str| {
        let request = CreateAddressRequest { user_id: "me".into(), address: Some(address(country, phone)) };
        ada.create_address(request).await
    };
    for (country, phone) in [
        ("PT", "+351 222 000 000"),
        ("PT", "222 000 000 ext. 12"),
        ("US", "(212) 555-0123 x45"),
        ("AE", "+٩٧١ ٥٠ ١٢٣ ٤٥٦٧"),
        ("IR", "۰۲۱ ۱۲۳۴ ۵۶۷۸"),
        ("JP", "０３－１２３４－５６７８"),
        ("PT", ""),
    ] {
        assert_eq!(create(country, phone).await.unwrap().phone, phone);
    }
    for phone in [
        "call me",
        "12",
        "+",
        "+999 123 456 789",
        "222 000\n000",
        "=1+1",
        "+351 222 000 000 0000",
        "222 000 000\u{202e}",
    ] {
        create("PT", phone).await.names("address.phone");
    }
}

/// Covers: order.checkout, bad-input.
async fn an_address_given_at_checkout_is_held_to_the_same(setup: Setup) {
    let mesh = setup.start().await;
    let (staff, ada) = (mesh.admin().await, mesh.shopper().await);
    let tea = staff.stocked(eur(100), 5).await;
    ada.add(&tea.id, 1).await.unwrap();
    for (country, phone, field) in
        [("ZZ", "", "address.country_code"), ("PT", "call me", "address.phone"), ("XK", "", "")]
    {
        for (path, more) in [
            ("/v1/orders/open:checkout", json!({})),
            ("/v1/orders", json!({"lines": [{"articleId": tea.id, "quantity": 1}]})),
        ] {
            let mut body = more;
            body["address"] = json!({
                "recipient": "A", "lines": ["1"], "city": "L", "countryCode": country, "phone": phone
            });
            let reply = ada.http().post(path, body).await;
            if field.is_empty() {
                assert!(reply.status.is_success(), "{}", reply.text());
            } else {
                assert_eq!(reply.refused(400, "INVALID_ARGUMENT", "VALIDATION").fields, [field]);
            }
        }
    }
}
