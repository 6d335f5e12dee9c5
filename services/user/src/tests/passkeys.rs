//! Passkeys: an authenticator in software, and the clock.

use std::time::Duration;

use contracts::user::{
    ConfirmPasskeyRequest, DeletePasskeyRequest, ListAuditEventsRequest, ListPasskeysRequest,
    ListSessionsRequest, Passkey, RefreshRequest, Role, SignInWithPasskeyRequest, StartPasskeyRequest,
    StartPasskeySignInRequest, StartPasskeySignInResponse, StartTotpRequest, Tokens,
    audit_service_client::AuditServiceClient, passkey_service_client::PasskeyServiceClient,
};
use kit::{Conn, Fault};
use tonic::Code;

use super::{House, LOCAL_URL, Replica, by, keyed, keys_of, outcome};

#[path = "../../../../tests/shop/support/authenticator.rs"]
mod authenticator;

use authenticator::Authenticator;

const MINUTE: Duration = Duration::from_secs(60);

impl Replica {
    fn passkeys(&self) -> PasskeyServiceClient<Conn> {
        PasskeyServiceClient::new(self.conn.clone())
    }

    /// What an authenticator makes for a user, ready to be sent.
    async fn made(&self, user: &Tokens, key: &mut Authenticator) -> Result<ConfirmPasskeyRequest, Fault> {
        let request = StartPasskeyRequest { user_id: "me".into() };
        let asked = outcome(self.passkeys().start_passkey(by(user, request)).await)?;
        Ok(ConfirmPasskeyRequest {
            user_id: "me".into(),
            name: "my phone".into(),
            credential: key.create(&asked.options),
            challenge_token: asked.challenge_token,
        })
    }

    async fn confirm(&self, user: &Tokens, made: ConfirmPasskeyRequest) -> Result<Passkey, Fault> {
        outcome(self.passkeys().confirm_passkey(by(user, made)).await)
    }

    async fn add_passkey(&self, user: &Tokens, key: &mut Authenticator) -> Result<Passkey, Fault> {
        let made = self.made(user, key).await?;
        self.confirm(user, made).await
    }

    async fn ask(&self) -> StartPasskeySignInResponse {
        outcome(self.passkeys().start_passkey_sign_in(StartPasskeySignInRequest {}).await).unwrap()
    }

    async fn answer(&self, request: SignInWithPasskeyRequest) -> Result<Tokens, Fault> {
        outcome(self.passkeys().sign_in_with_passkey(request).await)
    }

    async fn sign_in_by(&self, key: &mut Authenticator) -> Result<Tokens, Fault> {
        let asked = self.ask().await;
        self.answer(answer(&asked, key)).await
    }

    async fn listed(&self, user: &Tokens) -> Vec<Passkey> {
        let request = ListPasskeysRequest { user_id: "me".into(), ..Default::default() };
        outcome(self.passkeys().list_passkeys(by(user, request)).await).unwrap().passkeys
    }

    async fn remove_passkey(&self, user: &Tokens, id: &str) -> Result<(), Fault> {
        let request = DeletePasskeyRequest { user_id: "me".into(), id: id.into() };
        outcome(self.passkeys().delete_passkey(by(user, request)).await)
    }
}

fn answer(asked: &StartPasskeySignInResponse, key: &mut Authenticator) -> SignInWithPasskeyRequest {
    let challenge_token = asked.challenge_token.clone();
    SignInWithPasskeyRequest { challenge_token, credential: key.get(&asked.options) }
}

#[tokio::test]
async fn keys_of_both_curves_sign_in_and_their_sessions_say_so() {
    let house = House::new().await;
    let replica = house.replica().await;
    let user = replica.register("ana").await;
    let ana = replica.sign_in("ana").await;
    for mut key in [Authenticator::p256(LOCAL_URL), Authenticator::ed25519(LOCAL_URL)] {
        key.backed_up = true;
        let passkey = replica.add_passkey(&ana, &mut key).await.unwrap();
        assert_eq!((passkey.name.as_str(), passkey.backed_up), ("my phone", true));
        assert_eq!(passkey.last_used_time, None);
        house.clock.advance(MINUTE);
        let tokens = replica.sign_in_by(&mut key).await.unwrap();
        assert_eq!(tokens.user.as_ref(), Some(&user));
        let used = replica.listed(&tokens).await.remove(0);
        assert_eq!(used.id, passkey.id, "the newest first");
        assert_eq!(used.last_used_time.unwrap().seconds, used.create_time.unwrap().seconds + 60);
        let request = ListSessionsRequest { user_id: "me".into(), ..Default::default() };
        let sessions = outcome(replica.auth().list_sessions(by(&tokens, request)).await).unwrap().sessions;
        assert!(sessions.iter().any(|session| session.current && session.passkey_id == passkey.id));
        assert!(sessions.iter().any(|session| session.passkey_id.is_empty()), "and the one by the password");
    }
}

