//! Whose calls count against what.

use clap::Parser;
use contracts::access::{Priority, Who};

use super::*;
use crate::{
    Reason, Role,
    id::Id,
    permissions::{Permissions, Scopes},
    testing::{anonymous, customer, service},
};

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    limits: RateLimits,
}

fn limiter(settings: &[&str]) -> Limiter {
    let all = ["x"].into_iter().chain(settings.iter().copied());
    Limiter::new(&Program::parse_from(all).limits)
}

fn method(read: bool, streams: bool, limit: OfContract) -> Method {
    let who = Who::Public;
    let (parts, takes_expired, takes_stream) = (Vec::new(), false, false);
    let (permissions, no_keys, takes_basic) = (Permissions::NONE, false, false);
    Method {
        path: "/x".into(),
        who,
        parts,
        permissions,
        no_keys,
        takes_expired,
        takes_basic,
        read,
        streams,
        takes_stream,
        limit,
        priority: Priority::Unspecified,
        measured: Default::default(),
    }
}

fn at(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

#[test]
fn users_count_by_themselves_and_strangers_by_address() {
    let limiter = limiter(&["--rate-limit-reads", "2/1h"]);
    let read = method(true, false, OfContract::Unspecified);
    let (ada, bob) = (customer(UserId::new()), customer(UserId::new()));
    let take = |caller: &Caller, address: &str| limiter.admit(&read, caller, at(address));
    for caller in [&ada, &bob, &anonymous()] {
        assert!(take(caller, "192.0.2.1").is_ok() && take(caller, "192.0.2.2").is_ok());
    }
    let fault = take(&ada, "192.0.2.3").unwrap_err();
    assert_eq!(fault.reason, Reason::RateLimited);
    assert_eq!((fault.value("limit"), fault.value("quota")), (Some("reads"), Some("2")));
    assert_eq!(fault.value("window_seconds"), Some("3600"));
    assert!(fault.retry_after.is_some_and(|wait| wait > Duration::from_secs(1_000)));
    assert!(take(&anonymous(), "192.0.2.1").is_ok());
    assert!(take(&anonymous(), "192.0.2.1").is_err() && take(&anonymous(), "192.0.2.9").is_ok());
    // Another service's calls are those of the shop itself.
    assert!((0..9).all(|_| take(&service(Role::Order), "192.0.2.1").is_ok()));
}

#[test]
fn passwords_are_tried_by_address_whoever_is_signed_in() {
    let limiter = limiter(&["--rate-limit-sign-in", "2/1h", "--rate-limit-writes", "off"]);
    let sign_in = method(false, false, OfContract::SignIn);
    let take = |address: &str| limiter.admit(&sign_in, &customer(UserId::new()), at(address)).is_ok();
    assert_eq!([take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.1")], [true, true, false]);
    // A client has 64 bits of IPv6 to choose from.
    assert_eq!([take("2001:db8::1"), take("2001:db8::2"), take("2001:db8::ffff:3")], [true, true, false]);
    assert!(take("2001:db8:0:1::1"));
    let write = method(false, false, OfContract::Unspecified);
    assert!((0..9_000).all(|_| limiter.admit(&write, &anonymous(), at("192.0.2.1")).is_ok()));
}

#[test]
fn an_api_key_has_a_bucket_of_its_own_beside_its_users() {
    let limiter = limiter(&["--rate-limit-api-key", "2/1h", "--rate-limit-reads", "5/1h"]);
    let read = method(true, false, OfContract::Unspecified);
    let (ada, roles) = (UserId::new(), crate::call::Roles::default());
    let key = || Caller::ApiKey { id: ada, roles, key: ApiKeyId::new(), scopes: Scopes::named([]).unwrap() };
    let take = |caller: &Caller| limiter.admit(&read, caller, at("192.0.2.1")).map(|_| ());
    let (one, other) = (key(), key());
    assert!(take(&one).is_ok() && take(&one).is_ok());
    assert_eq!(take(&one).unwrap_err().value("limit"), Some("api-key"));
    assert!(take(&other).is_ok() && take(&other).is_ok(), "another key of the same user");
    // What her keys took is gone from what she has herself.
    assert!(take(&customer(ada)).is_ok());
    assert_eq!(take(&customer(ada)).unwrap_err().value("limit"), Some("reads"));
}

#[test]
fn every_request_counts_against_its_address() {
    let limiter = limiter(&["--rate-limit-address", "2/1h"]);
    let taken = [0; 3].map(|_| limiter.arrives(at("192.0.2.1")).is_ok());
    assert_eq!(taken, [true, true, false]);
    assert!(limiter.arrives(at("192.0.2.2")).is_ok() && limiter.arrives(None).is_ok());
    let webhook = method(false, false, OfContract::Address);
    assert!((0..9_000).all(|_| limiter.admit(&webhook, &anonymous(), at("192.0.2.2")).is_ok()));
}

#[test]
fn orders_count_by_the_hour_and_as_changes() {
    let limiter = limiter(&["--rate-limit-orders", "2/1h", "--rate-limit-writes", "3/1h"]);
    let (order, write) =
        (method(false, false, OfContract::Orders), method(false, false, OfContract::Unspecified));
    let (ada, bob) = (customer(UserId::new()), customer(UserId::new()));
    let refused = |method, caller: &Caller| {
        let taken = limiter.admit(method, caller, at("192.0.2.1"));
        taken.err().map(|fault| fault.value("limit").unwrap().to_owned())
    };
    assert_eq!([0; 3].map(|_| refused(&order, &ada)), [None, None, Some("orders".to_owned())]);
    assert_eq!(refused(&write, &ada).as_deref(), Some("writes"), "those were changes, too");
    assert_eq!([0; 3].map(|_| refused(&write, &bob)), [None, None, None]);
    assert_eq!(refused(&order, &bob).as_deref(), Some("writes"));
}
