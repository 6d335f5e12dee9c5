//! Address books.

use contracts::{
    Masked,
    user::{
        Address, CreateAddressRequest, DeleteAddressRequest, GetAddressRequest, ListAddressesRequest,
        ListAddressesResponse, UpdateAddressRequest,
    },
};
use kit::{
    Call, Fault, Scope, Tx, Written,
    id::{AddressId, UserId},
};

use crate::{
    api::{Shared, render},
    domain::{Invalid, address::Fields, roles},
    error::Error,
    store::{self, entities::user},
};

pub async fn create_address(
    shared: &Shared,
    call: &Call,
    request: CreateAddressRequest,
) -> Result<Written<Address>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let scope = call.scope()?;
    let sent = request.address.unwrap_or_default();
    if !sent.user_id.is_empty() && call.user_id(&sent.user_id, "address.user_id").ok() != Some(user_id) {
        return Err(Invalid::new("address.user_id", "is not the user_id of the request").into());
    }
    let fields = Fields::from(sent);
    fields.check("address")?;
    let written = shared.db.write(call, fields, move |tx, fields| async move {
        let owner = lock_owner(&tx, scope, user_id).await?;
        Ok(render::address(store::addresses::insert(&tx, owner.id, (*fields).clone()).await?))
    });
    written.await
}

pub async fn get_address(shared: &Shared, call: &Call, request: GetAddressRequest) -> Result<Address, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let id = address_id(&request.id, "id")?;
    let found = store::addresses::find(shared.db.read(), call.scope()?, user_id, id).await?;
    Ok(render::address(found))
}

pub async fn list_addresses(
    shared: &Shared,
    call: &Call,
    request: ListAddressesRequest,
) -> Result<ListAddressesResponse, Error> {
    let page = shared.db.page::<AddressId>(call, &request)?;
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let (db, scope) = (shared.db.read(), call.scope()?);
    let rows = store::addresses::list(db, scope, user_id, page.after, page.limit()).await?;
    if rows.is_empty() {
        store::users::find(db, scope, user_id).await?;
    }
    let (addresses, next_page_token) =
        page.make(rows, |row| row.id, |row| Ok::<_, Error>(render::address(row)))?;
    Ok(ListAddressesResponse { addresses, next_page_token })
}

pub async fn update_address(
    shared: &Shared,
    call: &Call,
    request: UpdateAddressRequest,
) -> Result<Written<Address>, Error> {
    let mask = request.mask();
    let sent = request.address.unwrap_or_default();
    let user_id = call.user_id(&sent.user_id, "address.user_id")?;
    let id = address_id(&sent.id, "address.id")?;
    let scope = call.scope()?;
    let written = shared.db.write(call, (sent, mask), move |tx, input| async move {
        let (sent, mask) = &*input;
        lock_owner(&tx, scope, user_id).await?;
        let address = store::addresses::lock(&tx, scope, user_id, id).await?;
        render::check_etag(&sent.etag, address.version)?;
        if mask.is_empty() {
            return Ok(render::address(address));
        }
        let fields = address.fields().changed(sent.clone().into(), mask);
        fields.check("address")?;
        Ok(render::address(store::addresses::change(&tx, address, fields).await?))
    });
    written.await
}

pub async fn delete_address(
    shared: &Shared,
    call: &Call,
    request: DeleteAddressRequest,
) -> Result<Written<()>, Error> {
    let user_id = call.user_id(&request.user_id, "user_id")?;
    let id = address_id(&request.id, "id")?;
    let scope = call.scope()?;
    let written = shared.db.write(call, request.etag, move |tx, etag| async move {
        lock_owner(&tx, scope, user_id).await?;
        let address = store::addresses::lock(&tx, scope, user_id, id).await?;
        render::check_etag(&etag, address.version)?;
        store::addresses::delete(&tx, user_id, id).await?;
        Ok(())
    });
    written.await
}

/// Locks the user whose address book is about to change, if the caller may change it.
async fn lock_owner(tx: &Tx, scope: Scope, user_id: UserId) -> Result<user::Model, Error> {
    let owner = store::users::lock(tx, scope, user_id).await?;
    roles::may_act(tx.call().caller(), owner.id, owner.rights())?;
    Ok(owner)
}

fn address_id(text: &str, field: &str) -> Result<AddressId, Fault> {
    text.parse().map_err(|problem: kit::id::Malformed| Fault::invalid(field, problem.to_string()))
}
