//! Shoppers who register.

use contracts::user::{CreateUserRequest, ListUsersRequest, user_service_client::UserServiceClient};
use futures::{StreamExt, TryStreamExt, stream};
use kit::Role;
use tonic::{Code, Status};

use super::{Work, progress::Progress};

/// The ids of all users of the plan, by index, and how many of them are new.
pub async fn make(work: &Work, password: &str) -> Result<(Vec<String>, u64), Status> {
    let mut ids = found(work).await?;
    let missing: Vec<u64> = (0..work.plan.users).filter(|index| ids[*index as usize].is_empty()).collect();
    let progress = Progress::new("users", work.plan.users - missing.len() as u64, work.plan.users);
    let mut making = stream::iter(missing.iter().copied())
        .map(|index| async move { Ok::<_, Status>((index, register(work, index, password).await?)) })
        .buffer_unordered(work.at_once);
    while let Some((index, id)) = making.try_next().await? {
        ids[index as usize] = id;
        progress.step();
    }
    progress.end(missing.len() as u64);
    drop(making);
    Ok((ids, missing.len() as u64))
}

/// Those who are there already.
async fn found(work: &Work) -> Result<Vec<String>, Status> {
    let mut ids = vec![String::new(); work.plan.users as usize];
    let mut page_token = String::new();
    loop {
        let request = ListUsersRequest {
            page_size: 1_000,
            page_token,
            query: work.plan.username_prefix(),
            ..Default::default()
        };
        let page = work
            .shop
            .call("", request, |request| async {
                UserServiceClient::new(work.shop.conn(Role::User)?).list_users(request).await
            })
            .await?;
        for user in page.users {
            if let Some(index) = work.plan.user_of(&user.username) {
                ids[index as usize] = user.id;
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(ids);
        }
        page_token = page.next_page_token;
    }
}

async fn register(work: &Work, index: u64, password: &str) -> Result<String, Status> {
    let request = CreateUserRequest { password: password.to_owned(), ..work.plan.user(index) };
    let username = request.username.clone();
    let key = format!("seed:{}:user:{index}", work.plan.seed);
    let made = work
        .shop
        .call(&key, request, |request| async {
            UserServiceClient::new(work.shop.conn(Role::User)?).create_user(request).await
        })
        .await;
    match made {
        Ok(user) => Ok(user.id),
        // Another one who seeds the same was quicker.
        Err(status) if status.code() == Code::AlreadyExists => {
            let ids = found(work).await?;
            let id = ids.into_iter().nth(index as usize).filter(|id| !id.is_empty());
            id.ok_or_else(|| Status::already_exists(format!("somebody else has the address of {username}")))
        }
        Err(status) => Err(status),
    }
}
