//! Bounds, lengths and forms, at their edges.

use proptest::prelude::*;

use super::*;
use crate::check::text::{is_email, is_uri};

fn told<T>(rule: impl Rule<T>, value: T) -> Vec<String> {
    let mut found = Violations::new();
    rule.check(&value, &Path::Root.field("it"), &mut found);
    found.iter().map(|violation| violation.description.clone()).collect()
}

fn passes<T>(rule: impl Rule<T>, value: T) -> bool {
    told(rule, value).is_empty()
}

fn text(rule: Text, value: &str) -> bool {
    passes(rule, value.to_owned())
}

#[test]
fn int32_bounds_hold_at_the_ends_of_the_type() {
    let all = || Integer { gte: Some(i32::MIN), lte: Some(i32::MAX), ..Integer::ANY };
    let inner = || Integer { gt: Some(i32::MIN), lt: Some(i32::MAX), ..Integer::ANY };
    for edge in [i32::MIN, i32::MAX] {
        assert!(passes(all(), edge));
        assert!(!passes(inner(), edge));
    }
    assert!(passes(inner(), i32::MIN + 1) && passes(inner(), i32::MAX - 1));
}

#[test]
fn int64_bounds_do_not_wrap_at_two_to_the_31() {
    let rule = || Integer { gte: Some(1_i64), lte: Some(i64::from(i32::MAX)), ..Integer::ANY };
    assert!(passes(rule(), i64::from(i32::MAX)));
    assert!(!passes(rule(), i64::from(i32::MAX) + 1));
    assert!(!passes(rule(), i64::from(u32::MAX) + 2), "which is 1 in 32 bits");
    assert!(!passes(rule(), i64::MIN));
}

#[test]
fn stock_is_adjusted_by_up_to_a_billion_either_way_but_not_by_nothing() {
    let adjust = |delta| article::AdjustStockRequest {
        article_id: ARTICLE.into(),
        delta,
        reason: 1,
        note: String::new(),
        order_id: None,
    };
    for delta in [-1_000_000_000, 1_000_000_000, 1, -1] {
        assert_eq!(places(&adjust(delta)), [""; 0], "{delta}");
    }
    for delta in [0, 1_000_000_001, -1_000_000_001, i64::MIN, i64::MAX] {
        assert_eq!(places(&adjust(delta)), ["delta"], "{delta}");
    }
}

#[test]
fn numbers_and_strings_can_be_bound_to_values() {
    assert!(passes(Integer { constant: Some(7), ..Integer::ANY }, 7));
    assert_eq!(told(Integer { constant: Some(7), ..Integer::ANY }, 8), ["must be 7"]);
    assert_eq!(told(Integer { within: &[1, 2], ..Integer::ANY }, 3), ["must be one of 1, 2"]);
    assert_eq!(told(Integer { not_in: &[1, 2], ..Integer::ANY }, 2), ["must not be one of 1, 2"]);
    assert!(text(Text { constant: Some("x"), ..Text::ANY }, "x"));
    assert_eq!(told(Text { constant: Some("x"), ..Text::ANY }, String::new()), ["must be `x`"]);
    assert_eq!(
        told(Text { not_in: &["x", "y"], ..Text::ANY }, "x".to_owned()),
        ["must not be one of `x`, `y`"]
    );
    let constant = || Enumeration { constant: Some((2, "TWO")), ..Enumeration::ANY };
    assert!(passes(constant(), 2));
    assert_eq!(told(constant(), 1), ["must be TWO"]);
}

#[test]
fn lengths_count_characters_not_bytes() {
    let three = || Text { min: Some(3), max: Some(3), ..Text::ANY };
    assert!(text(three(), "äöü") && text(three(), "日本語") && text(three(), "🦀🦀🦀"));
    assert!(!text(three(), "äö") && !text(three(), "äöüß"));
    assert_eq!(told(three(), "ä".to_owned()), ["must have at least 3 characters"]);
}

