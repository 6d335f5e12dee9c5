//! ExportArticles: page by page, as fast as they are taken.

use std::sync::Arc;

use contracts::article::{Article, ExportArticlesRequest, ListArticlesRequest};
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use kit::{Call, Db, Fault, Reason, Tasks, id::ArticleId};
use tonic::{Request, Status};

use super::{content, read};
use crate::{
    domain::list::{Filter, Visibility},
    store::lists,
};

/// Articles read at once. No transaction is open between one page and the next: an article that changes meanwhile is
/// exported as it was or as it is, and each once, because no change moves it in the order of ids.
const PAGE: u64 = 250;

/// Articles one after the other.
pub type Articles = BoxStream<'static, Result<Article, Status>>;

/// All articles that the request asks for.
pub fn export_articles(
    db: Db,
    tasks: Tasks,
    request: Request<ExportArticlesRequest>,
) -> Result<Articles, Status> {
    let visibility = Visibility::of(Call::of(&request)?.caller());
    let request = request.into_inner();
    let after = match request.after.as_str() {
        "" => None,
        after => Some(read::article_id(after, "after")?),
    };
    let filter = Arc::new(filter(request, visibility)?);
    let pages = stream::try_unfold(Place::At(after), move |place| {
        let (db, tasks, filter) = (db.clone(), tasks.clone(), filter.clone());
        async move {
            let Place::At(after) = place else { return Ok(None) };
            if tasks.is_draining() {
                let message = "this instance is going away: go on after the last article";
                return Err(Fault::new(Reason::UpstreamUnavailable, message).into());
            }
            let page = lists::by_id(db.read(), &filter, after, PAGE).await?;
            let next = match page.last() {
                Some(last) if page.len() as u64 == PAGE => Place::At(Some(last.id)),
                _ => Place::End,
            };
            let articles = page.into_iter().map(|article| Ok::<_, Status>(content::render(article)));
            Ok::<_, Status>(Some((stream::iter(articles), next)))
        }
    });
    Ok(pages.try_flatten().boxed())
}

/// How far an export has come.
enum Place {
    At(Option<ArticleId>),
    End,
}

/// The filters are those of the list.
fn filter(request: ExportArticlesRequest, visibility: Visibility) -> Result<Filter, Fault> {
    let request = ListArticlesRequest {
        query: request.query,
        category: request.category,
        min_price: request.min_price,
        max_price: request.max_price,
        in_stock: request.in_stock,
        active: request.active,
        low_stock: request.low_stock,
        ..Default::default()
    };
    read::filter(&request, visibility)
}
