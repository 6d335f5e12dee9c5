//! Queries, bounds, and folding against Unicode's own data.

use std::cmp::Ordering;

use icu_collator::{
    CollatorBorrowed, CollatorPreferences,
    options::{CollatorOptions, Strength},
};
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::props::Script;
use proptest::prelude::*;

use super::{super::*, *};

#[test]
fn a_query_is_its_words_without_those_that_others_imply() {
    assert_eq!(
        asked("verm CHOC verm vermel"),
        [vec!["choc*", "vermchoc*"], vec!["vermel*", "vermvermel*", "vermeis"]]
    );
    assert_eq!(asked("wi-fi"), [vec!["wi*"], vec!["fi*", "wifi*"]]);
    assert_eq!(asked("über"), [["uber*", "ueber*"]]);
    assert_eq!(asked("緑茶葉"), [["緑茶"], ["茶葉*"]]);
    assert_eq!(query("!!!"), Some(Vec::new()));
    assert_eq!(query(" "), None);
}

#[test]
fn words_and_queries_have_a_bound() {
    let long = "x".repeat(100);
    assert_eq!(words([long.as_str()]).into_iter().collect::<Vec<_>>(), ["x".repeat(WORD_LENGTH)]);
    assert_eq!(asked(&long), [["x".repeat(WORD_LENGTH) + "*"]]);
    let han: String = ('\u{4E00}'..'\u{9FFF}').collect();
    assert_eq!(words([han.as_str()]).len(), MOST_WORDS);
    let most = query(&han).unwrap();
    assert!(most.len() <= 24, "{}", most.len());
    let japanese: String = han.chars().take(5_000).collect();
    let end: String = japanese.chars().skip(4_990).collect();
    assert!(finds(&end, &japanese), "a description is found to its end");
    let chain = "a 1 ".repeat(5_000);
    assert!(words([chain.as_str()]).len() <= MOST_WORDS);
    let forms = query(&chain[..200]).unwrap().iter().map(|asked| asked.forms.len()).max();
    assert!(forms <= Some(12), "{forms:?}");
    let chain = "a-b.".repeat(5_000);
    assert!(words([chain.as_str()]).len() <= MOST_WORDS);
    let forms = query(&chain[..200]).unwrap().iter().map(|asked| asked.forms.len()).max();
    assert!(forms <= Some(10), "{forms:?}");
}

#[test]
fn people_are_found_by_both_names_as_one() {
    for (first, last, queries) in [
        ("철수", "김", ["김철수", "철수김", "김 철수"]),
        ("太郎", "山田", ["山田太郎", "太郎山田", "山田　太郎"]),
        ("小明", "王", ["王小明", "小明", "王"]),
        ("สมชาย", "ใจดี", ["สมชายใจดี", "ใจดีสมชาย", "สมชาย ใจดี"]),
        ("Ana", "Sá", ["ana sa", "sa", "sá ana"]),
    ] {
        let words = of_person(&["somebody"], first, last);
        for query in queries {
            let all = super::query(query).unwrap();
            let has = |asked: &Asked| words.iter().any(|word| asked.fits(word));
            assert!(!all.is_empty() && all.iter().all(has), "{query}: {words:?}");
        }
        assert!(words.contains("somebody") && !words.iter().any(|word| word == "anasa" || word == "saana"));
    }
}

#[test]
fn a_line_has_single_spaces_and_a_length() {
    assert_eq!(fold_line("  Café   Crème ", 200), "cafe creme");
    assert_eq!(fold_line("ab cd", 3), "ab");
    assert_eq!(fold_code("1Z 999-AA1 ０", 100), "1z999aa10");
}

#[test]
fn digits_of_every_script_are_digits() {
    for (digits, plain) in [("٠١٢٣٤٥٦٧٨٩", "0123456789"), ("०९", "09"), ("߀߉", "09"), ("𝟘𝟡", "09")]
    {
        assert_eq!(fold(digits), plain);
    }
}

/// Letters, what they are made of, and their small ones. What is taken as equal beyond that is meant: Arabic as it
/// is typed. So is what is told apart: kana.
#[test]
fn letters_are_folded_as_collation_of_strength_1_has_them() {
    let mut options = CollatorOptions::default();
    options.strength = Some(Strength::Primary);
    let collator = CollatorBorrowed::try_new(CollatorPreferences::default(), options).unwrap();
    for letter in ('\u{A0}'..='\u{FFFF}').filter(|letter| letter.is_alphabetic()) {
        let text = letter.to_string();
        let first = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).chars().take(1).collect();
        for other in [first, text.to_lowercase()] {
            let (alike, folded_alike) =
                (collator.compare(&text, &other) == Ordering::Equal, fold(&text) == fold(&other));
            let meant = match fold::SCRIPT.get(letter) {
                Script::Hiragana | Script::Katakana => alike && !folded_alike,
                Script::Arabic => folded_alike && !alike,
                _ => false,
            };
            assert!(meant || alike == folded_alike, "{letter} {other}: {alike} {folded_alike}");
        }
    }
}

proptest! {
    #[test]
    fn folding_twice_is_folding_once(text in "\\PC{0,60}") {
        prop_assert_eq!(fold(&fold(&text)), fold(&text));
    }

    #[test]
    fn a_text_is_found_by_itself_and_by_its_beginning(text in "[\\PC]{1,60}", cut in 1usize..20) {
        // A character that loses its marks is another one.
        let cut = if text.chars().nth(cut).is_some_and(fold::is_mark) { text.len() } else { cut };
        for part in [text.clone(), text.chars().take(cut).collect()] {
            if query(&part).is_some_and(|all| !all.is_empty()) {
                prop_assert!(finds(&part, &text), "{part} {:?} {:?}", asked(&part), words([text.as_str()]));
            }
        }
    }

    #[test]
    fn composed_or_not_case_and_marks_make_no_difference(text in "[a-zA-ZäöüßÄÖÜéèçñåøæ '-]{1,40}") {
        let upper = text.to_uppercase();
        prop_assert_eq!(fold(&upper), fold(&text));
        let folded = fold(&text);
        if query(&folded).is_some_and(|all| !all.is_empty()) {
            prop_assert!(finds(&folded, &text), "{folded}");
        }
    }
}
