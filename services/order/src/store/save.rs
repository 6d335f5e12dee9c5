//! Writing an order back.

use kit::id::OrderId;
use kit::{Tx, fault::unique_violation, words::fold_code};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, Iterable,
    QueryFilter, QueryTrait,
};

use super::{
    Record,
    entities::{adjustment, event, line, order},
    figures, mails, purchases,
    view::View,
};
use crate::{
    api::render,
    domain::{Line, State, step::has_basket_place, totals::fit_adjustments},
    error::Error,
};

impl Record {
    /// Writes everything back and answers with the order as it is now. What adjustments come to follows the
    /// lines: no discount that staff gave ever stands in the way of a change.
    ///
    /// History, feed, mails, purchases and the order itself are one commit. A follower of the feed that reads the order after
    /// an event finds it at least as new as the event.
    pub async fn save(mut self) -> Result<View, Error> {
        self.order.tracking_folded = fold_code(&self.order.tracking_code, 100);
        // As they are read: which discount is the first does not depend on who writes.
        self.adjustments.sort_by_key(|adjustment| adjustment.id);
        fit_adjustments(&self.lines, &mut self.adjustments)?;
        let totals = self.totals()?;
        self.order.total_minor = totals.map_or(0, |totals| totals.total.minor);
        self.order.currency = totals.map(|totals| totals.total.currency.to_string());
        let order = &mut self.order;
        // Set here alone, so that no path forgets it: the unique index on it decides between two baskets of a user.
        order.basket_of = has_basket_place(order.state, order.step, order.direct).then_some(order.user_id);
        let tx = &*self.tx;
        let previous = (!self.is_new).then_some(self.before.order.state);
        // What has no entry in the history changes the state of nothing, but is seen: lines and their prices.
        let untold = !self.is_new && self.events.is_empty() && self.is_visible_change();
        if self.is_new {
            let row = order::Entity::insert(self.order.clone().into_active_model());
            row.exec_without_returning(tx).await.map_err(refused)?;
        } else {
            if self.is_visible_change() {
                self.order.version += 1;
                self.order.update_time = self.tx.now();
            }
            let changed = changed(&self.before.order, &self.order);
            if changed.is_changed() {
                // By id alone: the row is locked since it was read.
                let update = order::Entity::update_many().set(changed);
                let update = update.filter(order::Column::Id.eq(self.order.id));
                // With the event, where no unique index can refuse it: nothing reads the row again before the commit.
                if untold && self.order.basket_of == self.before.order.basket_of {
                    self.tx.write_last(update.into_query());
                } else {
                    update.exec(tx).await.map_err(refused)?;
                }
            }
        }
        if untold {
            self.tx.publish(self.order.id, &render::changed(self.order.id, self.order.state, previous));
        }
        // The stored answer goes when this user is erased, whoever called.
        self.tx.belongs_to(self.order.user_id).await?;
        self.save_lines().await?;
        self.save_adjustments().await?;
        let events = std::mem::take(&mut self.events);
        figures::moved(&self.tx, (!self.is_new).then_some(self.before.order.state), &events);
        mails::store_of_events(&self.tx, self.before.order.state, &events).await?;
        write_events(&self.tx, previous, events);
        let after = View { order: self.order, lines: self.lines, adjustments: self.adjustments };
        purchases::update(&self.tx, &self.before, &after).await?;
        Ok(after)
    }

    /// Whether a reader of the order sees that it changed: who is at its checkout, and until when, is not shown.
    fn is_visible_change(&self) -> bool {
        let (before, order) = (&self.before.order, &self.order);
        let unseen = order::Model {
            basket_of: order.basket_of,
            direct: order.direct,
            payment_method: order.payment_method.clone(),
            attempt: order.attempt,
            step: order.step,
            lease_until: order.lease_until,
            fence: order.fence,
            claim: order.claim.clone(),
            expire_time: order.expire_time,
            ..before.clone()
        };
        unseen != *order || self.lines != self.before.lines || self.adjustments != self.before.adjustments
    }

