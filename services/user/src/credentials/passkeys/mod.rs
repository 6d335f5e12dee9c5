//! Passkeys (WebAuthn, level 3), as the relying party: what authenticators are asked, and whether their answers hold. What
//! was asked is in a token that the client brings back, so that nothing is kept of whoever begins and never ends.

mod challenge;
mod credential;
mod party;

use std::sync::Arc;

use kit::{Fault, Time, id::UserId};
use uuid::Uuid;
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication16, DiscoverableAuthenticationServerState,
    DiscoverableCredentialRequestOptions, PublicKeyCredentialCreationOptions, Registration,
    RegistrationServerState,
    bin::{Decode, Encode},
    request::{
        PublicKeyCredentialDescriptor, TimedCeremony,
        auth::AuthenticationVerificationOptions,
        register::{
            Extension, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions,
            UserHandle16, Username,
        },
    },
    response::{
        AuthTransports, CredentialId,
        auth::error::AuthCeremonyErr,
        register::{CompressedPubKey, StaticState, UncompressedPubKey, error::RegCeremonyErr},
    },
};

use self::{challenge::Challenges, party::OwnOrigin};
pub use self::{
    credential::{Credential, Use},
    party::Party,
};
use super::{key_file::KeyFile, refresh_token::sha256};

/// The purpose of a challenge by which anybody signs in.
const SIGN_IN: &str = "sign in";
/// Bytes of an RSA key's modulus at most, which those of TPMs have the half of: verifying by longer ones is dear.
const LONGEST_RSA: usize = 512;
/// Characters of a reason that the log is told at most.
const REASON: usize = 120;

type Key = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

/// Asks authenticators, and looks at their answers.
pub struct RelyingParty {
    /// None where the shop is reached by nothing that passkeys could belong to.
    party: Option<Party>,
    challenges: Challenges,
    /// What the shop is called, as authenticators show it.
    shop: Arc<str>,
}

/// Why an answer counts for nothing.
#[derive(Debug)]
pub enum Refused {
    /// The shop has no host that passkeys could belong to.
    Off,
    /// What was asked has expired, or was never asked.
    Challenge,
    /// It is nothing that browsers send.
    Malformed,
    /// The authenticator's count of uses went back: there are two of it.
    Copied,
    /// Anything else, for the log.
    Wrong(String),
    /// It is not the answer's fault.
    Fault(Fault),
}

/// What an authenticator is asked.
pub struct Asked {
    pub token: String,
    /// JSON, as browsers read it.
    pub options: String,
}

/// The user of a passkey, as authenticators show it.
pub struct Holder {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
}

/// A challenge that an answer uses up.
#[derive(Debug, Clone, Copy)]
pub struct Challenge {
    pub id: Uuid,
    pub expire_time: Time,
}

/// What was asked of whoever signs in.
pub struct SigningIn {
    state: DiscoverableAuthenticationServerState,
    pub challenge: Challenge,
}

/// What an authenticator answers whose user signs in.
pub struct Assertion(DiscoverableAuthentication16);

impl RelyingParty {
    /// For a shop of this name.
    pub fn new(file: KeyFile, shop: &str, party: Option<Party>) -> Self {
        Self { party, challenges: Challenges::new(file), shop: shop.into() }
    }

    /// Asks for a passkey for a user who has these already.
    pub fn start_adding(
        &self,
        holder: &Holder,
        known: Vec<(Vec<u8>, u8)>,
        now: Time,
    ) -> Result<Asked, Refused> {
        let party = self.party()?;
        let id = handle(holder.id);
        let name = Username::try_from(holder.username.as_str()).map_err(internal)?;
        // What the profile of nicknames does not have is left out: it is shown by the authenticator alone.
        let display_name = Nickname::try_from(holder.display_name.trim()).ok();
        let user = PublicKeyCredentialUserEntity { name, id: &id, display_name };
        let descriptor = |(id, transports)| {
            Some(PublicKeyCredentialDescriptor {
                id: CredentialId::<Vec<u8>>::decode(id).ok()?,
                transports: AuthTransports::decode(transports).ok()?,
            })
        };
        let known = known.into_iter().filter_map(descriptor).collect();
        let mut options = PublicKeyCredentialCreationOptions::passkey(party.id(), user, known);
        // Authenticators must make sure of their user anyway, and not all browsers can enforce `credProtect`.
        options.extensions = Extension::default();
        let (server, client) = options.start_ceremony().map_err(internal)?;
        let mut options = serde_json::to_value(&client).map_err(internal)?;
        if let Some(name) = options.pointer_mut("/rp/name") {
            *name = (*self.shop).into();
        }
        let state = server.encode().map_err(internal)?;
        Ok(Asked {
            token: self.challenges.token(&adding(holder.id), &state, now),
            options: options.to_string(),
        })
    }

