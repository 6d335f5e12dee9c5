//! ArticleService.

use std::collections::HashMap;

use contracts::{
    Masked,
    article::{
        Article, BatchGetArticlesRequest, BatchGetArticlesResponse, CreateArticleRequest,
        DeleteArticleRequest, ExportArticlesRequest, GetArticleRequest, GetImageRequest,
        ImportArticlesRequest, ImportArticlesResponse, ListArticlesRequest, ListArticlesResponse,
        UpdateArticleRequest, UploadImageRequest, article_service_server::ArticleService,
        get_article_request::Key as ArticleKey,
    },
    google::api::HttpBody,
};
use kit::{
    Call, Db, Fault, Tasks, Writer,
    id::{ArticleId, Id},
};
use tonic::{Request, Response, Status, Streaming};

use super::{content, export, image, import, read};
use crate::{
    domain::{
        acts,
        list::{Cursor, Order, Visibility},
    },
    error::Error,
    store::{articles, lists},
};

/// The handlers.
pub struct Articles {
    db: Writer<Error>,
    tasks: Tasks,
    /// The most bytes of an image.
    image_limit: usize,
}

impl Articles {
    /// Handlers on a database.
    pub fn new(db: Db, tasks: Tasks, image_limit: usize) -> Self {
        Self { db: db.into(), tasks, image_limit }
    }
}

#[tonic::async_trait]
impl ArticleService for Articles {
    async fn create_article(
        &self,
        request: Request<CreateArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        let call = Call::of(&request)?;
        let content = content::read(&request.into_inner().article.unwrap_or_default())?;
        content.check(None).map_err(Error::from)?;
        let written = self.db.write(&call, content, |tx, content| async move {
            Ok(content::render(articles::insert(&tx, ArticleId::new(), &content).await?))
        });
        Ok(written.await?.into())
    }

    async fn get_article(&self, request: Request<GetArticleRequest>) -> Result<Response<Article>, Status> {
        let visibility = Visibility::of(Call::of(&request)?.caller());
        let found = match request.into_inner().key {
            Some(ArticleKey::Id(id)) => {
                articles::by_id(self.db.read(), visibility, read::article_id(&id, "id")?).await?
            }
            Some(ArticleKey::Code(code)) => articles::by_code(self.db.read(), visibility, &code).await?,
            None => return Err(Fault::invalid("key", "is required").into()),
        };
        Ok(Response::new(content::render(found)))
    }

    async fn batch_get_articles(
        &self,
        request: Request<BatchGetArticlesRequest>,
    ) -> Result<Response<BatchGetArticlesResponse>, Status> {
        let visibility = Visibility::of(Call::of(&request)?.caller());
        let id = |(place, text): (usize, &String)| read::article_id(text, &format!("ids[{place}]"));
        let ids = request.get_ref().ids.iter().enumerate().map(id).collect::<Result<Vec<_>, _>>()?;
        let found = articles::by_ids(self.db.read(), visibility, ids.iter().copied().collect()).await?;
        let found = found.into_iter().map(|article| (article.id, content::render(article)));
        let mut found: HashMap<ArticleId, Article> = found.collect();
        // None is asked for twice, as a rule: then nothing is copied.
        let distinct = found.len() == ids.len();
        let article = |id: &ArticleId| {
            let article = if distinct { found.remove(id) } else { found.get(id).cloned() };
            article.ok_or(Error::NoArticle(Some(*id)))
        };
        let articles = ids.iter().map(article).collect::<Result<_, _>>()?;
        Ok(Response::new(BatchGetArticlesResponse { articles }))
    }

    async fn list_articles(
        &self,
        request: Request<ListArticlesRequest>,
    ) -> Result<Response<ListArticlesResponse>, Status> {
        let visibility = Visibility::of(Call::of(&request)?.caller());
        let request = request.into_inner();
        let filter = read::filter(&request, visibility)?;
        let unknown =
            || Fault::invalid("order_by", "must be name, price or create_time, with or without \" desc\"");
        let order = Order::read(&request.order_by).ok_or_else(unknown)?;
        let page = self.db.public_page::<Cursor>(&request)?;
        if page.after.as_ref().is_some_and(|after| after.key.order() != order.0) {
            return Err(Fault::invalid("page_token", "is not a page token").into());
        }
        let found = lists::page(self.db.read(), &filter, order, page.after.as_ref(), page.limit()).await?;
        let render = |(_, article)| Ok::<_, Status>(content::render(article));
        let (articles, next_page_token) = page.make(found, |(cursor, _)| cursor.clone(), render)?;
        Ok(Response::new(ListArticlesResponse { articles, next_page_token }))
    }

    async fn update_article(
        &self,
        request: Request<UpdateArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let mask = request.mask();
        let article = request.article.unwrap_or_default();
        let id = read::article_id(&article.id, "article.id")?;
        let price = if mask.has("price") { content::price(&article)? } else { None };
        let written = self.db.write(&call, (article, mask), move |tx, input| async move {
            let (article, mask) = &*input;
            let mut repriced = None;
            let changed = articles::update(&tx, id, &article.etag, |content| {
                let before = content.price;
                content::change(content, article, price, mask);
                content.check(before)?;
                repriced = (content.price != before).then_some((before, content.price));
                Ok(!mask.is_empty())
            });
            let changed = changed.await?;
            if let Some((before, after)) = repriced {
                tx.audit(&acts::repriced(id, before, after));
            }
            Ok(content::render(changed))
        });
        Ok(written.await?.into())
    }

    async fn delete_article(&self, request: Request<DeleteArticleRequest>) -> Result<Response<()>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let id = read::article_id(&request.id, "id")?;
        let written = self.db.write(&call, request.etag, move |tx, etag| async move {
            articles::delete(&tx, id, &etag).await
        });
        Ok(written.await?.into())
    }

    async fn upload_image(&self, request: Request<UploadImageRequest>) -> Result<Response<Article>, Status> {
        image::upload_image(&self.db, self.image_limit, request).await
    }

    async fn get_image(&self, request: Request<GetImageRequest>) -> Result<Response<HttpBody>, Status> {
        image::get_image(&self.db, request).await
    }

    async fn import_articles(
        &self,
        request: Request<Streaming<ImportArticlesRequest>>,
    ) -> Result<Response<ImportArticlesResponse>, Status> {
        let call = Call::of_stream(&request)?;
        let answer = import::import_articles(&self.db, &self.tasks, &call, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    type ExportArticlesStream = export::Articles;

    async fn export_articles(
        &self,
        request: Request<ExportArticlesRequest>,
    ) -> Result<Response<export::Articles>, Status> {
        let db = Db::clone(&self.db);
        Ok(Response::new(export::export_articles(db, self.tasks.clone(), request)?))
    }
}
