//! Reading and writing orders.

mod entities;
mod find;
mod record;
mod work;

pub use entities::{event, order, payment, reservation};
pub use find::{Filter, View, by_id, events_after, list, list_events, open_order, view, views};
pub use record::{Record, create_basket, create_direct};
pub use work::{
    due_checkouts, due_expiries, due_undos, end_leases, finish_payment, finish_reservation, note_payment,
    of_user, payments_to_undo, plan_payment, plan_reservation, postpone_payment, postpone_reservation,
    reservations_to_undo, take_over, undo_all, undo_payment,
};
