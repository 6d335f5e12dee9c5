//! The table `articles`: what of an article is in which column.

use kit::{Money, Time, id::ArticleId, words::fold_line};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

use crate::{
    domain::article::{Article, Content},
    error::Error,
    store::articles::fold_code,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "articles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ArticleId,
    pub code: String,
    /// Unique. A deleted article's begins with a colon, which no code has, so that its code is free.
    pub code_folded: String,
    pub name: String,
    pub name_folded: String,
    pub description: String,
    pub category: String,
    pub category_folded: String,
    pub price_minor: Option<i64>,
    pub currency: Option<String>,
    /// The price in thousandths; the greatest number there is without one.
    pub price_order: i64,
    pub tax_rate_basis_points: i32,
    pub image_url: String,
    /// Never of a deleted article.
    pub active: bool,
    pub low_stock_threshold: i64,
    /// See `domain::listing_status`; written by whoever changes what it follows from, who holds this row.
    #[sea_orm(column_name = "shelf")]
    pub listing_status: i16,
    pub version: i64,
    pub create_time: Time,
    pub update_time: Time,
    pub deleted_time: Option<Time>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_one = "super::stock::Entity")]
    Stock,
}

impl Related<super::stock::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Stock.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The columns that follow from the content.
pub fn columns(content: &Content) -> ActiveModel {
    ActiveModel {
        code: Set(content.code.clone()),
        code_folded: Set(fold_code(&content.code)),
        name: Set(content.name.clone()),
        name_folded: Set(fold_line(&content.name, 200)),
        description: Set(content.description.clone()),
        category: Set(content.category.clone()),
        category_folded: Set(fold_line(&content.category, 100)),
        price_minor: Set(content.price.map(|price| price.minor)),
        currency: Set(content.price.map(|price| price.currency.to_string())),
        price_order: Set(content.price_order()),
        tax_rate_basis_points: Set(content.tax_rate_basis_points),
        image_url: Set(content.image_url.clone()),
        active: Set(content.active),
        low_stock_threshold: Set(content.low_stock_threshold),
        ..Default::default()
    }
}

/// A row as an article.
pub fn read(row: Model, free: i64) -> Result<Article, Error> {
    let price = match (row.price_minor, &row.currency) {
        (Some(minor), Some(code)) => {
            let currency =
                code.parse().map_err(|()| kit::Fault::internal(format!("stored currency {code:?}")))?;
            Some(Money::new(minor, currency))
        }
        _ => None,
    };
    Ok(Article {
        id: row.id,
        content: Content {
            code: row.code,
            name: row.name,
            description: row.description,
            category: row.category,
            price,
            tax_rate_basis_points: row.tax_rate_basis_points,
            image_url: row.image_url,
            active: row.active,
            low_stock_threshold: row.low_stock_threshold,
        },
        version: row.version,
        create_time: row.create_time,
        update_time: row.update_time,
        free,
    })
}
