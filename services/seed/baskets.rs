//! Baskets that their owners have filled and not checked out.

use contracts::order::{AddLineRequest, GetOpenOrderRequest};
use futures::{StreamExt, TryStreamExt, stream};
use tonic::{Code, Status};

use super::{
    Work,
    articles::Stocked,
    orders::{client, id_of},
    progress::Progress,
};

/// Fills the baskets, as their owners; answers with how many there are. None where the owners have another
/// password.
pub async fn fill(work: &Work, password: &str, stocked: &[Stocked]) -> Result<Option<u64>, Status> {
    let total = work.plan.baskets;
    let progress = Progress::new("baskets", 0, total);
    let mut filling = stream::iter(0..total)
        .map(|index| one(work, index, password, stocked))
        .buffer_unordered(work.at_once);
    loop {
        match filling.try_next().await {
            Ok(Some(())) => progress.step(),
            Ok(None) => break,
            Err(status) if status.code() == Code::Unauthenticated => return Ok(None),
            Err(status) => return Err(status),
        }
    }
    progress.end(total);
    Ok(Some(total))
}

async fn one(work: &Work, index: u64, password: &str, stocked: &[Stocked]) -> Result<(), Status> {
    let (user, lines) = work.plan.basket(index);
    let token = work.shop.sign_in(&work.plan.user(user).username, password).await?;
    let request = GetOpenOrderRequest::default();
    let there = work
        .shop
        .call_as(&token, "", request, |request| async { client(work)?.get_open_order(request).await })
        .await;
    let there: Vec<String> = match there {
        Ok(basket) => basket.lines.into_iter().map(|line| line.article_id).collect(),
        Err(status) if status.code() == Code::NotFound => Vec::new(),
        Err(status) => return Err(status),
    };
    for (article, quantity) in lines {
        let article_id = id_of(stocked, article);
        if there.contains(&article_id) {
            continue;
        }
        let key = format!("seed:{}:basket:{index}:{article_id}", work.plan.seed);
        let request =
            AddLineRequest { order_id: "open".to_owned(), article_id, quantity, etag: String::new() };
        work.shop
            .call_as(&token, &key, request, |request| async { client(work)?.add_line(request).await })
            .await?;
    }
    Ok(())
}
