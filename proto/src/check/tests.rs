//! The checks of real requests.

mod bounds;
mod known;
mod lists;
mod updates;

use super::*;
use crate::{article, mesh, order, user};

const ARTICLE: &str = "art_01h455vb4pex5vsknk084sn02q";
const ADDRESS: &str = "adr_01h455vb4pex5vsknk084sn02q";
const ORDER: &str = "ord_01h455vb4pex5vsknk084sn02q";
const USER: &str = "usr_01h455vb4pex5vsknk084sn02q";

/// What is wrong, as `path: description`.
fn wrong(request: &impl Check) -> Vec<String> {
    let found = request.check().err().unwrap_or_default();
    found.iter().map(|violation| format!("{}: {}", violation.path, violation.description)).collect()
}

/// Where something is wrong.
fn places(request: &impl Check) -> Vec<String> {
    request.check().err().unwrap_or_default().iter().map(|violation| violation.path.clone()).collect()
}

fn address() -> user::Address {
    user::Address {
        recipient: "Ada Lovelace".into(),
        lines: vec!["12 St James's Square".into()],
        city: "London".into(),
        country_code: "GB".into(),
        ..Default::default()
    }
}

fn create_order(lines: Vec<order::OrderLine>) -> order::CreateOrderRequest {
    let destination = Some(order::create_order_request::Destination::AddressId(ADDRESS.into()));
    order::CreateOrderRequest { lines, destination, ..Default::default() }
}

fn line(quantity: i32) -> order::OrderLine {
    order::OrderLine { article_id: ARTICLE.into(), quantity }
}

fn create_user() -> user::CreateUserRequest {
    user::CreateUserRequest {
        username: "ada".into(),
        email: "ada@example.com".into(),
        password: "correct horse".into(),
        ..Default::default()
    }
}

#[test]
fn good_requests_pass() {
    assert_eq!(wrong(&create_order(vec![line(1), line(1000)])), [""; 0]);
    assert_eq!(wrong(&create_user()), [""; 0]);
    assert_eq!(wrong(&article::ListArticlesRequest::default()), [""; 0]);
    assert_eq!(wrong(&order::GetOpenOrderRequest {}), [""; 0]);
}

#[test]
fn a_violation_names_the_item_of_a_repeated_message() {
    let request = create_order(vec![line(1), order::OrderLine { article_id: "art_1".into(), quantity: 0 }]);
    let found = wrong(&request);
    assert_eq!(
        found,
        [
            "lines[1].article_id: must match the pattern ^art_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            "lines[1].quantity: must be at least 1",
        ]
    );
}

#[test]
fn a_violation_names_the_field_of_a_nested_message() {
    let address = user::Address { country_code: "gb".into(), ..address() };
    let request = user::CreateUserRequest { address: Some(address), ..create_user() };
    assert_eq!(wrong(&request), ["address.country_code: must match the pattern ^[A-Z]{2}$"]);
}

#[test]
fn a_violation_names_the_string_of_a_repeated_one() {
    let address = user::Address { lines: vec!["here".into(), String::new()], ..address() };
    let request = user::CreateAddressRequest { user_id: "me".into(), address: Some(address) };
    assert_eq!(wrong(&request), ["address.lines[1]: must have at least 1 character"]);
}

#[test]
fn a_required_oneof_must_be_set() {
    let request = article::GetArticleRequest { key: None };
    assert_eq!(wrong(&request), ["key: one of id, code is required"]);
}

#[test]
fn the_chosen_field_of_a_oneof_is_checked_even_if_it_is_empty() {
    let key = article::get_article_request::Key::Code(String::new());
    assert_eq!(places(&article::GetArticleRequest { key: Some(key) }), ["code"]);
}

#[test]
fn a_message_within_a_oneof_is_checked() {
    let address = user::Address { city: String::new(), ..address() };
    let destination = Some(order::checkout_request::Destination::Address(address));
    let request = order::CheckoutRequest { id: "open".into(), destination, ..Default::default() };
    assert_eq!(wrong(&request), ["address.city: is required"]);
}

#[test]
fn a_required_field_that_is_missing_is_told_nothing_else() {
    let found = wrong(&user::CreateUserRequest::default());
    assert_eq!(found, ["username: is required", "email: is required", "password: is required"]);
}

#[test]
fn an_optional_field_is_checked_only_if_it_is_set() {
    let mut request = order::CheckoutRequest { id: ORDER.into(), ..Default::default() };
    assert_eq!(places(&request), [""; 0]);
    request.payment_type = Some(0);
    assert_eq!(wrong(&request), ["payment_type: must be at least 1"]);
}

#[test]
fn optional_filters_may_be_empty() {
    assert_eq!(places(&crate::payment::ListPaymentsRequest::default()), [""; 0]);
    assert_eq!(places(&order::ListOrdersRequest::default()), [""; 0]);
    assert_eq!(places(&user::ListUsersRequest::default()), [""; 0]);
}

