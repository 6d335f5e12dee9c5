//! The checks of updates, and which fields they change.

use proptest::prelude::*;
use prost_types::FieldMask;

use super::*;
use crate::{Masked, Money};

fn update_user(user: user::User, paths: &[&str]) -> user::UpdateUserRequest {
    user::UpdateUserRequest { user: Some(user), update_mask: mask(paths) }
}

fn update_article(article: article::Article, paths: &[&str]) -> article::UpdateArticleRequest {
    article::UpdateArticleRequest { article: Some(article), update_mask: mask(paths) }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    (!paths.is_empty()).then(|| FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

fn an_article() -> article::Article {
    article::Article { id: ARTICLE.into(), ..Default::default() }
}

#[test]
fn without_a_mask_only_what_is_set_is_changed_and_checked() {
    let request = update_article(article::Article { name: "B".into(), ..an_article() }, &[]);
    assert_eq!(places(&request), [""; 0], "the code is required, but not set");
    assert_eq!(request.mask().paths().collect::<Vec<_>>(), ["name"]);

    let request = update_article(article::Article { code: "no spaces".into(), ..an_article() }, &[]);
    assert_eq!(places(&request), ["article.code"]);
}

#[test]
fn with_a_mask_only_what_it_names_is_checked() {
    let article = article::Article { code: "no spaces".into(), name: "B".into(), ..an_article() };
    assert_eq!(places(&update_article(article.clone(), &["name"])), [""; 0]);
    assert_eq!(places(&update_article(article.clone(), &["name", "code"])), ["article.code"]);
    assert_eq!(places(&update_article(article, &["*"])), ["article.code"]);
}

#[test]
fn what_a_mask_names_must_be_there() {
    assert_eq!(wrong(&update_article(an_article(), &["name"])), ["article.name: is required"]);
    assert_eq!(places(&update_article(an_article(), &["*"])), ["article.code", "article.name"]);
    assert_eq!(
        places(&update_user(user::User { id: USER.into(), ..Default::default() }, &["email"])),
        ["user.email"]
    );
}

#[test]
fn a_field_can_be_cleared_by_name() {
    let request = update_article(an_article(), &["description", "price"]);
    assert_eq!(places(&request), [""; 0]);
    assert!(request.mask().has("description") && request.mask().has("price"));
    assert!(!request.mask().has("name"));
}

#[test]
fn what_the_path_holds_is_required_whatever_the_mask_says() {
    assert_eq!(wrong(&update_user(user::User::default(), &["first_name"])), ["user.id: is required"]);
    assert_eq!(
        wrong(&update_article(article::Article::default(), &["description"])),
        ["article.id: is required"]
    );
    let address = user::Address { city: "Paris".into(), ..Default::default() };
    let request = user::UpdateAddressRequest { address: Some(address), update_mask: None };
    assert_eq!(wrong(&request), ["address.id: is required", "address.user_id: is required"]);
}

#[test]
fn what_the_path_holds_is_checked_whatever_the_mask_says() {
    let user = user::User { id: "usr_1".into(), ..Default::default() };
    assert_eq!(places(&update_user(user, &["first_name"])), ["user.id"]);
}

#[test]
fn an_etag_is_checked_but_never_changed() {
    let user = user::User { id: USER.into(), etag: "a\0".into(), ..Default::default() };
    let request = update_user(user, &["etag"]);
    assert_eq!(places(&request), ["user.etag"]);
    assert!(request.mask().is_empty());
}

#[test]
fn what_a_service_decides_can_be_named_to_no_effect() {
    let user = user::User { id: USER.into(), disabled: true, roles: vec![3], ..Default::default() };
    for paths in [&["disabled", "roles", "id", "create_time"][..], &[]] {
        let request = update_user(user.clone(), paths);
        assert_eq!(places(&request), [""; 0]);
        assert!(request.mask().is_empty());
    }
    let everything = update_user(user, &["*"]);
    assert!(!everything.mask().has("roles") && everything.mask().has("last_name"));
}

#[test]
fn a_mask_names_fields_of_the_resource() {
    let user = user::User { id: USER.into(), ..Default::default() };
    let found = wrong(&update_user(user, &["first_name", "nickname", "firstName", ""]));
    assert_eq!(
        found,
        [
            "update_mask: paths[1] names no field of the resource",
            "update_mask: paths[2] names no field of the resource",
            "update_mask: paths[3] names no field of the resource",
        ]
    );
}

#[test]
fn money_is_changed_as_a_whole() {
    let price = Some(Money { currency_code: "EUR".into(), units: 1, nanos: 0 });
    let request = update_article(article::Article { price, ..an_article() }, &["price.units"]);
    assert_eq!(wrong(&request), ["update_mask: paths[0] must name a whole field"]);
    let price = Some(Money { currency_code: "EUR".into(), units: 1, nanos: -1 });
    let request = update_article(article::Article { price, ..an_article() }, &["price"]);
    assert_eq!(places(&request), ["article.price.nanos"]);
}

#[test]
fn an_update_without_its_resource_is_refused() {
    let request = user::UpdateUserRequest { user: None, update_mask: mask(&["email"]) };
    assert_eq!(wrong(&request), ["user: is required"]);
    assert!(request.mask().is_empty());
}

#[test]
fn violations_outside_the_mask_do_not_hide_those_inside() {
    let lines = vec![String::new(); 30];
    let address = user::Address { id: ADDRESS.into(), user_id: USER.into(), lines, ..Default::default() };
    let request = user::UpdateAddressRequest { address: Some(address), update_mask: mask(&["city"]) };
    assert_eq!(places(&request), ["address.city"]);
}

proptest! {
    #[test]
    fn a_mask_has_exactly_the_fields_it_names(chosen in proptest::sample::subsequence(
        vec!["username", "email", "first_name", "last_name", "roles", "etag", "id"], 1..=7,
    )) {
        let request = update_user(user::User { id: USER.into(), ..Default::default() }, &chosen);
        for field in ["username", "email", "first_name", "last_name"] {
            prop_assert_eq!(request.mask().has(field), chosen.contains(&field));
        }
        for field in ["roles", "etag", "id"] {
            prop_assert!(!request.mask().has(field));
        }
    }
}