#[tokio::test]
async fn what_an_authenticator_was_asked_counts_for_five_minutes_and_once() {
    let house = House::new().await;
    let replica = house.replica().await;
    replica.register("ana").await;
    let ana = replica.sign_in("ana").await;
    let mut key = Authenticator::p256(LOCAL_URL);
    let late = replica.made(&ana, &mut key).await.unwrap();
    house.clock.advance(5 * MINUTE);
    let fault = replica.confirm(&ana, late).await.unwrap_err();
    assert_eq!((fault.code, fault.reason.as_str()), (Code::InvalidArgument, "TOKEN_EXPIRED"));
    let made = replica.made(&ana, &mut key).await.unwrap();
    house.clock.advance(5 * MINUTE - Duration::from_secs(1));
    let send = || replica.passkeys();
    let added = outcome(send().confirm_passkey(keyed("k", by(&ana, made.clone()))).await).unwrap();
    let again = outcome(send().confirm_passkey(keyed("k", by(&ana, made.clone()))).await).unwrap();
    assert_eq!(added, again, "a repeat is answered");
    assert_eq!(replica.confirm(&ana, made).await.unwrap_err().reason.as_str(), "TOKEN_EXPIRED");
    assert_eq!(replica.listed(&ana).await.len(), 1);

    let (first, second) = (replica.ask().await, replica.ask().await);
    let (first, second) = (answer(&first, &mut key), answer(&second, &mut key));
    // Another replica, and another key in the file, before the one by which it was asked.
    let other = house.replica_with(&House::options(), keys_of(7)).await.unwrap();
    other.answer(first.clone()).await.unwrap();
    for replica in [&replica, &other] {
        let fault = replica.answer(first.clone()).await.unwrap_err();
        assert_eq!((fault.code, fault.reason.as_str()), (Code::InvalidArgument, "TOKEN_EXPIRED"));
    }
    house.clock.advance(5 * MINUTE);
    assert_eq!(replica.answer(second.clone()).await.unwrap_err().reason.as_str(), "TOKEN_EXPIRED");
    let elsewhere = house.replica_with(&House::options(), keys_of(7)).await.unwrap().ask().await;
    let mixed = SignInWithPasskeyRequest { credential: second.credential, ..answer(&elsewhere, &mut key) };
    assert_eq!(replica.answer(mixed).await.unwrap_err().code, Code::Unauthenticated, "another challenge's");
}

#[tokio::test]
async fn an_authenticator_that_was_copied_is_refused_and_told() {
    let house = House::new().await;
    let replica = house.replica().await;
    let user = replica.register("ana").await;
    let ana = replica.sign_in("ana").await;
    let mut key = Authenticator::p256(LOCAL_URL);
    key.count = 3;
    let passkey = replica.add_passkey(&ana, &mut key).await.unwrap();
    key.count = 4;
    replica.sign_in_by(&mut key).await.unwrap();
    for count in [4, 2, 0] {
        key.count = count;
        let fault = replica.sign_in_by(&mut key).await.unwrap_err();
        assert_eq!(
            (fault.code, fault.reason.as_str()),
            (Code::Unauthenticated, "UNAUTHENTICATED"),
            "{count}"
        );
    }
    key.count = 5;
    replica.sign_in_by(&mut key).await.expect("the one that goes on");
    let admin = replica.sign_in("admin").await;
    let request = ListAuditEventsRequest { user_id: user.id, ..Default::default() };
    let mut log = AuditServiceClient::new(replica.conn.clone());
    let events = outcome(log.list_audit_events(by(&admin, request)).await).unwrap().audit_events;
    let of = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(of("passkey.copied"), 3);
    assert!(events.iter().any(|event| event.kind == "passkey.copied" && event.target == passkey.id));
    assert!(events.iter().any(|it| it.kind == "sign_in.succeeded" && it.detail == "factor=passkey"));
    assert!(events.iter().any(|it| it.kind == "sign_in.failed" && it.detail == "factor=passkey"));
}

