//! The catalogue: its articles, their stock, and their pictures.

use std::{collections::HashMap, future::ready};

use contracts::{
    article::{
        AdjustStockRequest, Article, GetStockRequest, ImportArticlesRequest, ListArticlesRequest,
        StockReason, UploadImageRequest, article_service_client::ArticleServiceClient,
        stock_service_client::StockServiceClient,
    },
    google::api::HttpBody,
};
use futures::{StreamExt, TryStreamExt, stream};
use kit::{Conn, Role};
use tonic::Status;

use super::{Work, picture, progress::Progress};

/// Articles that are imported by one call. What was committed of a call that broke off is found again.
const ROWS: usize = 500;
/// Imports at once: a database writes no faster by more.
const IMPORTS: usize = 4;

/// An article as it is in the shop.
#[derive(Debug, Clone, Default)]
pub struct Stocked {
    /// Empty while there is none.
    pub id: String,
    /// Free units.
    available: i64,
    has_picture: bool,
}

/// All articles of the plan, by index, and how many of them are new. `demand` says how many of each are still
/// to be sold.
pub async fn make(work: &Work, demand: &HashMap<u64, i64>) -> Result<(Vec<Stocked>, u64), Status> {
    let stocked = found(work).await?;
    let missing: Vec<u64> =
        (0..).zip(&stocked).filter(|(_, it)| it.id.is_empty()).map(|(it, _)| it).collect();
    let (total, new) = (work.plan.articles, missing.len() as u64);
    let progress = Progress::new("articles", total - new, total);
    let calls: Vec<Vec<u64>> = missing.chunks(ROWS).map(<[u64]>::to_vec).collect();
    let mut importing = stream::iter(calls)
        .map(|indices| async move {
            import(work, &indices, demand).await?;
            Ok::<_, Status>(indices.len() as u64)
        })
        .buffer_unordered(work.at_once.min(IMPORTS));
    while let Some(count) = importing.try_next().await? {
        progress.steps(count);
    }
    progress.end(new);
    drop(importing);

    let old: Vec<(u64, Stocked)> = (0..).zip(stocked.clone()).filter(|(_, it)| !it.id.is_empty()).collect();
    stream::iter(old)
        .map(|(index, item)| async move {
            restock(work, index, &item, demand.get(&index).copied().unwrap_or(0)).await
        })
        .buffer_unordered(work.at_once)
        .try_for_each(|()| ready(Ok(())))
        .await?;
    let stocked = if new == 0 { stocked } else { found(work).await? };
    Ok((stocked, new))
}

async fn found(work: &Work) -> Result<Vec<Stocked>, Status> {
    let mut stocked = vec![Stocked::default(); work.plan.articles as usize];
    let mut page_token = String::new();
    loop {
        let request = ListArticlesRequest { page_size: 1_000, page_token, ..Default::default() };
        let page = work
            .shop
            .call("", request, |request| async { client(work)?.list_articles(request).await })
            .await?;
        for article in page.articles {
            if let Some(index) = work.plan.article_of(&article.code) {
                stocked[index as usize] = item(article);
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(stocked);
        }
        page_token = page.next_page_token;
    }
}

fn client(work: &Work) -> Result<ArticleServiceClient<Conn>, Status> {
    Ok(ArticleServiceClient::new(work.shop.conn(Role::Article)?))
}

fn item(article: Article) -> Stocked {
    Stocked { id: article.id, available: article.available, has_picture: !article.image_url.is_empty() }
}

/// Makes articles, with what is to be sold of each and what is to be left then on the item.
async fn import(work: &Work, indices: &[u64], demand: &HashMap<u64, i64>) -> Result<(), Status> {
    let row = |index: &u64| {
        let article = work.plan.article(*index);
        ImportArticlesRequest {
            code: article.code,
            name: Some(article.name),
            description: Some(article.description),
            category: Some(article.category),
            price: article.price,
            tax_rate_basis_points: Some(article.tax_rate_basis_points),
            active: Some(article.active),
            low_stock_threshold: Some(article.low_stock_threshold),
            received: demand.get(index).copied().unwrap_or(0) + work.plan.left(*index),
            ..Default::default()
        }
    };
    let rows: Vec<ImportArticlesRequest> = indices.iter().map(row).collect();
    let done = work
        .shop
        .call("", rows, |request| async { client(work)?.import_articles(request.map(stream::iter)).await })
        .await?;
    match done.errors.first() {
        None => Ok(()),
        Some(error) => {
            Err(Status::invalid_argument(format!("the article {} was refused: {error:?}", error.code)))
        }
    }
}

/// Puts on the item of an article that is there already what is short of what is to be sold.
async fn restock(work: &Work, index: u64, item: &Stocked, wanted: i64) -> Result<(), Status> {
    if wanted <= item.available {
        return Ok(());
    }
    let client = || Ok::<_, Status>(StockServiceClient::new(work.shop.conn(Role::Article)?));
    let request = GetStockRequest { article_id: item.id.clone() };
    let stock = work.shop.call("", request, |request| async { client()?.get_stock(request).await }).await?;
    let delta = wanted - stock.free;
    if delta <= 0 {
        return Ok(());
    }
    let key = format!("seed:{}:stock:{index}:{}:{delta}", work.plan.seed, stock.sold + stock.reserved);
    let request = AdjustStockRequest {
        article_id: item.id.clone(),
        delta,
        reason: StockReason::Received.into(),
        note: "demo shop".to_owned(),
        order_id: None,
    };
    work.shop.call(&key, request, |request| async { client()?.adjust_stock(request).await }).await?;
    Ok(())
}

/// Gives the first articles their pictures; answers with how many of them are new.
pub async fn picture(work: &Work, stocked: &[Stocked]) -> Result<u64, Status> {
    let first = work.plan.pictures.min(stocked.len() as u64);
    let missing: Vec<(u64, String)> = (0..first)
        .zip(stocked)
        .filter(|(_, item)| !item.has_picture)
        .map(|(index, item)| (index, item.id.clone()))
        .collect();
    let new = missing.len() as u64;
    let progress = Progress::new("pictures", first - new, first);
    let mut hanging = stream::iter(missing)
        .map(|(index, article_id)| async move {
            let data =
                picture::png(&work.plan, index).map_err(|error| Status::internal(error.to_string()))?;
            let image = HttpBody { content_type: "image/png".to_owned(), data, extensions: Vec::new() };
            let request = UploadImageRequest { article_id, image: Some(image), etag: String::new() };
            let key = format!("seed:{}:picture:{index}", work.plan.seed);
            work.shop.call(&key, request, |request| async { client(work)?.upload_image(request).await }).await
        })
        .buffer_unordered(work.at_once);
    while hanging.try_next().await?.is_some() {
        progress.step();
    }
    progress.end(new);
    drop(hanging);
    Ok(new)
}
