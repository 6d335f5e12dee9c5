//! An article between the contract and the domain, both ways: its fields are listed here and nowhere else in `api`.

use contracts::{Mask, article as wire};
use kit::{Fault, Money};

use crate::domain::article::{Article, Content};

/// A new article's content.
pub fn read(article: &wire::Article) -> Result<Content, Fault> {
    let mut content = Content::default();
    set(&mut content, article, price(article)?, |_| true);
    Ok(content)
}

/// Changes the fields that an update names, the price among them if it is in `price`.
pub fn change(content: &mut Content, article: &wire::Article, price: Option<Money>, mask: &Mask) {
    set(content, article, price, |field| mask.has(field));
}

fn set(content: &mut Content, article: &wire::Article, price: Option<Money>, named: impl Fn(&str) -> bool) {
    let texts = [
        ("code", &mut content.code, &article.code),
        ("name", &mut content.name, &article.name),
        ("category", &mut content.category, &article.category),
        ("image_url", &mut content.image_url, &article.image_url),
    ];
    for (field, old, new) in texts {
        if named(field) {
            old.clone_from(new);
        }
    }
    if named("description") {
        content.description = unix_lines(&article.description);
    }
    if named("price") {
        content.price = price;
    }
    if named("tax_rate_basis_points") {
        content.tax_rate_basis_points = article.tax_rate_basis_points;
    }
    if named("active") {
        content.active = article.active;
    }
    if named("low_stock_threshold") {
        content.low_stock_threshold = article.low_stock_threshold;
    }
}

/// A text with line breaks as everything here has them: CR LF becomes LF.
pub fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// An article's price.
pub fn price(article: &wire::Article) -> Result<Option<Money>, Fault> {
    article.price.as_ref().map(|price| Money::read(price, "article.price")).transpose()
}

/// An article as it is answered.
pub fn render(article: Article) -> wire::Article {
    let content = article.content;
    wire::Article {
        id: article.id.to_string(),
        code: content.code,
        name: content.name,
        description: content.description,
        category: content.category,
        price: content.price.map(Into::into),
        tax_rate_basis_points: content.tax_rate_basis_points,
        image_url: content.image_url,
        active: content.active,
        available: article.free,
        low_stock_threshold: content.low_stock_threshold,
        etag: article.version.to_string(),
        create_time: Some(article.create_time.into()),
        update_time: Some(article.update_time.into()),
    }
}
