//! Pages of rows by their ids, the newest first, of which few may fit what is asked for.
//!
//! Rows are read along indexes that end with the id, and merged. What has no such index is looked for on the
//! way, but so far ahead only; what is not found there is looked for by an index of its own, and sorted.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, JoinType, QueryOrder,
    QuerySelect, Value,
    sea_query::{Expr, ExprTrait, Func, Order, Query, SelectStatement, UnionType},
};

/// How many rows are looked through on the way.
const AHEAD: u64 = 2_000;
/// As many rows as are sorted without a look for them on the way.
const FEW: u64 = 500;

/// Rows with an `id`.
pub struct Newest<E: EntityTrait> {
    /// The column `id`.
    pub id: E::Column,
    /// Conditions of which each has an index that goes on with the id, or is none; a row meets one of them at
    /// the most.
    pub along: Vec<Condition>,
    /// What else must be so, its columns [`hidden`].
    pub fit: Condition,
    /// Where that may be rare: the part of it that has an index of its own, not hidden.
    pub rare: Option<Condition>,
}

/// A column hidden from planners, which else would take an index that has it.
pub fn hidden(column: impl ColumnTrait) -> Expr {
    let plain = || Expr::col((column.entity_name(), column));
    Func::coalesce([plain(), plain()]).into()
}

impl<E: EntityTrait> Newest<E> {
    /// Up to `limit` rows before one.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        after: Option<Value>,
        limit: u64,
    ) -> Result<Vec<E::Model>, DbErr> {
        let backend = db.get_database_backend();
        let before = Condition::all().add_option(after.clone().map(|after| self.id.lt(after)));
        let fit = before.clone().add(self.fit.clone());
        let Some(rare) = &self.rare else { return self.read(db, self.merged(backend, fit, limit, 0)).await };
        let before_hidden = after.map(|after| hidden(self.id).lt(after));
        let mut sorted = self.rows(rare.clone().add(self.fit.clone()).add_option(before_hidden));
        sorted.order_by_expr(hidden(self.id), Order::Desc).limit(limit);
        if self.is_few(db, rare).await? {
            return self.read(db, sorted).await;
        }
        let Some(horizon) = db.query_one(&self.merged(backend, before, 1, AHEAD)).await? else {
            return self.read(db, self.merged(backend, fit, limit, 0)).await;
        };
        let horizon: sea_orm::prelude::Uuid = horizon.try_get_by_index(0)?;
        let near = self.merged(backend, fit.add(self.id.gt(horizon)), limit, 0);
        let near = self.read(db, near).await?;
        if near.len() as u64 == limit {
            return Ok(near);
        }
        self.read(db, sorted).await
    }

    async fn is_few(&self, db: &impl ConnectionTrait, rare: &Condition) -> Result<bool, DbErr> {
        let mut more = self.rows(rare.clone());
        Ok(db.query_one(more.offset(FEW).limit(1)).await?.is_none())
    }

    /// The ids of rows along their indexes.
    fn merged(&self, backend: DatabaseBackend, all: Condition, limit: u64, offset: u64) -> SelectStatement {
        let mut branches = self.along.iter().map(|along| {
            let mut rows = self.rows(along.clone().add(all.clone()));
            if backend == DatabaseBackend::Sqlite {
                // It merges what it reads by itself, row by row.
                return rows;
            }
            rows.order_by("id", Order::Desc).limit(limit + offset);
            Query::select().column("id").from_subquery(rows, "branch").to_owned()
        });
        let mut merged = branches.next().unwrap_or_default();
        merged.unions(branches.map(|next| (UnionType::All, next)));
        merged.order_by("id", Order::Desc).limit(limit);
        if offset > 0 {
            merged.offset(offset);
        }
        merged
    }

    fn rows(&self, all: Condition) -> SelectStatement {
        Query::select().column(self.id.as_column_ref()).from(E::default()).cond_where(all).to_owned()
    }

    /// The rows of these ids.
    async fn read(&self, db: &impl ConnectionTrait, ids: SelectStatement) -> Result<Vec<E::Model>, DbErr> {
        const PAGE: &str = "page";
        let mut rows = E::find().order_by_desc(hidden(self.id));
        let found = Expr::col((PAGE, "id")).equals(self.id.as_column_ref());
        QuerySelect::query(&mut rows).join_subquery(JoinType::InnerJoin, ids, PAGE, found);
        rows.all(db).await
    }
}
