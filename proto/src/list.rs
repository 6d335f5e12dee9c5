//! Requests of lists, whose paging is apart from their arguments.

use prost::Message;

/// A list request: its paging fields can be taken out, what is left are its arguments. The generator implements it for
/// every request with `page_size` and `page_token`.
pub trait Listing: Message + Clone {
    /// Takes out `page_size` and `page_token`.
    fn take_paging(&mut self) -> (i32, String);
}
