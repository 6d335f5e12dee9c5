//! Why a call is refused or fails, and how its caller sees it.

use kit::{Fault, Reason};
use sea_orm::DbErr;

use crate::domain::{
    Invalid, address, api_keys, passkeys,
    roles::{self, LastAdministrator, NotYours},
    signing_keys,
    throttle::Wait,
};

/// Why a call is refused or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("user not found")]
    UserNotFound,
    #[error("address not found")]
    AddressNotFound,
    #[error("session not found")]
    SessionNotFound,
    #[error("key not found")]
    KeyNotFound,
    #[error("there are too many keys")]
    TooManyKeys,
    #[error("passkey not found")]
    PasskeyNotFound,
    #[error("there are too many passkeys")]
    TooManyPasskeys,
    #[error("the passkey is there already")]
    PasskeyThere,
    #[error("there are no passkeys here")]
    PasskeysOff,
    #[error("a sign-in by a passkey is needed")]
    PasskeyRequired,
    #[error("no passkey that counts")]
    PasskeyRefused,
    #[error("no challenge that counts")]
    ChallengeExpired,
    #[error("role not found")]
    RoleNotFound,
    #[error("another role has this name")]
    RoleNameTaken,
    #[error("there are too many roles")]
    TooManyRoles,
    #[error("built-in roles stay as they are")]
    BuiltIn,
    #[error("another user has this username")]
    UsernameTaken,
    #[error("another user has this e-mail")]
    EmailTaken,
    #[error("changed meanwhile")]
    Stale,
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("only administrators act on staff")]
    NotYours,
    #[error("the last administrator stays")]
    LastAdministrator,
    #[error("there are several administrators")]
    SeveralAdministrators,
    #[error("the address book is full")]
    AddressBookFull,
    #[error("wrong login or password")]
    SignInRefused,
    #[error("wrong old password")]
    WrongOldPassword,
    #[error("too many failed tries")]
    Throttled(Wait),
    #[error("refresh token refused")]
    RefreshRefused,
    #[error("no token from a mail that counts")]
    TokenExpired,
    #[error("the last sign-in was too long ago")]
    ReauthenticationRequired,
    #[error("a code is needed")]
    CodeRequired,
    #[error("wrong code")]
    WrongCode,
    #[error("there is a second factor")]
    SecondFactorThere,
    #[error("there is no second factor")]
    NoSecondFactor,
    #[error("too common a password")]
    TooCommon(&'static str),
    #[error("signing key not found")]
    SigningKeyNotFound,
    #[error("there are too many signing keys")]
    TooManySigningKeys,
    #[error("too many requests")]
    TooManyRequests(Wait),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::UserNotFound => Fault::not_found("user"),
            Error::AddressNotFound => Fault::not_found("address"),
            Error::SessionNotFound => Fault::not_found("session"),
            Error::KeyNotFound => Fault::not_found("key"),
            Error::TooManyKeys => {
                let message = format!("a user has at most {} API keys", api_keys::MOST);
                Fault::limit_exceeded("api_keys", api_keys::MOST, message)
            }
            Error::PasskeyNotFound => Fault::not_found("passkey"),
            Error::TooManyPasskeys => {
                let message = format!("a user has at most {} passkeys", passkeys::MOST);
                Fault::limit_exceeded("passkeys", passkeys::MOST, message)
            }
            Error::PasskeyThere => Fault::already_exists("passkey", "credential"),
            Error::PasskeysOff => Fault::illegal_state(
                "there are no passkeys here: --public-url has neither https with a name nor localhost",
                "PASSKEYS_OFF",
            ),
            Error::PasskeyRequired => {
                Fault::new(Reason::ReauthenticationRequired, "sign in by a passkey to do this")
            }
            Error::PasskeyRefused => Fault::unauthenticated("no passkey that counts here"),
            Error::ChallengeExpired => Fault::new(
                Reason::TokenExpired,
                "what the authenticator was asked was answered before, has expired, or was not asked here: start again",
            ),
            Error::RoleNotFound => Fault::not_found("role"),
            Error::RoleNameTaken => Fault::already_exists("role", "name"),
            Error::TooManyRoles => {
                let message = format!("there are at most {} roles", roles::MOST);
                Fault::limit_exceeded("roles", roles::MOST, message)
            }
            Error::BuiltIn => Fault::illegal_state("built-in roles stay as they are", "BUILT_IN"),
            Error::UsernameTaken => Fault::already_exists("user", "username"),
            Error::EmailTaken => Fault::already_exists("user", "email"),
            Error::Stale => Fault::etag_mismatch(),
            Error::Invalid(Invalid { field, problem }) => Fault::invalid(field, problem),
            Error::NotYours => Fault::denied(
                "this takes rights that you do not have yourself: only an administrator may do it to staff",
            ),
            Error::LastAdministrator => Fault::new(
                Reason::LastAdmin,
                "the last enabled administrator can neither be disabled, nor erased, nor lose the role",
            ),
            Error::SeveralAdministrators => Fault::illegal_state(
                "there are several administrators, and none is called admin: say which one",
                "SEVERAL_ADMINISTRATORS",
            ),
            Error::AddressBookFull => {
                let message = format!("an address book holds at most {}", address::MOST);
                Fault::limit_exceeded("addresses", address::MOST, message)
            }
            Error::SignInRefused => Fault::unauthenticated("wrong login or password"),
            Error::WrongOldPassword => Fault::invalid("old_password", "is not the user's password"),
            Error::Throttled(wait) => rate_limited("too many failed tries: wait before the next one", wait),
            Error::RefreshRefused => {
                Fault::unauthenticated("the refresh token does not count (any more): sign in again")
            }
            Error::TokenExpired => Fault::new(
                Reason::TokenExpired,
                "the token was used before, has expired, or is none: ask for another mail",
            ),
            Error::ReauthenticationRequired => {
                Fault::new(Reason::ReauthenticationRequired, "sign in again to do this")
            }
            Error::CodeRequired => {
                Fault::new(Reason::CodeRequired, "signing in takes a code of the second factor")
            }
            Error::WrongCode => Fault::invalid("code", "is wrong, or was used before"),
            Error::SecondFactorThere => {
                Fault::illegal_state("there is a second factor: remove it first", "CONFIRMED")
            }
            Error::NoSecondFactor => Fault::illegal_state("there is no second factor to do this to", "NONE"),
            Error::TooCommon(field) => {
                let message = "the password is among those that are tried first: choose another one";
                let mut fault = Fault::invalid(field, message);
                fault.reason = Reason::PasswordTooCommon;
                fault
            }
            Error::SigningKeyNotFound => Fault::not_found("signing key"),
            Error::TooManySigningKeys => {
                let message = format!(
                    "there are {} signing keys: those that sign no more go within {} minutes, or are withdrawn",
                    signing_keys::MOST,
                    signing_keys::OVERLAP.as_secs() / 60,
                );
                Fault::limit_exceeded("signing_keys", signing_keys::MOST, message)
            }
            Error::TooManyRequests(wait) => rate_limited("too many requests", wait),
            Error::Fault(fault) => fault,
            Error::Database(error) => error.into(),
        }
    }
}

/// Says which limit it is: over REST that becomes `RateLimit` and `RateLimit-Policy`.
fn rate_limited(message: &str, Wait { left, limit }: Wait) -> Fault {
    Fault::rate_limited(message, left)
        .with("limit", limit.name)
        .with("quota", limit.attempts)
        .with("window_seconds", limit.window.as_secs())
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> tonic::Status {
        Fault::from(error).into()
    }
}

impl From<NotYours> for Error {
    fn from(_: NotYours) -> Self {
        Error::NotYours
    }
}

impl From<LastAdministrator> for Error {
    fn from(_: LastAdministrator) -> Self {
        Error::LastAdministrator
    }
}

impl kit::write::Failure for Error {
    fn database(&self) -> Option<&DbErr> {
        match self {
            Error::Database(error) => Some(error),
            _ => None,
        }
    }
}