#[test]
fn a_line_break_is_one_character_however_it_is_sent() {
    let described = |description: String| article::CreateArticleRequest {
        article: Some(article::Article {
            code: "A".into(),
            name: "Tea".into(),
            description,
            ..Default::default()
        }),
    };
    let lines = |ending: &str| format!("é{ending}").repeat(2_500);
    for ending in ["\n", "\r\n"] {
        assert_eq!(places(&described(lines(ending))), [""; 0], "{ending:?}");
        assert_eq!(places(&described(lines(ending) + "é")), ["article.description"], "{ending:?}");
    }
}

#[test]
fn what_has_presence_is_required_to_be_there_not_to_be_more_than_zero() {
    assert!(passes(Present::required(Anything), Some(0)));
    assert_eq!(told(Present::required(Anything), None::<i32>), ["is required"]);
    assert!(passes(Present::optional(Integer { gte: Some(1), ..Integer::ANY }), None));
    assert_eq!(told(Set, false), ["is required"]);
    assert_eq!(told(Items { required: true, ..Items::of(Anything) }, Vec::<i32>::new()), ["is required"]);
}

#[test]
fn e_mail_addresses_have_one_at_sign_and_a_dotted_domain() {
    let local = "a".repeat(64);
    for good in [
        "a@b.cd",
        "ada.lovelace+shop@mail.example.co.uk",
        "jörg@exämple.de",
        "jo\u{308}rg@exa\u{308}mple.de",
        &format!("{local}@b.cd"),
    ] {
        assert!(is_email(good), "{good}");
    }
    let long = format!("a{local}@b.cd");
    let bad = [
        "",
        "a",
        "@",
        "a@",
        "@b.cd",
        "a@b",
        "a@@b.cd",
        "a@b@c.de",
        "a b@c.de",
        "a@b .cd",
        "a@b..cd",
        "a@.cd",
        "a@b.",
        "a@-b.cd",
        "a@b-.cd",
        "a\t@b.cd",
        "a\u{7f}@b.cd",
        ".a@b.cd",
        "a.@b.cd",
        "a..b@c.de",
        "a@b_c.de",
        "a@b.cd\n",
        "a,b@c.de",
        "<a@b.cd",
        "\"a\"@b.cd",
        "a;b:c@d.ef",
        "a\u{200b}da@b.cd",
        "ada\u{200d}@b.cd",
        "ada\u{34f}@b.cd",
        "ada\u{fe0f}@b.cd",
        "ada\u{e0041}@b.cd",
        "\u{115f}ada@b.cd",
        "ada@b\u{3164}.cd",
        "ada@b.cd\u{202e}",
        "\u{202e}ada@b.cd",
        "ada\u{61c}@b.cd",
        "a\u{ad}da@b.cd",
        &long,
    ];
    for bad in bad {
        assert!(!is_email(bad), "{bad}");
    }
}

#[test]
fn uris_have_a_scheme_and_only_the_characters_of_one() {
    for good in ["https://example.com/a?b=c#d", "mailto:a@b.cd", "urn:isbn:1", "http://[::1]:80/%7Ea"] {
        assert!(is_uri(good), "{good}");
    }
    for bad in ["", "example.com", "://x", "1a:b", "http://a b", "http://a/%zz", "http://a/%4", "http://ä.de"]
    {
        assert!(!is_uri(bad), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_quantity_passes_if_and_only_if_it_is_from_1_to_1000(quantity in any::<i32>()) {
        let request = create_order(vec![line(quantity)]);
        prop_assert_eq!(places(&request).is_empty(), (1..=1000).contains(&quantity));
    }

    #[test]
    fn a_password_passes_if_and_only_if_it_has_8_to_128_characters(password in "\\PC{0,140}") {
        let length = password.chars().count();
        let request = user::CreateUserRequest { password, ..create_user() };
        prop_assert_eq!(places(&request).is_empty(), (8..=128).contains(&length));
    }

    #[test]
    fn whatever_text_comes_no_check_panics_or_shows_it(text in "[^a-zA-Z .`^|$(){}\\[\\]]{4,40}") {
        let mut request = create_user();
        for field in [&mut request.username, &mut request.email, &mut request.first_name] {
            field.clone_from(&text);
        }
        let found = request.check().err().unwrap_or_default();
        prop_assert!(found.iter().all(|violation| !violation.description.contains(&text)));
    }
}
