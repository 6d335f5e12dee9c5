//! Lists in the order of ids, the newest first.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Select, Value,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

pub use super::planner::unindexed;
use super::planner::{Order, Plans, Selective};
use crate::db::{Cells, Rows};

/// As many rows as are sorted without an ordered scan first.
const FEW: u64 = 500;

/// Rows with an `id`.
pub struct Newest<E: EntityTrait> {
    /// The column `id`.
    pub id: E::Column,
    /// The seeks of an ordered scan: conditions of which each has an index that goes on with the id, or is none. A row
    /// meets one of them at the most.
    pub seeks: Vec<Condition>,
    /// What each row must fit, its columns [`unindexed`].
    pub filter: Condition,
    /// Where that may fit few rows: the part of it that has an index of its own, which this names plainly.
    pub selective: Option<Condition>,
}

impl<E: EntityTrait> Newest<E> {
    /// Up to `limit` rows before one.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        after: Option<Value>,
        limit: u64,
    ) -> Result<Vec<E::Model>, DbErr> {
        let plans = self.plans(db, after, limit).await?;
        plans.page(db, limit, |row| self.above(row), |ids| self.of(ids).all(db)).await
    }

    /// The same, each row decoded by its columns, which are the entity's in their order.
    pub async fn page_by<T: Send>(
        &self,
        db: &impl Rows,
        after: Option<Value>,
        limit: u64,
        decode: impl Fn(&Cells<'_>) -> Result<T, DbErr> + Send + Sync,
    ) -> Result<Vec<T>, DbErr> {
        let plans = self.plans(db, after, limit).await?;
        let read = |ids| {
            let rows = self.of(ids);
            let decode = &decode;
            async move { db.rows(rows.as_query(), decode).await }
        };
        plans.page(db, limit, |row| self.above(row), read).await
    }

    async fn plans(
        &self,
        db: &impl ConnectionTrait,
        after: Option<Value>,
        limit: u64,
    ) -> Result<Plans, DbErr> {
        let order = Order { backend: db.get_database_backend(), columns: &["id"], descending: true };
        let before_last = after.clone().map(|after| self.id.lt(after));
        let seek = |seek: &Condition| self.rows(seek.clone().add_option(before_last.clone()));
        let selective = match &self.selective {
            Some(rows) => Some(self.selective(db, rows, after, limit).await?),
            None => None,
        };
        let seeks = self.seeks.iter().map(seek).collect();
        Ok(Plans { order, seeks, filter: self.filter.clone(), selective })
    }

    /// The condition of standing before a row in this order.
    fn above(&self, row: &QueryResult) -> Result<Condition, DbErr> {
        let id: sea_orm::prelude::Uuid = row.try_get_by_index(0)?;
        Ok(Condition::all().add(self.id.gt(id)))
    }

    async fn selective(
        &self,
        db: &impl ConnectionTrait,
        rows: &Condition,
        after: Option<Value>,
        limit: u64,
    ) -> Result<Selective, DbErr> {
        let few = db.query_one(self.rows(rows.clone()).offset(FEW).limit(1)).await?.is_none();
        let before_last = after.map(|after| unindexed(self.id).lt(after));
        let mut top_n = self.rows(rows.clone().add(self.filter.clone()).add_option(before_last));
        top_n.order_by_expr(unindexed(self.id), sea_orm::sea_query::Order::Desc).limit(limit);
        Ok(Selective { few, top_n })
    }

    fn rows(&self, all: Condition) -> SelectStatement {
        Query::select().column(self.id.as_column_ref()).from(E::default()).cond_where(all).to_owned()
    }

    /// The rows of these ids.
    fn of(&self, ids: SelectStatement) -> Select<E> {
        const PAGE: &str = "page";
        let mut rows = E::find().order_by_desc(unindexed(self.id));
        let found = Expr::col((PAGE, "id")).equals(self.id.as_column_ref());
        QuerySelect::query(&mut rows).join_subquery(JoinType::InnerJoin, ids, PAGE, found);
        rows
    }
}