    async fn save_lines(&self) -> Result<(), Error> {
        let (tx, before) = (&*self.tx, &self.before.lines);
        let gone: Vec<_> =
            before.iter().filter(|old| !self.lines.iter().any(|line| line.id == old.id)).collect();
        if !gone.is_empty() {
            let ids = gone.iter().map(|line| line.id);
            line::Entity::delete_many().filter(line::Column::Id.is_in(ids)).exec(tx).await?;
        }
        let mut new = Vec::new();
        for line in &self.lines {
            match before.iter().find(|old| old.id == line.id) {
                Some(old) if old == line => {}
                Some(_) => {
                    line_row(self.order.id, line).reset_all().update(tx).await?;
                }
                None => new.push(line_row(self.order.id, line)),
            }
        }
        if !new.is_empty() {
            line::Entity::insert_many(new).exec_without_returning(tx).await?;
        }
        Ok(())
    }

    async fn save_adjustments(&self) -> Result<(), Error> {
        let tx = &*self.tx;
        if self.adjustments == self.before.adjustments {
            return Ok(());
        }
        adjustment::Entity::delete_many()
            .filter(adjustment::Column::OrderId.eq(self.order.id))
            .exec(tx)
            .await?;
        if !self.adjustments.is_empty() {
            let rows = self.adjustments.iter().map(|adjustment| adjustment::ActiveModel {
                id: Set(adjustment.id),
                order_id: Set(self.order.id),
                kind: Set(adjustment.kind),
                label: Set(adjustment.label.clone()),
                amount_minor: Set(adjustment.amount.minor),
                currency: Set(adjustment.amount.currency.to_string()),
                given_minor: Set(adjustment.given.minor),
                given_currency: Set(adjustment.given.currency.to_string()),
                automatic: Set(adjustment.automatic),
            });
            adjustment::Entity::insert_many(rows).exec_without_returning(tx).await?;
        }
        Ok(())
    }
}

/// The unique index on baskets decides who has its user's.
pub(super) fn refused(error: DbErr) -> Error {
    match unique_violation(&error) {
        Some(what) if what.contains("basket_of") => Error::BasketExists,
        // Two orders took one number at the same time; the caller tries again, with another id.
        Some(what) if what.contains("number") => Error::NumberTaken,
        _ => error.into(),
    }
}

/// Only the columns that differ.
fn changed(before: &order::Model, after: &order::Model) -> order::ActiveModel {
    let (old, mut new) = (before.clone().into_active_model(), after.clone().into_active_model());
    for column in order::Column::iter() {
        if old.get(column).into_value() == new.get(column).into_value() {
            new.not_set(column);
        } else {
            new.reset(column);
        }
    }
    new
}

fn line_row(order_id: OrderId, line: &Line) -> line::ActiveModel {
    line::ActiveModel {
        id: Set(line.id),
        order_id: Set(order_id),
        article_id: Set(line.article_id),
        code: Set(line.code.clone()),
        name: Set(line.name.clone()),
        quantity: Set(line.quantity),
        unit_price_minor: Set(line.unit_price.minor),
        currency: Set(line.unit_price.currency.to_string()),
        tax_rate_basis_points: Set(line.tax_rate_basis_points),
        returned: Set(line.returned),
    }
}

/// Rows of history, and what those who follow are told of them: no notes, which may have what people wrote.
pub(super) fn write_events(tx: &Tx, mut previous: Option<State>, events: Vec<event::Model>) {
    if events.is_empty() {
        return;
    }
    for event in &events {
        tx.publish(event.order_id, &render::changed(event.order_id, event.state, previous));
        previous = Some(event.state);
    }
    let rows = events.into_iter().map(IntoActiveModel::into_active_model);
    tx.write_last(event::Entity::insert_many(rows).into_query());
}
