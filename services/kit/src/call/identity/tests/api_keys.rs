//! API keys: asked about once in a while, and refused as soon as they are revoked.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::user::{ApiKeyGrant, Jwks, ResolveApiKeyRequest};

use clap::Parser;
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::Service;

use super::*;
use crate::{
    Secret,
    access::Methods,
    client::Proxies,
    id::{ApiKeyId, RoleId, UserId},
    layer::Front,
    limits::{Limiter, RateLimits},
    listen::Peer,
    permissions::Scopes,
};

/// The user service, with one key; it counts how often it is asked.
struct Users {
    key: api_key::KeyHash,
    grant: Mutex<Option<ApiKeyGrant>>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Fetch for Users {
    async fn keys(&self) -> Result<Jwks, Fault> {
        Ok(Jwks::default())
    }

    async fn grant(&self, request: ResolveApiKeyRequest) -> Result<ApiKeyGrant, Fault> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let known = request.prefix == self.key.prefix && request.hash == self.key.hex();
        let grant = self.grant.lock().unwrap_or_else(PoisonError::into_inner).clone();
        grant.filter(|_| known).ok_or_else(|| Fault::not_found("key"))
    }
}

impl Users {
    fn change(&self, change: impl FnOnce(&mut ApiKeyGrant)) {
        if let Some(grant) = self.grant.lock().unwrap().as_mut() {
            change(grant);
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn with_a_key() -> (Identity, Clock, Arc<Users>, Secret) {
    let (identity, clock) = identity();
    let secret = api_key::new_secret(&api_key::new_prefix());
    let grant = ApiKeyGrant {
        key_id: ApiKeyId::new().to_string(),
        version: 1,
        user_id: UserId::new().to_string(),
        token_version: 1,
        permissions: vec!["stock".to_owned(), "from tomorrow".to_owned()],
        scopes: vec!["read".to_owned()],
        role_id: RoleId::new().to_string(),
        role_version: 1,
        ..ApiKeyGrant::default()
    };
    let key = api_key::KeyHash::of(secret.expose()).unwrap();
    let users = Arc::new(Users { key, grant: Mutex::new(Some(grant)), asked: AtomicUsize::new(0) });
    identity.fetch_from(users.clone());
    (identity, clock, users, secret)
}

#[tokio::test]
async fn a_key_is_asked_about_once_in_half_a_minute_and_expires_in_between() {
    let (identity, clock, users, secret) = with_a_key();
    let headers = headers(secret.expose());
    for _ in 0..100 {
        let caller = identity.caller(&headers).await.unwrap();
        let Caller::ApiKey { roles, scopes, .. } = caller else { panic!("{caller:?}") };
        assert_eq!(roles.permissions.names(), ["stock"]);
        assert_eq!(scopes, Scopes::named(["read"]).unwrap());
    }
    assert_eq!(users.asked(), 1);
    let mut basic = http::HeaderMap::new();
    let value = format!("Basic {}", STANDARD.encode(format!("{}:", secret.expose())));
    basic.insert(http::header::AUTHORIZATION, value.parse().unwrap());
    assert!(identity.caller(&basic).await.is_ok());
    assert_eq!(users.asked(), 1, "it is the same key");
    clock.advance(Duration::from_secs(31));
    let soon = Time(clock.now().0 + 5_000_000);
    users.change(|grant| grant.expire_time = Some(soon.into()));
    assert!(identity.caller(&headers).await.is_ok());
    clock.advance(Duration::from_secs(6));
    assert_eq!(identity.caller(&headers).await.unwrap_err().code, tonic::Code::Unauthenticated);
    assert_eq!(users.asked(), 2);
}

#[tokio::test]
async fn a_key_that_is_none_is_asked_about_once_and_a_forged_one_never() {
    let (identity, _, users, secret) = with_a_key();
    let unknown = api_key::new_secret(&users.key.prefix);
    for _ in 0..10 {
        assert!(identity.caller(&headers(unknown.expose())).await.is_err());
        assert!(identity.caller(&headers(&secret.expose()[..40])).await.is_err());
    }
    assert_eq!(users.asked(), 1);
}

#[tokio::test]
async fn what_is_revoked_is_asked_about_again_at_once() {
    let (identity, _, users, secret) = with_a_key();
    let headers = headers(secret.expose());
    let before = users.grant.lock().unwrap().clone().unwrap();
    let events = [
        AccessRevoked { key_id: before.key_id, minimum_version: 2, ..Default::default() },
        AccessRevoked { user_id: before.user_id, minimum_version: 2, ..Default::default() },
        AccessRevoked { role_id: before.role_id, minimum_version: 2, ..Default::default() },
    ];
    let raises: [fn(&mut ApiKeyGrant); 3] =
        [|grant| grant.version = 2, |grant| grant.token_version = 2, |grant| grant.role_version = 2];
    for (event, raise) in events.iter().zip(raises) {
        identity.caller(&headers).await.unwrap();
        identity.revoke(event);
        // A user service that has not read its own change yet must not let the key live on.
        assert!(identity.caller(&headers).await.is_err(), "{event:?}");
        users.change(raise);
        assert!(identity.caller(&headers).await.is_ok(), "{event:?}");
        let asked = users.asked();
        identity.caller(&headers).await.unwrap();
        assert_eq!(users.asked(), asked);
    }
    *users.grant.lock().unwrap() = None;
    identity.revoke(&AccessRevoked { minimum_version: i64::MAX, ..events[0].clone() });
    assert!(identity.caller(&headers).await.is_err());
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    limits: RateLimits,
}

/// Anybody can make a key that looks like one.
#[tokio::test]
async fn made_up_keys_count_against_their_address_before_anybody_is_asked_for_them() {
    let (identity, _, users, _) = with_a_key();
    let limits = Limiter::new(&Program::parse_from(["x", "--rate-limit-address", "5/1h"]).limits);
    let inner = tower::service_fn(|_: Request<Body>| async { Ok::<_, Status>(Response::new(Body::empty())) });
    let front = Front::new(inner, Methods::read(contracts::pool()).unwrap(), identity);
    let mut front = front.open_to(Proxies::default(), limits);
    let mut limited = 0;
    for _ in 0..50 {
        let key = api_key::new_secret("00000000");
        let mut request =
            Request::post("/feira.article.v1.ArticleService/ListArticles").body(Body::empty()).unwrap();
        *request.headers_mut() = headers(key.expose());
        request.extensions_mut().insert(Peer(([192, 0, 2, 1], 1_234).into()));
        let answer = front.call(request).await.unwrap();
        limited += usize::from(answer.headers()["grpc-status"] == "8");
    }
    assert_eq!((limited, users.asked()), (45, 5));
}
