//! The RPCs whose bodies are no JSON messages, as methods of [`Client`] over either edge: images up and down.

use contracts::{
    article::{Article, GetImageRequest, UploadImageRequest, article_service_client::ArticleServiceClient},
    google::api::HttpBody,
};
use http::Method;

use super::{
    client::{Client, Edge},
    outcome::{Answer, Outcome, Refusal},
    rest::Reply,
    rpcs::Rpc,
    transcode,
};

/// Where REST has them, and the order's stream of [`super::watch`].
pub const FILES: &[Rpc] = &[
    Rpc {
        service: "feira.article.v1.ArticleService",
        name: "UploadImage",
        method: Method::POST,
        paths: &["/v1/articles/{article_id}/image"],
        body: "image",
    },
    Rpc {
        service: "feira.article.v1.ArticleService",
        name: "GetImage",
        method: Method::GET,
        paths: &["/v1/articles/{article_id}/image"],
        body: "",
    },
    Rpc {
        service: "feira.order.v1.OrderService",
        name: "WatchOrder",
        method: Method::GET,
        paths: &["/v1/orders/{id}:watch"],
        body: "",
    },
];

impl Client {
    /// Gives an article an image.
    pub async fn upload_image(&self, article_id: &str, content_type: &str, data: &[u8]) -> Outcome<Article> {
        match self.edge {
            Edge::Rest => {
                let path = format!("/v1/articles/{article_id}/image");
                let request = self.http().request(Method::POST, &path).header("content-type", content_type);
                json(Reply::read(request.body(data.to_vec())).await)
            }
            Edge::Grpc => {
                let image = HttpBody {
                    content_type: content_type.into(),
                    data: data.to_vec(),
                    extensions: Vec::new(),
                };
                let request = UploadImageRequest {
                    article_id: article_id.into(),
                    image: Some(image),
                    etag: String::new(),
                };
                Self::answered(self.articles().upload_image(self.sign(request)).await)
            }
        }
    }

    /// Reads an article's image.
    pub async fn get_image(&self, article_id: &str, version: &str) -> Outcome<HttpBody> {
        match self.edge {
            Edge::Rest => {
                let reply =
                    self.http().get(&format!("/v1/articles/{article_id}/image?version={version}")).await;
                if !reply.status.is_success() {
                    return Err(Refusal::of_json(reply.status, &reply.json));
                }
                let content_type = reply.header("content-type").to_owned();
                let body = HttpBody { content_type, data: reply.bytes, extensions: Vec::new() };
                Ok(Answer { body, headers: reply.headers, http: Some(reply.status) })
            }
            Edge::Grpc => {
                let request = GetImageRequest { article_id: article_id.into(), version: version.into() };
                Self::answered(self.articles().get_image(self.sign(request)).await)
            }
        }
    }

    pub(super) fn articles(&self) -> ArticleServiceClient<tonic::transport::Channel> {
        ArticleServiceClient::new(self.channel("feira.article.v1"))
    }
}

/// A JSON answer, whatever was sent.
pub(super) fn json<T: prost::Message + prost::Name + Default>(reply: Reply) -> Outcome<T> {
    if !reply.status.is_success() {
        return Err(Refusal::of_json(reply.status, &reply.json));
    }
    let body = transcode::answer(&reply.text());
    Ok(Answer { body, headers: reply.headers, http: Some(reply.status) })
}
