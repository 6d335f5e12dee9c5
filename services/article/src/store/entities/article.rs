//! The table `articles`: what of an article is in which column.

use kit::{Money, Time, db::Cells, id::ArticleId, words::fold_line};
use sea_orm::{ActiveValue::Set, QuerySelect, entity::prelude::*};

use super::stock;
use crate::{
    domain::article::{Article, Content},
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

/// The columns of which an article is read, in the order in which [`decode`] takes them, with what is free of it.
pub fn shown() -> Select<Entity> {
    Entity::find()
        .inner_join(stock::Entity)
        .select_only()
        .columns([
            Column::Id,
            Column::Code,
            Column::Name,
            Column::Description,
            Column::Category,
            Column::PriceMinor,
            Column::Currency,
            Column::TaxRateBasisPoints,
            Column::ImageUrl,
            Column::Active,
            Column::LowStockThreshold,
            Column::Version,
            Column::CreateTime,
            Column::UpdateTime,
        ])
        .column(stock::Column::Free)
}

/// How many columns that are.
pub const SHOWN: usize = 15;

/// A row of [`shown`] as an article.
pub fn decode(row: &Cells<'_>) -> Result<Article, DbErr> {
    Ok(Article {
        id: row.get(0)?,
        content: Content {
            code: row.get(1)?,
            name: row.get(2)?,
            description: row.get(3)?,
            category: row.get(4)?,
            price: price(row.get(5)?, row.get::<Option<String>>(6)?.as_deref())?,
            tax_rate_basis_points: row.get(7)?,
            image_url: row.get(8)?,
            active: row.get(9)?,
            low_stock_threshold: row.get(10)?,
        },
        version: row.get(11)?,
        create_time: row.get(12)?,
        update_time: row.get(13)?,
        free: row.get(14)?,
    })
}

/// A whole row as an article, of which so much is free.
pub fn read(row: Model, free: i64) -> Result<Article, DbErr> {
    Ok(Article {
        id: row.id,
        content: Content {
            code: row.code,
            name: row.name,
            description: row.description,
            category: row.category,
            price: price(row.price_minor, row.currency.as_deref())?,
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

fn price(minor: Option<i64>, currency: Option<&str>) -> Result<Option<Money>, DbErr> {
    let (Some(minor), Some(code)) = (minor, currency) else { return Ok(None) };
    let currency = code.parse().map_err(|()| DbErr::Type(format!("stored currency {code:?}")))?;
    Ok(Some(Money::new(minor, currency)))
}
