//! `UserService`: users. Addresses and passwords have files of their own.

use std::time::Instant;

use contracts::{
    Masked,
    user::{
        Address, ChangePasswordRequest, CheckUsernameRequest, CheckUsernameResponse, CreateAddressRequest,
        CreateRoleRequest, CreateUserRequest, DeleteAddressRequest, DeleteRoleRequest, DeleteUserRequest,
        DisableUserRequest, EnableUserRequest, FindUsersRequest, FindUsersResponse, GetAddressRequest,
        GetRoleRequest, GetUserRequest, ListAddressesRequest, ListAddressesResponse, ListRolesRequest,
        ListRolesResponse, ListUsersRequest, ListUsersResponse, SetRolesRequest, StaffRole,
        UpdateAddressRequest, UpdateRoleRequest, UpdateUserRequest, User, UserChange, UserErased,
        user_service_server::UserService,
    },
};
use kit::{Call, Fault, Scope, audit_log::Act, id::UserId, replayed};
use tonic::{Request, Response, Status};

use crate::{
    api::{Users, addresses, audit::source, passwords, read, recovery, register, render, roles as made},
    domain::{
        mail::{MailKind, Purpose},
        names, roles,
    },
    error::Error,
    store::{
        self, audit,
        entities::user::Model,
        lists::{self, Filter},
        sessions,
    },
};

/// Users that a search for orders may mean.
const MOST_FOUND: u64 = 2_000;

#[tonic::async_trait]
impl UserService for Users {
    async fn create_user(&self, request: Request<CreateUserRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        Ok(register::create_user(&self.0, &call, request.into_inner()).await?.into())
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let id = call.user_id(&request.get_ref().id, "id")?;
        let user = store::users::find(self.0.db.read(), call.scope()?, id).await?;
        Ok(Response::new(render::user(user)))
    }

