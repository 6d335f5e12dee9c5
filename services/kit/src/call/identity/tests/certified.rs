//! Service tokens by certificates.

use super::*;
use crate::mesh::certificates::{Certificates, tests::Authority};

/// An identity of a process that runs a role, with that role's certificate.
fn of(certificate: &Certificates, role: Role) -> Identity {
    let clock = Clock::system();
    let identity = Identity::of(MeshSecret::new("the same"), clock, CLOCK_LEEWAY, &[role]).unwrap();
    identity.learn_certificate(certificate.current());
    identity
}

#[tokio::test]
async fn a_role_signs_by_its_certificates_key_and_is_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Authority::new(&folder.path().join("a")), Authority::new(&folder.path().join("b")));
    let payment = of(&ours.issue(Role::Payment), Role::Payment);
    let order = of(&ours.issue(Role::Order), Role::Order);
    let caller = async |token: &str| payment.caller(&headers(token)).await;
    let user = UserId::new();
    let token = order.service_token(Role::Order, Role::Payment, Some(user)).unwrap();
    for _ in 0..2 {
        let expected = Caller::Service { role: Role::Order, on_behalf_of: Some(user) };
        assert_eq!(caller(&token).await.unwrap(), expected);
    }
    // Another callee, another role than the certificate's, another authority, the secret that both have.
    assert!(caller(&order.service_token(Role::Order, Role::User, None).unwrap()).await.is_err());
    assert!(caller(&order.service_token(Role::Article, Role::Payment, None).unwrap()).await.is_err());
    let stranger = of(&others.issue(Role::Order), Role::Order);
    assert!(caller(&stranger.service_token(Role::Order, Role::Payment, None).unwrap()).await.is_err());
    let of_secret = Identity::new(MeshSecret::new("the same"), Clock::system()).unwrap();
    assert!(caller(&of_secret.service_token(Role::Order, Role::Payment, None).unwrap()).await.is_err());
    payment.learn_secret(&MeshSecret::new("the same")).unwrap();
    assert!(caller(&of_secret.service_token(Role::Order, Role::Payment, None).unwrap()).await.is_err());
    // The chain is as good as its signature: another one's beside ours is not.
    let parts: Vec<&str> = token.split('.').collect();
    let other = stranger.service_token(Role::Order, Role::Payment, Some(user)).unwrap();
    let mixed = format!("{}.{}.{}", parts[0], parts[1], other.rsplit('.').next().unwrap());
    assert!(caller(&mixed).await.is_err());
    let mixed = format!("{}.{}.{}", other.split('.').next().unwrap(), parts[1], parts[2]);
    assert!(caller(&mixed).await.is_err());
}

#[tokio::test]
async fn an_authority_that_counts_no_more_takes_its_tokens_along() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new(&folder.path().join("a")), Authority::new(&folder.path().join("b")));
    let payment = of(&old.issue(Role::Payment), Role::Payment);
    let order = of(&old.issue(Role::Order), Role::Order);
    let token = order.service_token(Role::Order, Role::Payment, None).unwrap();
    assert!(payment.caller(&headers(&token)).await.is_ok());
    payment.learn_certificate(new.issue(Role::Payment).current());
    assert!(payment.caller(&headers(&token)).await.is_err(), "also what was verified before");
}
