//! Mails to users: what they are about, how long their tokens live, and how many there may be.

use std::time::Duration;

use super::throttle::Limit;

const HOUR: Duration = Duration::from_secs(3_600);
/// What mails to one account are counted over.
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Confirmations to one account, and to one address.
pub const CONFIRMATIONS: Limit = Limit { name: "confirmations", attempts: 5, window: DAY };
/// Password resets of one address.
pub const RESETS: Limit = Limit { name: "password-resets", attempts: 3, window: HOUR };
/// Password resets that one source asks for.
pub const RESETS_OF_SOURCE: Limit = Limit { name: "password-resets", attempts: 30, window: HOUR };

/// Other e-mails that a user gives.
pub const EMAILS: Limit = Limit { name: "emails", attempts: 10, window: DAY };

/// Other usernames that a user takes, and API keys that are made: what is done for nothing but to be in the log has an end.
pub const USERNAMES: Limit = Limit { name: "usernames", attempts: 20, window: DAY };
pub const KEYS: Limit = Limit { name: "api-keys-made", attempts: 200, window: DAY };

/// Wrong codes of a second factor, of somebody who has the password (NIST SP 800-63B, 5.2.2).
pub const CODES: Limit = Limit { name: "codes", attempts: 100, window: DAY };

/// What a token from a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Purpose {
    ConfirmEmail = 1,
    ResetPassword = 2,
}

impl Purpose {
    /// What its text begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Purpose::ConfirmEmail => "fec_",
            Purpose::ResetPassword => "fpr_",
        }
    }

    /// How long it lives.
    pub fn lifetime(self) -> Duration {
        match self {
            Purpose::ConfirmEmail => DAY,
            Purpose::ResetPassword => HOUR / 2,
        }
    }
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sea_orm::EnumIter, sea_orm::DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum MailKind {
    ConfirmEmail = 1,
    ResetPassword = 2,
    /// To the address that the account had before.
    EmailChanged = 3,
    PasswordChanged = 4,
    SecondFactorAdded = 5,
    SecondFactorRemoved = 6,
    KeyAdded = 7,
    UsernameChanged = 8,
    /// To an address that was confirmed just now, of an account that has API keys or a second factor already.
    AlreadySetUp = 9,
    /// Of somebody who has the password, and tries codes.
    CodesTried = 10,
    PasskeyAdded = 11,
    PasskeyRemoved = 12,
    /// To administrators.
    WebhookDisabled = 13,
}

impl MailKind {
    /// The token that the mail carries.
    pub fn purpose(self) -> Option<Purpose> {
        match self {
            MailKind::ConfirmEmail => Some(Purpose::ConfirmEmail),
            MailKind::ResetPassword => Some(Purpose::ResetPassword),
            _ => None,
        }
    }

    /// The first part of a mail's id.
    pub fn word(self) -> &'static str {
        match self {
            MailKind::ConfirmEmail => "confirm",
            MailKind::ResetPassword => "reset",
            MailKind::EmailChanged => "email_changed",
            MailKind::PasswordChanged => "password_changed",
            MailKind::SecondFactorAdded => "second_factor_added",
            MailKind::SecondFactorRemoved => "second_factor_removed",
            MailKind::KeyAdded => "key_added",
            MailKind::UsernameChanged => "username_changed",
            MailKind::AlreadySetUp => "already_set_up",
            MailKind::CodesTried => "codes_tried",
            MailKind::PasskeyAdded => "passkey_added",
            MailKind::PasskeyRemoved => "passkey_removed",
            MailKind::WebhookDisabled => "webhook_disabled",
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
