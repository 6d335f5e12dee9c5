//! What carries a mail to a shopper.

use std::time::SystemTime;

/// One mail, plain text.
#[derive(Clone)]
pub struct Mail {
    /// The name of the event that it is about; the same on every try. Made of letters, digits, `.` and `_`.
    pub id: String,
    /// When that happened.
    pub date: SystemTime,
    /// The recipient's name, and e-mail address.
    pub name: String,
    pub address: String,
    pub subject: String,
    /// Lines end with `\n`.
    pub text: String,
}

/// Why a mail was not sent. The text is for the log: no address in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may go better in a while.
    #[error("{0}")]
    Passing(String),
    /// It never will.
    #[error("{0}")]
    Final(String),
}

/// A way to reach shoppers.
#[async_trait::async_trait]
pub trait Notifier: Send + Sync {
    /// Sends it. The same mail may come again with the same id and date where it is not known whether it was sent
    /// before.
    async fn send(&self, mail: &Mail) -> Result<(), Failure>;

    /// Whether it can be sent by: what speaks against it, without an address.
    async fn reach(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether what is sent is out of our hands.
    fn is_remote(&self) -> bool;
}

/// Sends to the log alone: which mail, not to whom.
pub struct Log;

#[async_trait::async_trait]
impl Notifier for Log {
    async fn send(&self, mail: &Mail) -> Result<(), Failure> {
        tracing::info!(mail = mail.id, subject = mail.subject, "mail.only_logged");
        Ok(())
    }

    fn is_remote(&self) -> bool {
        false
    }
}
