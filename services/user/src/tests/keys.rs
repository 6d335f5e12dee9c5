//! Signing keys: published, followed by others, withdrawn.

use std::{collections::HashSet, time::Duration};

use contracts::user::{
    GetJwksRequest, GetSigningKeysRequest, GetUserRequest, RotateSigningKeysRequest, SigningKeys, Tokens,
};
use kit::{Call, Caller, Fault, Identity, Reason, Role, Writer, identity::MeshSecret};

use super::{House, Replica, by, events, keys_of, outcome};
use crate::{
    KeyFile,
    credentials::KeyRing,
    domain::signing_keys::{MOST, OVERLAP, Schedule},
};

const LEAD: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);

async fn rotate(replica: &Replica, withdraw: &str) -> Result<SigningKeys, Fault> {
    let request = replica.as_operator(RotateSigningKeysRequest { withdraw: withdraw.to_owned() });
    outcome(replica.administrators().rotate_signing_keys(request).await)
}

async fn list(replica: &Replica) -> SigningKeys {
    let request = replica.as_operator(GetSigningKeysRequest {});
    outcome(replica.administrators().get_signing_keys(request).await).unwrap()
}

/// The names of the keys that the other services are given.
async fn published(replica: &Replica) -> HashSet<String> {
    let conn = replica.mesh.own_conn(Role::Order, Role::User);
    let mut client = contracts::user::auth_service_client::AuthServiceClient::new(conn);
    let request = Call::of_service(Role::Order, "keys").request(GetJwksRequest {});
    outcome(client.get_jwks(request).await).unwrap().keys.into_iter().map(|key| key.kid).collect()
}

/// The name of the key that signed.
fn kid(tokens: &Tokens) -> String {
    jsonwebtoken::decode_header(&tokens.access_token).unwrap().kid.unwrap()
}

async fn ring(replica: &Replica) -> KeyRing {
    let schedule = Schedule { rotation: 90 * DAY, lead: LEAD };
    KeyRing::open(replica.db.clone(), keys_of(7), schedule).await.unwrap()
}

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
    let error = house.replica_with(&House::options(), keys_of(8)).await.err().unwrap();
    assert_eq!(error.exit(), kit::Exit::Settings);
    assert!(error.to_string().contains("FEIRA_KEY_FILE"));
    let both = KeyFile::of(&[[8; 32], [7; 32]]);
    house.replica_with(&House::options(), both).await.expect("with the old key beside it");
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_verifies_until_its_tokens_are_over() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await];
    replicas[0].register("ana").await;
    let first = kid(&replicas[0].sign_in("ana").await);
    let keys = rotate(&replicas[0], "").await.unwrap().signing_keys;
    let second = keys[0].kid.clone();
    assert_eq!((keys.len(), keys[0].signing, keys[1].signing), (2, false, true));
    let both = HashSet::from([first.clone(), second.clone()]);
    for replica in &replicas {
        assert_eq!(published(replica).await, both, "the other replica was told by nobody but the database");
        assert_eq!(kid(&replica.sign_in("ana").await), first);
    }
    house.clock.advance(LEAD - Duration::from_secs(1));
    assert_eq!(kid(&replicas[1].sign_in("ana").await), first);
    house.clock.advance(Duration::from_secs(1));
    for replica in &replicas {
        assert_eq!(kid(&replica.sign_in("ana").await), second);
    }
    house.clock.advance(OVERLAP - Duration::from_secs(1));
    assert_eq!(published(&replicas[0]).await, both);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(published(&replicas[0]).await, HashSet::from([second.clone()]));
    let (ring, writer) = (ring(&replicas[0]).await, Writer::from(replicas[0].db.clone()));
    ring.keep(&writer).await.unwrap();
    assert_eq!(crate::store::keys::all(replicas[0].db.read()).await.unwrap().len(), 1, "its row is gone");
    let changes = events(&replicas[0].db).await.into_iter().filter(|kind| kind == "KeysChanged").count();
    assert_eq!(changes, 3, "made, made, forgotten");
}

#[tokio::test]
async fn keys_follow_each_other_by_schedule_and_one_at_a_time() {
    let house = House::new().await;
    let replica = house.replica().await;
    let rings = [ring(&replica).await, ring(&replica).await];
    let writer = Writer::from(replica.db.clone());
    let count = async || list(&replica).await.signing_keys.len();
    house.clock.advance(90 * DAY - LEAD - Duration::from_secs(1));
    rings[0].keep(&writer).await.unwrap();
    assert_eq!(count().await, 1);
    house.clock.advance(Duration::from_secs(1));
    let (a, b) = tokio::join!(rings[0].keep(&writer), rings[1].keep(&writer));
    a.unwrap();
    b.unwrap();
    assert_eq!(count().await, 2, "two replicas make one");
    rings[0].keep(&writer).await.unwrap();
    assert_eq!(count().await, 2);
    house.clock.advance(LEAD + OVERLAP);
    rings[0].keep(&writer).await.unwrap();
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn so_many_keys_are_kept_and_no_more() {
    let house = House::new().await;
    let replica = house.replica().await;
    for _ in 1..MOST {
        rotate(&replica, "").await.unwrap();
    }
    let refused = rotate(&replica, "").await.unwrap_err();
    assert_eq!(refused.reason, Reason::LimitExceeded);
    assert_eq!((refused.value("limit"), refused.value("value")), (Some("signing_keys"), Some("8")));
    house.clock.advance(LEAD + OVERLAP);
    rotate(&replica, "").await.expect("those that sign no more make room");
}

#[tokio::test]
async fn a_withdrawn_key_is_gone_at_once_with_its_tokens() {
    let house = House::new().await;
    let replicas = [house.replica().await, house.replica().await];
    replicas[0].register("ana").await;
    let before = replicas[0].sign_in("ana").await;
    assert_eq!(rotate(&replicas[0], "nonsense").await.unwrap_err().reason, Reason::NotFound);
    rotate(&replicas[0], "").await.unwrap();
    let keys = rotate(&replicas[0], &kid(&before)).await.unwrap().signing_keys;
    assert!(keys.len() == 2 && keys[0].signing, "the newest signs at once: {keys:?}");
    assert!(!published(&replicas[1]).await.contains(&kid(&before)));
    let me = || GetUserRequest { id: "me".to_owned() };
    let refused = outcome(replicas[0].users().get_user(by(&before, me())).await).unwrap_err();
    assert_eq!(refused.reason, Reason::Unauthenticated);
    let refresh = contracts::user::RefreshRequest { refresh_token: before.refresh_token };
    let after = outcome(replicas[1].auth().refresh(refresh).await).unwrap();
    assert_eq!(kid(&after), keys[0].kid);
    outcome(replicas[0].users().get_user(by(&after, me())).await).unwrap();
    assert_eq!(rotate(&replicas[0], "all").await.unwrap().signing_keys.len(), 1);
}