    async fn list_users(
        &self,
        request: Request<ListUsersRequest>,
    ) -> Result<Response<ListUsersResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let page = self.0.db.page::<UserId>(&call, &request)?;
        let filter = Filter {
            role: request.role.and_then(read::role),
            query: request.query,
            disabled: request.disabled,
        };
        let db = self.0.db.read();
        let named = filter.named(db).await.map_err(Fault::from)?;
        let but = named.as_ref().map(|user| user.id);
        // That user is on the first page alone; the next one goes on after it with the newest.
        let mut rows: Vec<_> = named.filter(|_| page.after.is_none()).into_iter().collect();
        let others = page.limit() - rows.len() as u64;
        rows.extend(lists::list(db, &filter, but, page.after, others).await.map_err(Fault::from)?);
        let place = |row: &Model| if Some(row.id) == but { UserId::LAST } else { row.id };
        let (users, next_page_token) = page.make(rows, place, |row| Ok::<_, Status>(render::user(row)))?;
        Ok(Response::new(ListUsersResponse { users, next_page_token }))
    }

    async fn find_users(
        &self,
        request: Request<FindUsersRequest>,
    ) -> Result<Response<FindUsersResponse>, Status> {
        let FindUsersRequest { query, user_ids } = request.into_inner();
        let among: Vec<UserId> = user_ids.iter().filter_map(|id| id.parse().ok()).collect();
        let filter = Filter { query, ..Filter::default() };
        let db = self.0.db.read();
        if let Some(user) = filter.named(db).await.map_err(Fault::from)? {
            return Ok(Response::new(FindUsersResponse { user_ids: vec![user.id.to_string()], more: false }));
        }
        let found = lists::ids(db, &filter, &among, MOST_FOUND + 1).await.map_err(Fault::from)?;
        let more = found.len() as u64 > MOST_FOUND;
        let user_ids = found.iter().take(MOST_FOUND as usize).map(UserId::to_string).collect();
        Ok(Response::new(FindUsersResponse { user_ids, more }))
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        // A repeat is answered however long ago its user has signed in.
        if let Some(written) = replayed(&self.0.db, &call).await? {
            return Ok(Response::<User>::from(written));
        }
        let mask = request.get_ref().mask();
        let sent = request.into_inner().user.unwrap_or_default();
        let id = call.user_id(&sent.id, "user.id")?;
        let scope = call.scope()?;
        let sent = read::changes(sent, &mask).map_err(Error::from)?;
        if mask.has("email") || mask.has("username") {
            let known = store::users::find(self.0.db.read(), scope, id).await?;
            let renamed = mask.has("username") && known.username != sent.username;
            let moved = mask.has("email") && !names::is_stored_as(&known.email, &sent.email);
            recovery::may_be_called(&self.0, &call, id, (renamed, moved)).await?;
        }
        let per_day = self.0.mails_per_day;
        let written = self.0.db.write(&call, (sent, mask), move |tx, input| async move {
            let (sent, mask) = &*input;
            let mut user = store::users::lock(&tx, scope, id).await?;
            roles::may_act(tx.call().caller(), user.id, user.rights())?;
            render::check_etag(&sent.etag, user.version)?;
            if mask.is_empty() {
                return Ok(render::user(user));
            }
            for (field, kind, old, new) in [
                ("username", "username.changed", &user.username, &sent.username),
                ("email", "email.changed", &user.email, &sent.email),
            ] {
                if mask.has(field) && old != new {
                    audit::record(&tx, &Act::new(kind).of(id)).await?;
                }
            }
            let renamed = mask.has("username") && user.username != sent.username;
            let moved = mask.has("email") && !names::is_stored_as(&user.email, &sent.email);
            if (renamed || moved) && !roles::may_rename(tx.call().caller(), user.id, user.rights()) {
                let problem = "an API key changes no username or e-mail of its own user or of staff";
                return Err(Fault::denied(problem).into());
            }
            if renamed {
                per_day.tell(&tx, &user, MailKind::UsernameChanged).await?;
            }
            if moved {
                // The old address hears of it: who took the account over is not the only one who knows.
                per_day.tell(&tx, &user, MailKind::EmailChanged).await?;
                user.email_verified = false;
                // They were for the address before, also where that differs only in how it is written.
                for purpose in [Purpose::ConfirmEmail, Purpose::ResetPassword] {
                    store::tokens::drop_all(&tx, id, purpose).await?;
                }
            }
            for (field, own, new) in [
                ("username", &mut user.username, &sent.username),
                ("email", &mut user.email, &sent.email),
                ("first_name", &mut user.first_name, &sent.first_name),
                ("last_name", &mut user.last_name, &sent.last_name),
            ] {
                if mask.has(field) {
                    own.clone_from(new);
                }
            }
            let user = store::users::change(&tx, user).await?;
            if moved {
                let _ = per_day.ask_to_confirm(&tx, &user).await?;
            }
            Ok(render::user(user))
        });
        let written = written.await?;
        self.0.mail_due.notify_one();
        Ok(written.into())
    }

    async fn delete_user(&self, request: Request<DeleteUserRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let DeleteUserRequest { id, etag } = request.into_inner();
        let id = call.user_id(&id, "id")?;
        recovery::signed_in_lately(&self.0, &call, id).await?;
        let written = self.0.write_revoking(&call, etag, move |tx, etag, revocations| async move {
            let (user, administrators) = store::users::lock_with_administrators(&tx, id).await?;
            roles::may_act(tx.call().caller(), user.id, user.rights())?;
            render::check_etag(&etag, user.version)?;
            // Checked under the locks of all of them: two administrators who erase each other take turns, and the
            // second finds nobody else enabled.
            roles::without(id, &administrators)?;
            store::users::erase(&tx, &user).await?;
            revocations.all_of(&tx, id).await?;
            audit::record(&tx, &Act::new(audit::ERASED).of(id)).await?;
            audit::forget(&tx, id).await?;
            tx.publish(id, &UserErased { user_id: id.to_string() });
            Ok(())
        });
        Ok(written.await?.into())
    }

    async fn check_username(
        &self,
        request: Request<CheckUsernameRequest>,
    ) -> Result<Response<CheckUsernameResponse>, Status> {
        let call = Call::of(&request)?;
        let username = request.into_inner().username;
        names::check_username(&username, "username").map_err(Error::from)?;
        self.0.username_checks.take(&source(&call), Instant::now()).map_err(Error::TooManyRequests)?;
        let holder = store::users::by_login(self.0.db.read(), &username).await.map_err(Fault::from)?;
        Ok(Response::new(CheckUsernameResponse { available: holder.is_none() }))
    }

    async fn change_password(&self, request: Request<ChangePasswordRequest>) -> Result<Response<()>, Status> {
        Ok(passwords::change_password(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn set_roles(&self, request: Request<SetRolesRequest>) -> Result<Response<User>, Status> {
        Ok(made::set_roles(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn create_role(&self, request: Request<CreateRoleRequest>) -> Result<Response<StaffRole>, Status> {
        Ok(made::create_role(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn get_role(&self, request: Request<GetRoleRequest>) -> Result<Response<StaffRole>, Status> {
        Ok(Response::new(made::get_role(&self.0, request.into_inner()).await?))
    }

    async fn list_roles(
        &self,
        request: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        Ok(Response::new(made::list_roles(&self.0, &Call::of(&request)?, request.into_inner()).await?))
    }

    async fn update_role(&self, request: Request<UpdateRoleRequest>) -> Result<Response<StaffRole>, Status> {
        Ok(made::update_role(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn delete_role(&self, request: Request<DeleteRoleRequest>) -> Result<Response<()>, Status> {
        Ok(made::delete_role(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn disable_user(&self, request: Request<DisableUserRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let id = call.user_id(&request.get_ref().id, "id")?;
        let written = self.0.write_revoking(&call, id, |tx, id, revocations| async move {
            let id = *id;
            let (mut user, administrators) = store::users::lock_with_administrators(&tx, id).await?;
            roles::may_act(tx.call().caller(), user.id, user.rights())?;
            if user.disabled {
                return Ok(render::user(user));
            }
            roles::without(id, &administrators)?;
            user.disabled = true;
            audit::record(&tx, &Act::new("user.disabled").of(id)).await?;
            // With the user's row held, no sign-in and no refresh begins in between.
            revocations.tokens_of(&tx, &mut user).await?;
            sessions::end_all(&tx, id, None).await?;
            Ok(render::user(store::users::change_as(&tx, user, UserChange::Disabled).await?))
        });
        Ok(written.await?.into())
    }

    async fn enable_user(&self, request: Request<EnableUserRequest>) -> Result<Response<User>, Status> {
        let call = Call::of(&request)?;
        let id = call.user_id(&request.get_ref().id, "id")?;
        let written = self.0.db.write(&call, id, |tx, id| async move {
            let mut user = store::users::lock(&tx, Scope::All, *id).await?;
            roles::may_act(tx.call().caller(), user.id, user.rights())?;
            if user.disabled {
                user.disabled = false;
                audit::record(&tx, &Act::new("user.enabled").of(*id)).await?;
                user = store::users::change_as(&tx, user, UserChange::Enabled).await?;
            }
            Ok(render::user(user))
        });
        Ok(written.await?.into())
    }

    async fn create_address(
        &self,
        request: Request<CreateAddressRequest>,
    ) -> Result<Response<Address>, Status> {
        Ok(addresses::create_address(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn get_address(&self, request: Request<GetAddressRequest>) -> Result<Response<Address>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(addresses::get_address(&self.0, &call, request.into_inner()).await?))
    }

    async fn list_addresses(
        &self,
        request: Request<ListAddressesRequest>,
    ) -> Result<Response<ListAddressesResponse>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(addresses::list_addresses(&self.0, &call, request.into_inner()).await?))
    }

    async fn update_address(
        &self,
        request: Request<UpdateAddressRequest>,
    ) -> Result<Response<Address>, Status> {
        Ok(addresses::update_address(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }

    async fn delete_address(&self, request: Request<DeleteAddressRequest>) -> Result<Response<()>, Status> {
        Ok(addresses::delete_address(&self.0, &Call::of(&request)?, request.into_inner()).await?.into())
    }
}
