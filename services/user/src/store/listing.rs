//! The list of users.

use contracts::user::Role;
use kit::id::UserId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    domain::names::fold,
    store::users::user::{Column, Entity, Model},
};

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The beginning of a username, an e-mail or a name.
    pub query: String,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

/// The users before `after`, the newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: &Filter,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut users = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        users = users.filter(Column::Id.lt(after));
    }
    if !filter.query.is_empty() {
        users = users.filter(begins_with(&fold(&filter.query)));
    }
    users = match filter.role {
        Some(Role::Customer) => users.filter(Column::Customer.eq(true)),
        Some(Role::Staff) => users.filter(Column::Staff.eq(true)),
        Some(Role::Admin) => users.filter(Column::Admin.eq(true)),
        Some(Role::Unspecified) | None => users,
    };
    if let Some(disabled) = filter.disabled {
        users = users.filter(Column::Disabled.eq(disabled));
    }
    users.all(db).await
}

/// A range, not LIKE: the columns sort byte by byte, so an index finds it on every database, and nothing in
/// the text means anything else.
fn begins_with(folded: &str) -> Condition {
    let end = format!("{folded}{}", char::MAX);
    [Column::UsernameFolded, Column::EmailFolded, Column::FirstNameFolded, Column::LastNameFolded]
        .into_iter()
        .fold(Condition::any(), |any, column| {
            any.add(Condition::all().add(column.gte(folded)).add(column.lt(end.as_str())))
        })
}
