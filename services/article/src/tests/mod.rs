//! The service's handlers on a fresh database each.

mod articles;
mod crash;
mod feed;
mod filters;
mod images;
mod import;
mod limits;
mod lists;
mod migrations;
mod races;
mod reservations;
mod speed;
mod start;
mod stock;
mod stock_takes;
mod support;
