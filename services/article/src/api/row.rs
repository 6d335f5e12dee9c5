//! One row of an import, checked by the same rules as an article in a request.

use contracts::{
    Check,
    article::{
        AdjustStockRequest, Article, CreateArticleRequest, ImportArticlesRequest, ImportError,
        ImportViolation, StockReason,
    },
};
use kit::{
    Currency, Money, Reason,
    id::{ArticleId, Id},
};

use super::content::unix_lines;
use crate::domain::import::{Count, Row};

/// The most units a row may receive or count: as many as stock can be adjusted by at once.
const MOST_UNITS: i64 = 1_000_000_000;
/// Characters of a text from the row that an error repeats.
const REPEATED: usize = 200;

/// What the row says, or what is wrong with it.
pub fn read(sent: ImportArticlesRequest) -> Result<Row, ImportError> {
    if let Some(bad) = sent.bad_line {
        return Err(error(&sent.code, vec![violation(&bad.field, &bad.description)]));
    }
    let mut violations = rules(&sent);
    let price = sent.price.as_ref().map(|price| Money::read(price, "price")).transpose();
    let price = price.unwrap_or_else(|fault| {
        violations.extend(fault.fields.iter().map(|(field, problem)| violation(field, problem)));
        None
    });
    let currency = bare_currency(&sent.price_currency_code, price).unwrap_or_else(|problem| {
        violations.push(violation("price.currency_code", problem));
        None
    });
    for (field, units) in [("received", sent.received), ("counted", sent.counted.unwrap_or_default())] {
        match units {
            ..0 => violations.push(violation(field, "must be at least 0")),
            0..=MOST_UNITS => {}
            _ => violations.push(violation(field, &format!("must be at most {MOST_UNITS}"))),
        }
    }
    if !violations.is_empty() {
        return Err(error(&sent.code, violations));
    }
    Ok(Row {
        code: sent.code,
        name: sent.name,
        description: sent.description.as_deref().map(unix_lines),
        category: sent.category,
        price,
        currency,
        tax_rate_basis_points: sent.tax_rate_basis_points,
        image_url: sent.image_url,
        active: sent.active,
        low_stock_threshold: sent.low_stock_threshold,
        received: sent.received,
        count: sent.counted.map(|units| Count { units, note: sent.note }),
    })
}

/// The currency of a price whose amount is left out.
fn bare_currency(code: &str, price: Option<Money>) -> Result<Option<Currency>, &'static str> {
    if code.is_empty() {
        return Ok(None);
    }
    let currency: Currency = code.parse().map_err(|()| "must be an ISO 4217 currency in use")?;
    match price {
        Some(price) if price.currency != currency => Err("must be that of the price"),
        _ => Ok(Some(currency)),
    }
}

/// Why a row failed; its number is for those to set who count.
pub fn error(code: &str, violations: Vec<ImportViolation>) -> ImportError {
    ImportError { row: 0, code: cut(code), reason: Reason::Validation.to_string(), violations }
}

/// What the contract's rules for articles say against the row's fields.
fn rules(sent: &ImportArticlesRequest) -> Vec<ImportViolation> {
    let article = Article {
        code: sent.code.clone(),
        // One that is left out is no matter of the row alone.
        name: sent.name.clone().unwrap_or_else(|| "-".to_owned()),
        description: sent.description.clone().unwrap_or_default(),
        category: sent.category.clone().unwrap_or_default(),
        tax_rate_basis_points: sent.tax_rate_basis_points.unwrap_or_default(),
        image_url: sent.image_url.clone().unwrap_or_default(),
        low_stock_threshold: sent.low_stock_threshold.unwrap_or_default(),
        ..Default::default()
    };
    // What adjusts stock has a note by the same rules.
    let adjustment = AdjustStockRequest {
        article_id: ArticleId::new().to_string(),
        delta: 1,
        reason: StockReason::Correction.into(),
        note: sent.note.clone(),
        ..AdjustStockRequest::default()
    };
    let field = |path: &str| path.strip_prefix("article.").unwrap_or(path).to_owned();
    [(CreateArticleRequest { article: Some(article) }).check(), adjustment.check()]
        .into_iter()
        .filter_map(Result::err)
        .flat_map(|found| {
            found.iter().map(|it| violation(&field(&it.path), &it.description)).collect::<Vec<_>>()
        })
        .collect()
}

fn violation(field: &str, description: &str) -> ImportViolation {
    ImportViolation { field: cut(field), description: cut(description) }
}

fn cut(text: &str) -> String {
    text.chars().take(REPEATED).collect()
}
