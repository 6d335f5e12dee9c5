//! Mail: what carries it, and how what others wrote stands in it. Who has mails to send keeps a queue of them.

pub mod notifier;
mod options;
pub mod plain;
mod smtp;

pub use options::MailOptions;

/// How many mails are under way at once, in a process, of one queue.
pub const AT_ONCE: usize = 8;

/// Names under which nobody can have an address (RFC 2606): those of demo shops.
const NOWHERE: [&str; 2] = ["example", "invalid"];

/// Whether nobody can have an address.
pub fn leads_nowhere(address: &str) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default();
    NOWHERE.iter().any(|top| domain.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(top)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_nobody_can_have_are_known() {
        assert!(leads_nowhere("ada@feira.example") && leads_nowhere("admin@localhost.INVALID"));
        assert!(!leads_nowhere("ada@example.com") && !leads_nowhere("ada@example.org"));
    }
}