#[tokio::test]
async fn a_removed_passkey_ends_the_sessions_that_it_began() {
    let house = House::new().await;
    let replica = house.replica().await;
    replica.register("ana").await;
    let ana = replica.sign_in("ana").await;
    let (mut lost, mut kept) = (Authenticator::p256(LOCAL_URL), Authenticator::p256(LOCAL_URL));
    let passkey = replica.add_passkey(&ana, &mut lost).await.unwrap();
    replica.add_passkey(&ana, &mut kept).await.unwrap();
    let (thief, own) =
        (replica.sign_in_by(&mut lost).await.unwrap(), replica.sign_in_by(&mut kept).await.unwrap());
    // Access tokens outlive their ten minutes by the leeway of clocks.
    house.clock.advance(Duration::from_secs(630));
    let fault = replica.remove_passkey(&ana, &passkey.id).await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "REAUTHENTICATION_REQUIRED");
    let ana = replica.sign_in("ana").await;
    replica.remove_passkey(&ana, &passkey.id).await.unwrap();
    assert_eq!(replica.remove_passkey(&ana, &passkey.id).await.unwrap_err().code, Code::NotFound);
    let refresh = |tokens: &Tokens| {
        let request = RefreshRequest { refresh_token: tokens.refresh_token.clone() };
        async { outcome(replica.auth().refresh(request).await) }
    };
    assert_eq!(refresh(&thief).await.unwrap_err().code, Code::Unauthenticated);
    refresh(&own).await.unwrap();
    let own = refresh(&ana).await.unwrap();
    assert_eq!(replica.sign_in_by(&mut lost).await.unwrap_err().code, Code::Unauthenticated);
    assert_eq!(replica.listed(&own).await.len(), 1);
}

#[tokio::test]
async fn a_passkey_is_both_factors_and_the_password_alone_makes_no_others() {
    let house = House::new().await;
    let replica = house.replica().await;
    replica.colleague("ana", &[Role::Staff]).await;
    let options = crate::Options { require_second_factor: crate::SecondFactor::Staff, ..House::options() };
    let strict = house.replica_with(&options, keys_of(7)).await.unwrap();
    let bare = strict.sign_in("ana").await;
    assert!(bare.permissions.is_empty());
    let mut key = Authenticator::p256(LOCAL_URL);
    let passkey = strict.add_passkey(&bare, &mut key).await.expect("the first one, as for codes");
    let strong = strict.sign_in_by(&mut key).await.unwrap();
    assert!(strong.permissions.contains(&"stock".to_owned()), "{:?}", strong.permissions);
    let request = RefreshRequest { refresh_token: strong.refresh_token.clone() };
    let strong = outcome(strict.auth().refresh(request).await).unwrap();
    assert!(strong.permissions.contains(&"stock".to_owned()), "it stays so");

    let thief = strict.sign_in("ana").await;
    for refused in [
        start_totp(&strict, &thief).await.unwrap_err(),
        strict.made(&thief, &mut Authenticator::p256(LOCAL_URL)).await.unwrap_err(),
        strict.remove_passkey(&thief, &passkey.id).await.unwrap_err(),
    ] {
        assert_eq!(refused.reason.as_str(), "REAUTHENTICATION_REQUIRED");
    }
    start_totp(&strict, &strong).await.unwrap();
    strict.add_passkey(&strong, &mut Authenticator::p256(LOCAL_URL)).await.unwrap();
    strict.remove_passkey(&strong, &passkey.id).await.unwrap();
    let request = RefreshRequest { refresh_token: strong.refresh_token.clone() };
    let strong = outcome(strict.auth().refresh(request).await).unwrap();
    assert!(strong.permissions.is_empty(), "what it began with is gone");
}

async fn start_totp(replica: &Replica, tokens: &Tokens) -> Result<(), Fault> {
    let request = StartTotpRequest { user_id: "me".into() };
    outcome(replica.auth().start_totp(by(tokens, request)).await).map(|_| ())
}

#[tokio::test]
async fn a_user_has_twenty_and_no_credential_twice() {
    let house = House::new().await;
    let replica = house.replica().await;
    replica.register("ana").await;
    let ana = replica.sign_in("ana").await;
    let mut key = Authenticator::p256(LOCAL_URL);
    replica.add_passkey(&ana, &mut key).await.unwrap();
    let fault = replica.add_passkey(&ana, &mut key).await.unwrap_err();
    assert_eq!(fault.reason.as_str(), "ALREADY_EXISTS");
    let late = replica.made(&ana, &mut Authenticator::p256(LOCAL_URL)).await.unwrap();
    for _ in 1..20 {
        replica.add_passkey(&ana, &mut Authenticator::ed25519(LOCAL_URL)).await.unwrap();
    }
    for fault in [
        replica.made(&ana, &mut Authenticator::p256(LOCAL_URL)).await.unwrap_err(),
        replica.confirm(&ana, late).await.unwrap_err(),
    ] {
        assert_eq!((fault.code, fault.reason.as_str()), (Code::FailedPrecondition, "LIMIT_EXCEEDED"));
        assert_eq!(fault.metadata[0]["limit"], "passkeys");
    }
    let request = StartPasskeyRequest { user_id: "me".into() };
    let first = replica.listed(&ana).await.remove(0);
    replica.remove_passkey(&ana, &first.id).await.unwrap();
    let asked = outcome(replica.passkeys().start_passkey(by(&ana, request)).await).unwrap();
    let options: serde_json::Value = serde_json::from_str(&asked.options).unwrap();
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 19);
    assert_eq!((&options["rp"]["name"], &options["user"]["name"]), (&"Loja".into(), &"ana".into()));
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
}
