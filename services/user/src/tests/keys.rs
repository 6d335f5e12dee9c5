//! Signing keys.

use contracts::user::{GetJwksRequest, GetUserRequest};
use kit::{Caller, Identity, identity::MeshSecret};

use super::{House, by, outcome};

#[tokio::test]
async fn tokens_verify_by_the_published_keys_alone_and_survive_a_restart() {
    let house = House::new().await;
    let replica = house.replica().await;
    let user = replica.register("ana").await;
    let tokens = replica.sign_in("ana").await;
    let jwks = outcome(replica.auth().get_jwks(GetJwksRequest {}).await).unwrap();
    assert_eq!(jwks.keys.len(), 1);
    let key = &jwks.keys[0];
    assert_eq!(
        (key.kty.as_str(), key.crv.as_str(), key.alg.as_str(), key.r#use.as_str()),
        ("OKP", "Ed25519", "EdDSA", "sig")
    );
    assert_eq!((key.kid.len(), key.x.len()), (43, 43));
    let elsewhere = Identity::new(MeshSecret::new("another"), house.clock.clone()).unwrap();
    elsewhere.learn(&jwks);
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", tokens.access_token).parse().unwrap());
    let caller = elsewhere.caller(&headers).await.unwrap();
    assert!(matches!(caller, Caller::User { id, .. } if id.to_string() == user.id));
    let again = house.replica().await;
    outcome(again.users().get_user(by(&tokens, GetUserRequest { id: "me".to_owned() })).await).unwrap();
}

#[tokio::test]
async fn another_key_file_is_refused_at_start() {
    let house = House::new().await;
    house.replica().await;
    let error = house.replica_with(&House::options(), [8; 32]).await.err().unwrap();
    assert_eq!(error.exit(), kit::Exit::Settings);
    assert!(error.to_string().contains("FEIRA_KEY_FILE"));
}
