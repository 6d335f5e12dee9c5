//! The list of users.

use kit::{
    id::UserId,
    newest::{Newest, unindexed},
    words::{self, Asked},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::ExprTrait,
};

use crate::{
    domain::roles::Role,
    store::{
        entities::user::{Column, Entity, Model},
        users::by_login,
        words::{found, met},
    },
};

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words of username, e-mail and names.
    pub query: String,
    pub role: Option<Role>,
    pub disabled: Option<bool>,
}

impl Filter {
    fn flags(&self) -> impl Iterator<Item = (Column, bool)> {
        let role = match self.role {
            Some(Role::Customer) => Some((Column::Customer, true)),
            Some(Role::Staff) => Some((Column::Staff, true)),
            Some(Role::Admin) => Some((Column::Admin, true)),
            None => None,
        };
        role.into_iter().chain(self.disabled.map(|disabled| (Column::Disabled, disabled)))
    }

    /// The user whose username or e-mail the query is, if the rest fits: it comes first.
    pub async fn named(&self, db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
        let login = self.query.trim();
        if login.is_empty() {
            return Ok(None);
        }
        let user = by_login(db, login).await?;
        let fits = |user: &Model| {
            self.flags().all(|(column, wanted)| {
                wanted
                    == match column {
                        Column::Customer => user.customer,
                        Column::Staff => user.staff,
                        Column::Admin => user.admin,
                        _ => user.disabled,
                    }
            })
        };
        Ok(user.filter(fits))
    }
}

/// The users before `after`, the newest first; but for one of them.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: &Filter,
    but: Option<UserId>,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let asked = words::query(&filter.query);
    if asked.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let asked = asked.unwrap_or_default();
    let fit =
        filter.flags().fold(Condition::all(), |all, (column, value)| all.add(unindexed(column).eq(value)));
    let fit = asked.iter().map(met).fold(fit, Condition::add);
    let mut users = Newest::<Entity> {
        id: Column::Id,
        seeks: vec![Condition::all()],
        filter: fit.add_option(but.map(|but| unindexed(Column::Id).ne(but))),
        selective: (!asked.is_empty()).then(|| selective(&filter.query, &asked)),
    };
    // Few are staff, administrators, or disabled; nearly everybody is a customer.
    let indexed = |(column, value): &(Column, bool)| *value && !matches!(column, Column::Customer);
    if let Some((column, value)) = filter.flags().find(indexed) {
        users.seeks = vec![Condition::all().add(column.eq(value))];
    }
    users.page(db, after.map(Into::into), limit).await
}

/// Users by the words that say most. Of an e-mail these are what stands before the `@`: thousands may have the words behind
/// it, and a database would go through all of them. It finds more than is asked for, who has to have all words as well.
fn selective(query: &str, asked: &[Asked]) -> Condition {
    let own = query.split_once('@').and_then(|(own, _)| words::query(own)).filter(|own| !own.is_empty());
    own.as_deref().unwrap_or(asked).iter().map(found).fold(Condition::all(), Condition::add)
}

/// The ids of some users with the words of a query: of these users, or of all where none are given.
pub async fn ids(
    db: &impl ConnectionTrait,
    filter: &Filter,
    among: &[UserId],
    limit: u64,
) -> Result<Vec<UserId>, DbErr> {
    let asked = words::query(&filter.query).unwrap_or_default();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let all = match among {
        [] => {
            let all = selective(&filter.query, &asked);
            let whole = filter.query.contains('@');
            asked.iter().filter(|_| whole).map(met).fold(all, Condition::add)
        }
        // Each of them is looked up, however many users have the words.
        among => {
            let these = Condition::all().add(Column::Id.is_in(among.iter().copied()));
            asked.iter().map(met).fold(these, Condition::add)
        }
    };
    Entity::find().select_only().column(Column::Id).filter(all).limit(limit).into_tuple().all(db).await
}
