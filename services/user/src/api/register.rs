//! Making an account.

use contracts::user::{CreateUserRequest, User};
use kit::{Call, Written};

use crate::{
    api::{Shared, read::NAME_LENGTH, render},
    credentials::Standing,
    domain::{address::Fields, names, roles::RoleSet},
    error::Error,
    store::{self, users::NewUser},
};

pub async fn create_user(
    shared: &Shared,
    call: &Call,
    request: CreateUserRequest,
) -> Result<Written<User>, Error> {
    let CreateUserRequest { username, email, password, first_name, last_name, address } = request;
    names::check_username(&username, "username")?;
    let email = names::email(&email, "email")?;
    let first_name = names::name(&first_name, "first_name", NAME_LENGTH)?;
    let last_name = names::name(&last_name, "last_name", NAME_LENGTH)?;
    let address = address.map(Fields::from);
    if let Some(address) = &address {
        address.check("address")?;
    }
    shared.check_password("password", &password, &username, &email)?;
    shared.count_registration(call).await?;
    let password_hash = shared.hasher.of(Standing::of(call)).hash(&password).await?;
    let (email_verified, roles, per_day) = (false, RoleSet::CUSTOMER, shared.mails_per_day);
    let new = NewUser {
        username,
        email,
        email_verified,
        password_hash,
        password_printed: false,
        first_name,
        last_name,
        roles,
    };
    let written = shared.db.write(call, (new, address), move |tx, input| async move {
        let (new, address) = &*input;
        // The unique indexes decide between two who want the same name; CheckUsername is a hint only.
        let user = store::users::insert(&tx, new.clone()).await?;
        tx.belongs_to(user.id).await?;
        if let Some(address) = address {
            store::addresses::insert(&tx, user.id, address.clone()).await?;
        }
        // Where there have been too many to this address, the user can ask for one later.
        let _ = per_day.ask_to_confirm(&tx, &user).await?;
        Ok(render::user(user))
    });
    let written = written.await?;
    shared.mail_due.notify_one();
    Ok(written)
}