#[test]
fn a_resource_to_be_created_needs_no_id() {
    let request = user::CreateAddressRequest { user_id: USER.into(), address: Some(address()) };
    assert_eq!(places(&request), [""; 0]);
    let article = article::Article { code: "a".into(), name: "A".into(), ..Default::default() };
    assert_eq!(places(&article::CreateArticleRequest { article: Some(article) }), [""; 0]);
}

#[test]
fn what_a_service_decides_is_not_checked() {
    let create_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 });
    let article = article::Article { code: "a".into(), name: "A".into(), create_time, ..Default::default() };
    assert_eq!(places(&article::CreateArticleRequest { article: Some(article) }), [""; 0]);
}

#[test]
fn a_row_of_an_import_is_checked_by_who_tells_of_rows() {
    let row = article::ImportArticlesRequest { code: "\0".into(), ..Default::default() };
    assert_eq!(places(&row), [""; 0]);
}

#[test]
fn a_string_with_nul_is_refused_also_where_nothing_else_is_asked_of_it() {
    let request = article::ListArticlesRequest { page_token: "a\0".into(), ..Default::default() };
    assert_eq!(wrong(&request), ["page_token: must not contain the character U+0000"]);
    let mut request = create_user();
    request.address = Some(user::Address { lines: vec!["\0".into()], etag: "\0".into(), ..address() });
    assert_eq!(places(&request), ["address.lines[0]", "address.etag"]);
}

#[test]
fn enums_take_only_what_their_rules_name() {
    let request =
        |roles: &[i32]| user::SetRolesRequest { id: USER.into(), roles: roles.to_vec(), role_ids: vec![] };
    assert_eq!(wrong(&request(&[1, 3])), [""; 0]);
    assert_eq!(wrong(&request(&[0])), ["roles[0]: must not be one of ROLE_UNSPECIFIED"]);
    assert_eq!(wrong(&request(&[1, 7])), ["roles[1]: must be a value that the contract names"]);
    assert_eq!(wrong(&request(&[2, 2])), ["roles: must not repeat an item"]);
    let mut registering = create_user();
    registering.address = Some(user::Address { lines: vec![], ..address() });
    assert_eq!(wrong(&registering), ["address.lines: must have at least 1 item"]);

    let adjust = article::AdjustStockRequest { article_id: ARTICLE.into(), delta: 1, ..Default::default() };
    assert_eq!(
        wrong(&adjust),
        ["reason: must be one of STOCK_REASON_RECEIVED, STOCK_REASON_RETURNED, STOCK_REASON_WRITTEN_OFF, \
          STOCK_REASON_CORRECTION"]
    );
}

#[test]
fn strings_take_only_what_their_rules_list() {
    let mut request = article::ListArticlesRequest { order_by: "price desc".into(), ..Default::default() };
    assert_eq!(places(&request), [""; 0]);
    request.order_by = "colour".into();
    assert_eq!(places(&request), ["order_by"]);
    let request = mesh::SubscribeRequest { role: "gateway".into(), after_position: -1 };
    assert_eq!(places(&request), ["role"]);
}

#[test]
fn a_list_that_is_too_long_is_told_only_that() {
    let lines = vec![line(0); 101];
    assert_eq!(wrong(&create_order(lines)), ["lines: must have at most 100 items"]);
}

#[test]
fn only_the_first_violations_are_reported_and_the_others_counted() {
    let found = create_order(vec![line(0); 100]).check().expect_err("a hundred violations");
    assert_eq!(found.iter().count(), 100);
    assert_eq!(found.to_string(), "lines[0].quantity: must be at least 1 (and 99 more)");
    let mut found = Violations::new();
    for _ in 0..300 {
        found.add(&Path::Root, "is wrong");
    }
    assert_eq!(found.iter().count(), 250);
    assert!(found.to_string().ends_with("(and 299 more)"));
}

#[test]
fn no_violation_shows_a_value() {
    let secret = "s3cret";
    let mut request = create_user();
    request.password = secret.into();
    request.email = secret.into();
    request.username = format!("{secret}\0");
    let found = request.check().expect_err("all three are wrong");
    assert_eq!(found.iter().count(), 3);
    assert!(!format!("{found:?}{found}").contains(secret));
}

#[test]
fn answers_are_not_checked() {
    assert_eq!(places(&user::User { id: "\0".into(), ..Default::default() }), [""; 0]);
    const { assert!(!<user::User as Check>::REQUEST && <user::GetUserRequest as Check>::REQUEST) };
}

#[test]
fn every_pattern_of_the_contracts_lets_good_ids_through() {
    for id in ["me", USER] {
        assert_eq!(places(&user::GetUserRequest { id: id.into() }), [""; 0], "{id}");
    }
    for id in ["", "ME", "usr_8zzzzzzzzzzzzzzzzzzzzzzzzz", "usr_01h455vb4pex5vsknk084sn02", ORDER, "me\n"] {
        assert_eq!(places(&user::GetUserRequest { id: id.into() }), ["id"], "{id}");
    }
}