    /// The passkey that was made for a user, and the challenge that is used up by it.
    pub fn added(
        &self,
        user: UserId,
        token: &str,
        credential: &str,
        now: Time,
    ) -> Result<(Credential, Challenge), Refused> {
        let party = self.party()?;
        let (state, expire_time) =
            self.challenges.read(&adding(user), token, now).ok_or(Refused::Challenge)?;
        let state = RegistrationServerState::<16>::decode(&state).map_err(|_| Refused::Challenge)?;
        let challenge = Challenge { id: Uuid::from_u128(state.sent_challenge().0), expire_time };
        let made = Registration::from_json_relaxed(credential.as_bytes()).map_err(|_| Refused::Malformed)?;
        let options = RegistrationVerificationOptions::<OwnOrigin, OwnOrigin> {
            allowed_origins: party.origins(),
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let made = state.verify(party.id(), &made, &options).map_err(|error| match error {
            RegCeremonyErr::Timeout => Refused::Challenge,
            error => wrong(error),
        })?;
        if let UncompressedPubKey::Rsa(key) = made.static_state().credential_public_key
            && key.n().len() > LONGEST_RSA
        {
            return Err(Refused::Wrong("an RSA key that is too long".to_owned()));
        }
        let Ok(public_key) = made.static_state().encode();
        let Ok(transports) = made.transports().encode();
        let id = made.id().as_ref().to_vec();
        Ok((Credential { id, public_key, transports, use_: Use::of(made.dynamic_state()) }, challenge))
    }

    /// Asks for whichever passkey somebody has.
    pub fn start_sign_in(&self, now: Time) -> Result<Asked, Refused> {
        let party = self.party()?;
        let asked = DiscoverableCredentialRequestOptions::passkey(party.id()).start_ceremony();
        let (server, client) = asked.map_err(internal)?;
        let state = server.encode().map_err(internal)?;
        let options = serde_json::to_string(&client).map_err(internal)?;
        Ok(Asked { token: self.challenges.token(SIGN_IN, &state, now), options })
    }

    /// What was asked by a token that counts still.
    pub fn signing_in(&self, token: &str, now: Time) -> Result<SigningIn, Refused> {
        self.party()?;
        let (state, expire_time) = self.challenges.read(SIGN_IN, token, now).ok_or(Refused::Challenge)?;
        let state = DiscoverableAuthenticationServerState::decode(&state).map_err(|_| Refused::Challenge)?;
        let id = Uuid::from_u128(state.sent_challenge().0);
        Ok(SigningIn { state, challenge: Challenge { id, expire_time } })
    }

    /// Whether an answer is by a passkey of a user, to what was asked: and what becomes of the passkey.
    pub fn signed_in(
        &self,
        asked: SigningIn,
        answer: &Assertion,
        (user, passkey): (UserId, &Credential),
    ) -> Result<Use, Refused> {
        let party = self.party()?;
        let user = handle(user);
        let state = StaticState::<Key>::decode(&passkey.public_key).map_err(internal)?;
        let mut known = AuthenticatedCredential::new(answer.0.raw_id(), &user, state, passkey.use_.state())
            .map_err(internal)?;
        let options = AuthenticationVerificationOptions::<OwnOrigin, OwnOrigin> {
            allowed_origins: party.origins(),
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        asked.state.verify(party.id(), &answer.0, &mut known, &options).map_err(|error| match error {
            AuthCeremonyErr::Timeout => Refused::Challenge,
            AuthCeremonyErr::SignatureCounter => Refused::Copied,
            error => wrong(error),
        })?;
        Ok(Use::of(known.dynamic_state()))
    }

    fn party(&self) -> Result<&Party, Refused> {
        self.party.as_ref().ok_or(Refused::Off)
    }
}

impl Assertion {
    /// Reads what a browser sends.
    pub fn read(credential: &str) -> Result<Self, Refused> {
        let read = DiscoverableAuthentication16::from_json_relaxed(credential.as_bytes());
        read.map(Self).map_err(|_| Refused::Malformed)
    }

    /// By which its passkey is found.
    pub fn credential_hash(&self) -> String {
        sha256(self.0.raw_id().as_ref())
    }

    /// Whose it says that it is.
    pub fn user(&self) -> Option<UserId> {
        Uuid::from_slice(self.0.response().user_handle().as_ref()).ok().map(UserId)
    }
}

/// A user as authenticators know it: the bytes of the id.
fn handle(user: UserId) -> UserHandle16 {
    let Ok(handle) = UserHandle16::decode(user.0.into_bytes());
    handle
}

/// The purpose of a challenge by which a user adds a passkey.
fn adding(user: UserId) -> String {
    format!("add to {user}")
}

fn wrong(error: impl std::fmt::Display) -> Refused {
    Refused::Wrong(error.to_string().chars().take(REASON).collect())
}

fn internal(error: impl std::fmt::Display) -> Refused {
    Refused::Fault(Fault::internal(error))
}
