//! Events and webhooks on a fresh database.

mod events;
mod outlets;
mod webhooks;
