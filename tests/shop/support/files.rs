//! The RPCs whose bodies are no JSON messages, as methods of [`Client`] over either edge: images up and down,
//! articles in and out.

use contracts::{
    article::{
        Article, ExportArticlesRequest, GetImageRequest, ImportArticlesRequest, ImportArticlesResponse,
        UploadImageRequest, article_service_client::ArticleServiceClient,
    },
    google::api::HttpBody,
};
use futures::TryStreamExt;
use http::{Method, StatusCode};
use serde_json::Value;

use super::{
    client::{Client, Edge},
    outcome::{Answer, Outcome, Refusal},
    rest::Reply,
    transcode,
};

impl Client {
    /// Gives an article an image.
    pub async fn set_image(&self, article_id: &str, content_type: &str, data: &[u8]) -> Outcome<Article> {
        let image = HttpBody { content_type: content_type.into(), data: data.into(), extensions: Vec::new() };
        let (article_id, etag) = (article_id.into(), String::new());
        self.upload_image(UploadImageRequest { article_id, image: Some(image), etag }).await
    }

    /// Reads an article's image.
    pub async fn image(&self, article_id: &str, version: &str) -> Outcome<HttpBody> {
        self.get_image(GetImageRequest { article_id: article_id.into(), version: version.into() }).await
    }

    /// Imports articles: over REST as lines of JSON.
    pub async fn import_articles(&self, rows: Vec<ImportArticlesRequest>) -> Outcome<ImportArticlesResponse> {
        match self.edge {
            Edge::Rest => {
                let line = |row| Value::Object(transcode::json(row)).to_string();
                let lines: Vec<String> = rows.iter().map(line).collect();
                json(self.import_text("application/x-ndjson", lines.join("\n")).await)
            }
            Edge::Grpc => {
                let rows = self.sign(futures::stream::iter(rows));
                Self::answered(self.articles().import_articles(rows).await)
            }
        }
    }

    /// Imports a file of articles over REST.
    pub async fn import_text(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.http().request(Method::POST, "/v1/articles:import");
        Reply::read(request.header("content-type", content_type).body(body)).await
    }

    /// Exports articles: over REST as lines of JSON.
    pub async fn export_articles(&self, request: ExportArticlesRequest) -> Result<Vec<Article>, Refusal> {
        match self.edge {
            Edge::Rest => {
                let path = transcode::request(&request, &["/v1/articles:export"], "").path;
                let reply = self.http().get(&path).await;
                if !reply.status.is_success() {
                    return Err(Refusal::of_json(reply.status, &reply.json));
                }
                let read = |line: &str| {
                    let line: Value = serde_json::from_str(line).expect("a line of JSON");
                    match line.get("result") {
                        Some(article) => Ok(transcode::answer(&article.to_string())),
                        None => Err(Refusal::of_json(StatusCode::OK, &line)),
                    }
                };
                reply.text().lines().map(read).collect()
            }
            Edge::Grpc => {
                let articles = self.articles().export_articles(self.sign(request)).await;
                let articles = articles.map_err(|status| Refusal::of_status(&status))?.into_inner();
                articles.try_collect().await.map_err(|status| Refusal::of_status(&status))
            }
        }
    }

    pub(super) fn articles(&self) -> ArticleServiceClient<tonic::transport::Channel> {
        ArticleServiceClient::new(self.channel("feira.article.v1"))
    }
}

/// A JSON answer, whatever was sent.
pub fn json<T: prost::Message + prost::Name + Default>(reply: Reply) -> Outcome<T> {
    if !reply.status.is_success() {
        return Err(Refusal::of_json(reply.status, &reply.json));
    }
    let body = transcode::answer(&reply.text());
    Ok(Answer { body, headers: reply.headers, http: Some(reply.status) })
}
