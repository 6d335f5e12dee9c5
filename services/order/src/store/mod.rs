//! Reading and writing orders.

mod entities;
mod find;
mod leases;
pub(crate) mod mails;
mod placed;
mod purchases;
mod record;
mod scan;
pub(crate) mod search;

pub use entities::{event, line, order, payment, purchase, reservation};
#[cfg(test)]
pub use find::list;
pub use find::{Filter, View, between, by_id, events_after, id_after, list_events, open_order, view, views};
pub use leases::{
    due_checkouts, due_expiries, due_undos, end_leases, finish_payment, finish_reservation, of_user,
    payments_to_undo, plan_payment, plan_reservation, postpone_payment, postpone_reservation,
    reservations_to_undo, take_over, undo_all, undo_payment,
};
pub use placed::count;
#[cfg(test)]
pub use placed::placed;
pub use purchases::purchases;
pub use record::{Record, create_basket, create_direct};
pub use scan::{Place, Scan, Scanned, Sort, place, rows};
pub use search::Search;
