//! What is kept of a passkey.

use webauthn_rp::response::{AuthenticatorAttachment, Backup, register::DynamicState};

use crate::credentials::sha256;

/// What is kept of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// By which the authenticator finds it.
    pub id: Vec<u8>,
    /// Its public key, and what the authenticator said of its extensions, as `webauthn_rp` encodes them.
    pub public_key: Vec<u8>,
    /// How clients reach the authenticator, as bits.
    pub transports: u8,
    pub use_: Use,
}

/// What changes when a passkey is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// 0: only on its device; 1: may be kept elsewhere, too; 2: it is.
    pub backup: i16,
    /// How often it was used, by an authenticator that counts.
    pub sign_count: i64,
}

impl Credential {
    /// By which it is found.
    pub fn hash(&self) -> String {
        sha256(&self.id)
    }
}

impl Use {
    pub(super) fn of(state: DynamicState) -> Self {
        let backup = match state.backup {
            Backup::NotEligible => 0,
            Backup::Eligible => 1,
            Backup::Exists => 2,
        };
        Self { backup, sign_count: i64::from(state.sign_count) }
    }

    pub(super) fn state(self) -> DynamicState {
        DynamicState {
            // None was ever made without.
            user_verified: true,
            backup: match self.backup {
                0 => Backup::NotEligible,
                1 => Backup::Eligible,
                _ => Backup::Exists,
            },
            sign_count: u32::try_from(self.sign_count).unwrap_or(u32::MAX),
            authenticator_attachment: AuthenticatorAttachment::None,
        }
    }
}
