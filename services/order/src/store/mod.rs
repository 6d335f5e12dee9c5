//! Reading and writing orders.

pub mod audit;
mod compensation;
mod create;
mod entities;
pub(crate) mod figures;
mod find;
mod leases;
mod lists;
pub(crate) mod mail_counts;
pub(crate) mod mails;
mod payments;
mod placed;
mod purchases;
mod record;
mod reservations;
mod save;
mod scan;
pub(crate) mod search;
mod view;

pub use compensation::{due_compensations, mark_all};
pub use create::{create_basket, direct};
pub use entities::{event, line, order, payment, purchase, reservation};
pub use find::{by_id, events_after, forget_words, list_events, of_user, open_order};
pub use leases::{due_checkouts, due_expiries, end_leases, take_over};
#[cfg(test)]
pub use lists::list;
pub use lists::{Filter, between, id_after};
pub use payments::{
    finish_payment, forget_payment, mark_payment, marked_payments, plan_payment, postpone_payment,
};
pub use placed::count;
#[cfg(test)]
pub use placed::placed;
pub use purchases::purchases;
pub use record::Record;
pub use reservations::{
    finish_reservation, mark_reservation, marked_reservations, plan_reservation, postpone_reservation,
};
pub use scan::{Place, Scan, Scanned, Sort, place, rows};
pub use search::Search;
pub use view::{View, find_basket_view, find_view, view, views};
