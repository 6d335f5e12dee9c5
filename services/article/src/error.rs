//! Why a call is refused, and how its caller sees it.

use std::collections::HashMap;

use kit::{Fault, Reason, id::ArticleId};
use sea_orm::DbErr;

use crate::{
    api::states,
    domain::{
        article::BadPrice,
        caps::OverCap,
        image::BadImage,
        reservation::{Illegal, State},
        stock::{BadDelta, MOST_FREE, Return, Short},
    },
};

/// Every refusal and failure of this service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("article not found")]
    NoArticle(Option<ArticleId>),
    #[error("another article has this code")]
    CodeTaken,
    #[error("the article has another version")]
    Stale,
    #[error("the price {0}")]
    Price(#[from] BadPrice),
    #[error("the image {0}")]
    Image(#[from] BadImage),
    #[error("image not found")]
    NoImage,
    #[error("the change {0}")]
    Delta(#[from] BadDelta),
    #[error("there would be too much in stock")]
    TooMuch,
    #[error("not enough in stock")]
    OutOfStock(Vec<Short>),
    /// An order has less of an article sold than is to come back.
    #[error("so much was not sold")]
    NotSold { back: Return, sold: i64 },
    #[error("order not found")]
    NoOrder,
    #[error("not for sale")]
    Inactive(Vec<ArticleId>),
    #[error("the reservation is {0:?}")]
    Illegal(State),
    #[error("reserved with other lines")]
    OtherLines,
    #[error("too much is reserved by unpaid orders")]
    OverCap(OverCap),
    #[error("the end of the reservation has passed")]
    Past,
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<Illegal> for Error {
    fn from(illegal: Illegal) -> Self {
        Error::Illegal(illegal.0)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::NoArticle(None) => Fault::not_found("article"),
            Error::NoArticle(Some(id)) => Fault::not_found("article").with("article_id", id),
            Error::CodeTaken => Fault::already_exists("article", "code"),
            Error::Stale => Fault::etag_mismatch(),
            Error::Price(problem) => {
                Fault::invalid(format!("article.{}", problem.field()), problem.to_string())
            }
            Error::Image(problem) => Fault::invalid("image", problem.to_string()),
            Error::NoImage => Fault::not_found("image"),
            Error::Delta(problem) => Fault::invalid("delta", problem.to_string()),
            Error::TooMuch => Fault::invalid("delta", format!("must leave at most {MOST_FREE} units free")),
            Error::OutOfStock(shorts) => {
                let about = shorts.iter().map(|short| {
                    let id = ("article_id".to_owned(), short.article_id.to_string());
                    HashMap::from([id, ("free".to_owned(), short.free.to_string())])
                });
                about_each(Fault::new(Reason::OutOfStock, "not enough in stock"), about)
            }
            Error::NotSold { back, sold } => {
                let message = format!("the order has {sold} of it sold: no more than that can come back");
                Fault::new(Reason::NotSold, message)
                    .with("article_id", back.article_id)
                    .with("order_id", back.order_id)
                    .with("sold", sold)
            }
            Error::NoOrder => Fault::not_found("order"),
            Error::Inactive(ids) => {
                let about = ids.iter().map(|id| HashMap::from([("article_id".to_owned(), id.to_string())]));
                about_each(Fault::new(Reason::ArticleInactive, "not for sale"), about)
            }
            Error::Illegal(State::Unmade) => Fault::not_found("reservation"),
            Error::Illegal(state) => {
                Fault::illegal_state("the reservation's state forbids it", states::name(state))
            }
            Error::OtherLines => {
                Fault::invalid("lines", "differ from those that this try of the order has reserved already")
            }
            Error::OverCap(OverCap::Orders(most)) => {
                let message =
                    format!("at most {most} orders may wait for their payment: pay or cancel one first");
                Fault::limit_exceeded("unpaid_orders", most, message)
            }
            Error::OverCap(OverCap::Units { article_id, most }) => {
                let message = format!("unpaid orders may have at most {most} units of an article reserved");
                Fault::limit_exceeded("unpaid_units", most, message).with("article_id", article_id)
            }
            Error::Past => Fault::invalid("expire_time", "must be in the future"),
            Error::Fault(fault) => fault,
            Error::Database(error) => Fault::from(error),
        }
    }
}

/// One `ErrorInfo` for each of what a refusal is about.
fn about_each(mut fault: Fault, about: impl Iterator<Item = HashMap<String, String>>) -> Fault {
    fault.metadata = about.collect();
    fault
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> tonic::Status {
        Fault::from(error).into()
    }
}

impl kit::write::Failure for Error {
    fn database(&self) -> Option<&DbErr> {
        match self {
            Error::Database(error) => Some(error),
            _ => None,
        }
    }
}
