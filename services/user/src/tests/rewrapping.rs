//! Another key file: what older keys have wrapped is wrapped anew, while second factors are set up.

use std::time::Duration;

use contracts::user::{
    ConfirmTotpRequest, RefreshRequest, RewrapRequest, RewrapResponse, SignInRequest, StartTotpRequest,
    Tokens,
};
use totp_rs::Totp;

use super::{House, PASSWORD, Replica, by, keys_of, outcome};
use crate::KeyFile;

async fn rewrap(replica: &Replica) -> RewrapResponse {
    let request = replica.as_operator(RewrapRequest::default());
    outcome(replica.administrators().rewrap(request).await).unwrap()
}

fn counts(done: &RewrapResponse) -> (i64, i64, i64) {
    (done.changed, done.current, done.lost)
}

async fn start_totp(replica: &Replica, tokens: &Tokens) -> Totp {
    let request = StartTotpRequest { user_id: "me".to_owned() };
    let started = outcome(replica.auth().start_totp(by(tokens, request)).await).unwrap();
    Totp::from_url(&started.otpauth_uri).unwrap()
}

fn code(house: &House, totp: &Totp) -> String {
    totp.generate(u64::try_from(house.clock.now().seconds()).unwrap()).to_string()
}

async fn confirm(house: &House, replica: &Replica, tokens: &Tokens, totp: &Totp) {
    let request = ConfirmTotpRequest { user_id: "me".to_owned(), code: code(house, totp) };
    outcome(replica.auth().confirm_totp(by(tokens, request)).await).unwrap();
    house.clock.advance(Duration::from_secs(60));
}

async fn signs_in(house: &House, replica: &Replica, login: &str, totp: &Totp) {
    let (login, password, code) = (login.to_owned(), PASSWORD.to_owned(), code(house, totp));
    outcome(replica.auth().sign_in(SignInRequest { login, password, code }).await).unwrap();
    house.clock.advance(Duration::from_secs(60));
}

#[tokio::test]
async fn what_an_older_key_has_wrapped_is_wrapped_by_the_first_while_factors_are_set_up() {
    let house = House::new().await;
    let old = house.replica().await;
    for name in ["ana", "bia", "eva"] {
        old.register(name).await;
    }
    let ana = old.sign_in("ana").await;
    let of_ana = start_totp(&old, &ana).await;
    confirm(&house, &old, &ana, &of_ana).await;
    // Bia has begun, and Eva begins at a replica that does not know the new key yet.
    let bia = old.sign_in("bia").await;
    let of_bia = start_totp(&old, &bia).await;

    let both = house.replica_with(&House::options(), KeyFile::of(&[[8; 32], [7; 32]])).await.unwrap();
    signs_in(&house, &both, "ana", &of_ana).await;
    assert_eq!(counts(&rewrap(&both).await), (3, 0, 0), "a signing key and two factors");
    let eva = both.sign_in("eva").await;
    let of_eva = start_totp(&old, &eva).await;
    confirm(&house, &both, &bia, &of_bia).await;
    confirm(&house, &both, &eva, &of_eva).await;
    assert_eq!(counts(&rewrap(&both).await), (1, 3, 0), "the next round finds hers");
    assert_eq!(counts(&rewrap(&both).await), (0, 4, 0));

    let new = house.replica_with(&House::options(), keys_of(8)).await.expect("the old key may go");
    for (login, totp) in [("ana", &of_ana), ("bia", &of_bia), ("eva", &of_eva)] {
        signs_in(&house, &new, login, totp).await;
    }
    assert!(house.replica_with(&House::options(), keys_of(7)).await.is_err());
}

#[tokio::test]
async fn a_key_that_second_factors_need_is_not_removed_unnoticed() {
    let house = House::new().await;
    let old = house.replica().await;
    old.register("ana").await;
    let ana = old.sign_in("ana").await;
    let both = house.replica_with(&House::options(), KeyFile::of(&[[8; 32], [7; 32]])).await.unwrap();
    rewrap(&both).await;
    start_totp(&old, &ana).await;
    let error = house.replica_with(&House::options(), keys_of(8)).await.err().unwrap();
    assert_eq!(error.exit(), kit::Exit::Settings);
    assert!(error.to_string().contains("second factors") && error.to_string().contains("FEIRA_KEY_FILE"));
}

#[tokio::test]
async fn a_refresh_is_repeated_although_another_key_is_the_first_meanwhile() {
    let house = House::new().await;
    let old = house.replica().await;
    old.register("ana").await;
    let tokens = old.sign_in("ana").await;
    let request = || RefreshRequest { refresh_token: tokens.refresh_token.clone() };
    let lost = outcome(old.auth().refresh(request()).await).unwrap();
    let both = house.replica_with(&House::options(), KeyFile::of(&[[8; 32], [7; 32]])).await.unwrap();
    let again = outcome(both.auth().refresh(request()).await).unwrap();
    assert_eq!(again.refresh_token, lost.refresh_token);
    let next = RefreshRequest { refresh_token: again.refresh_token };
    let next = outcome(both.auth().refresh(next).await).unwrap();
    outcome(old.auth().refresh(RefreshRequest { refresh_token: next.refresh_token }).await).unwrap();
}
