//! The words by which users are found.

use std::collections::BTreeSet;

use kit::{
    Tx,
    id::UserId,
    words::{Asked, Form, of_person},
};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};

use super::entities::{
    user,
    word::{self, Column, Entity},
};
use crate::domain::names::readable;

/// The words of a user.
fn of(user: &user::Model) -> BTreeSet<String> {
    of_texts(&user.username, &user.email, &user.first_name, &user.last_name)
}

/// The words of these texts; of an e-mail also as people read it.
pub fn of_texts(username: &str, email: &str, first_name: &str, last_name: &str) -> BTreeSet<String> {
    let readable = readable(email);
    let texts: Vec<&str> = [username, email].into_iter().chain(readable.as_deref()).collect();
    of_person(&texts, first_name, last_name)
}

/// Writes the words of a new user.
pub async fn insert(tx: &Tx, user: &user::Model) -> Result<(), DbErr> {
    add(tx, user.id, of(user)).await
}

/// Writes what has become of the words of a user, whose row is locked.
pub async fn change(tx: &Tx, user: &user::Model) -> Result<(), DbErr> {
    let rows = Entity::find().filter(Column::UserId.eq(user.id)).all(&**tx).await?;
    let old: BTreeSet<String> = rows.into_iter().map(|row| row.word).collect();
    let new = of(user);
    let gone: Vec<_> = old.difference(&new).cloned().collect();
    if !gone.is_empty() {
        let gone = Entity::delete_many().filter(Column::UserId.eq(user.id)).filter(Column::Word.is_in(gone));
        gone.exec(&**tx).await?;
    }
    add(tx, user.id, new.difference(&old).cloned()).await
}

async fn add(tx: &Tx, user_id: UserId, words: impl IntoIterator<Item = String>) -> Result<(), DbErr> {
    let mut rows =
        words.into_iter().map(|word| word::ActiveModel::from(word::Model { user_id, word })).peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    Entity::insert_many(rows).exec_without_returning(&**tx).await.map(|_| ())
}

/// Words of a form.
fn fits(form: &Form) -> Condition {
    let text = form.text.as_str();
    match form.whole {
        true => Condition::all().add(Column::Word.eq(text)),
        // No word has the last character that there is.
        false => {
            Condition::all().add(Column::Word.gte(text)).add(Column::Word.lt(format!("{text}{}", char::MAX)))
        }
    }
}

/// Whether a user met on the way has a word that is asked for.
pub fn met(asked: &Asked) -> Condition {
    let has = |form: &Form| {
        let found: SelectStatement = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .and_where(Expr::col((Entity, Column::UserId)).equals((user::Entity, user::Column::Id)))
            .cond_where(fits(form))
            // It says nothing new, but keeps planners from making a join of it.
            .limit(1)
            .offset(0)
            .to_owned();
        Expr::exists(found)
    };
    asked.forms.iter().map(has).fold(Condition::any(), Condition::add)
}

/// Those who have a word that is asked for, found by their words.
pub fn found(asked: &Asked) -> Expr {
    let mut forms = asked
        .forms
        .iter()
        .map(|form| Query::select().column(Column::UserId).from(Entity).cond_where(fits(form)).to_owned());
    let mut all = forms.next().unwrap_or_default();
    all.unions(forms.map(|next| (UnionType::All, next)));
    // From a table of its own: MySQL would look at a union anew for every user.
    let ids = Query::select().column("user_id").from_subquery(all, "forms").to_owned();
    Expr::col((user::Entity, user::Column::Id)).in_subquery(ids)
}
