//! Mails to shoppers: what they are about, and what becomes of them.

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MailKind {
    Placed = 1,
    Shipped = 2,
    Cancelled = 3,
    /// Not paid in time.
    Expired = 4,
    Refunded = 5,
}

impl MailKind {
    /// The first part of a mail's id.
    pub fn word(self) -> &'static str {
        match self {
            MailKind::Placed => "placed",
            MailKind::Shipped => "shipped",
            MailKind::Cancelled => "cancelled",
            MailKind::Expired => "expired",
            MailKind::Refunded => "refunded",
        }
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MailState {
    Waiting = 1,
    Sent = 2,
    /// There is nobody to send it to, or nothing to say any more.
    Dropped = 3,
    /// It could not be sent.
    GivenUp = 4,
}
