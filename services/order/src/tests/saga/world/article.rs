//! Stock: reservations by order and attempt.

use contracts::article::{self, ReservationState};
use kit::{Fault, Money, Reason};
use tonic::Request;

use super::Books;

impl Books {
    pub(super) fn articles(
        &mut self,
        request: &Request<article::BatchGetArticlesRequest>,
    ) -> Result<article::BatchGetArticlesResponse, Fault> {
        let articles = request.get_ref().ids.iter().map(|id| offered(id, self.price)).collect();
        Ok(article::BatchGetArticlesResponse { articles })
    }

    pub(super) fn article(
        &mut self,
        request: &Request<article::GetArticleRequest>,
    ) -> Result<article::Article, Fault> {
        match &request.get_ref().key {
            Some(article::get_article_request::Key::Id(id)) => Ok(offered(id, self.price)),
            _ => Err(Fault::not_found("article")),
        }
    }

    pub(super) fn reserve(
        &mut self,
        request: &Request<article::ReserveStockRequest>,
    ) -> Result<article::Reservation, Fault> {
        let request = request.get_ref();
        let key = (request.order_id.clone(), request.attempt);
        let units = request.lines.iter().map(|line| line.quantity).sum();
        match self.reservations.get(&key) {
            Some((ReservationState::Released, _)) => return Err(illegal(ReservationState::Released)),
            Some(_) => {}
            None if units > self.free => return Err(Fault::new(Reason::OutOfStock, "there is less")),
            None => {
                self.free -= units;
                self.reservations.insert(key.clone(), (ReservationState::Held, units));
            }
        }
        Ok(self.shown(&key))
    }

    pub(super) fn commit(
        &mut self,
        request: &Request<article::CommitReservationRequest>,
    ) -> Result<article::Reservation, Fault> {
        let key = (request.get_ref().order_id.clone(), request.get_ref().attempt);
        let gone = self.gone;
        let (state, _) = self.reservations.get_mut(&key).ok_or_else(|| Fault::not_found("reservation"))?;
        match *state {
            ReservationState::Held if gone => return Err(Fault::new(Reason::OutOfStock, "sold meanwhile")),
            ReservationState::Held => *state = ReservationState::Committed,
            ReservationState::Committed => {}
            other => return Err(illegal(other)),
        }
        Ok(self.shown(&key))
    }

    pub(super) fn release(
        &mut self,
        request: &Request<article::ReleaseReservationRequest>,
    ) -> Result<article::Reservation, Fault> {
        let key = (request.get_ref().order_id.clone(), request.get_ref().attempt);
        let (state, units) = self.reservations.entry(key.clone()).or_insert((ReservationState::Released, 0));
        match *state {
            ReservationState::Held => {
                *state = ReservationState::Released;
                self.free += *units;
            }
            ReservationState::Released => {}
            other => return Err(illegal(other)),
        }
        Ok(self.shown(&key))
    }

    pub(super) fn restock(
        &mut self,
        request: &Request<article::RestockOrderRequest>,
    ) -> Result<article::Reservation, Fault> {
        let key = (request.get_ref().order_id.clone(), request.get_ref().attempt);
        let (state, units) =
            self.reservations.get_mut(&key).ok_or_else(|| Fault::not_found("reservation"))?;
        match *state {
            ReservationState::Committed => {
                *state = ReservationState::Restocked;
                self.free += *units;
            }
            ReservationState::Restocked => {}
            other => return Err(illegal(other)),
        }
        Ok(self.shown(&key))
    }

    fn shown(&self, key: &(String, i32)) -> article::Reservation {
        let (state, _) = self.reservations[key];
        let (order_id, attempt) = key.clone();
        article::Reservation { order_id, attempt, state: state.into(), expire_time: None }
    }
}

/// What is for sale: everything, at one price.
fn offered(id: &str, price: i64) -> article::Article {
    article::Article {
        id: id.to_owned(),
        code: "TEA".to_owned(),
        name: "Tea".to_owned(),
        price: Some(Money::new(price, "EUR".parse().unwrap()).into()),
        active: true,
        ..Default::default()
    }
}

fn illegal(state: ReservationState) -> Fault {
    Fault::illegal_state("the reservation's state forbids it", state.as_str_name())
}
