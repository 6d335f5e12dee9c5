//! What finds what.

use std::cmp::Ordering;

use icu_collator::{
    CollatorBorrowed, CollatorPreferences,
    options::{CollatorOptions, Strength},
};
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::props::Script;
use proptest::prelude::*;

use super::*;

/// Whether a query finds something with this text.
fn finds(query: &str, text: &str) -> bool {
    let words = words([text]);
    super::query(query).is_none_or(|all| {
        let has = |asked: &Asked| words.iter().any(|word| asked.fits(word));
        !all.is_empty() && all.iter().all(has)
    })
}

fn asked(text: &str) -> Vec<Vec<String>> {
    let form = |form: Form| if form.whole { form.text } else { form.text + "*" };
    let all = query(text).unwrap_or_default();
    all.into_iter().map(|asked| asked.forms.into_iter().map(form).collect()).collect()
}

#[test]
fn what_is_typed_finds_what_is_meant() {
    for (query, text) in [
        // Codes with and without signs.
        ("TEA1", "TEA-1"),
        ("tea-1", "TEA1"),
        ("tea 1", "TEA1"),
        ("TEA_1", "tea.1"),
        ("TEA–1", "TEA‑1"),
        ("1xl", "TEA-1-XL"),
        ("tea1x", "TEA/1/XL"),
        ("wifi", "Wi-Fi"),
        ("wi-fi", "WiFi router"),
        ("wi fi", "Wi-Fi"),
        ("iphone15", "iPhone 15"),
        ("iphone 15", "iPhone15"),
        ("15mm", "Drill 15 mm"),
        ("hm", "H&M"),
        ("loreal", "L’Oréal"),
        ("mens", "men's shirt"),
        ("anna@example.com", "anna@example.com"),
        // Codes and names in groups, or not.
        ("4 006381 003939", "EAN 4006381003939"),
        ("978 3 16 148410 0", "9783161484100"),
        ("978 3 16 148410", "9783161484100"),
        ("0 8044 2957 x", "080442957X"),
        ("978-3-16-148410-0", "9783161484100"),
        ("9783161484100", "ISBN 978 3 16 148410 0, bound"),
        ("9783161484100", "ISBN 978-3-16-148410-0"),
        ("wifi6", "Wi-Fi 6"),
        ("wifi6", "Wi-Fi 6-E"),
        ("fi6", "Wi-Fi 6"),
        ("wifi 6", "Wi-Fi 6"),
        ("iphone15pro", "iPhone 15 Pro"),
        ("iphone 15 pro", "iPhone15Pro"),
        ("iphone15 pro", "iPhone 15Pro"),
        ("15pro", "iPhone 15 Pro"),
        ("iphone15pro256", "Apple iPhone 15 Pro 256 GB"),
        ("40×60", "Frame 40x60"),
        ("40x60", "Frame 40×60 cm"),
        ("40x60", "Frame 40 × 60 cm"),
        ("40 x 60", "Frame 40x60"),
        // Umlauts.
        ("kaese", "Käse"),
        ("kase", "Käse"),
        ("käse", "Käse"),
        ("käse", "Kaese"),
        ("KÄSE", "kase"),
        ("Mueller", "Müller"),
        ("Müller", "MUELLER"),
        ("käse-kuchen", "Kaesekuchen"),
        ("smoerbroed", "smørbrød"),
        ("smorbrod", "smørbrød"),
        // Plurals and singulars.
        ("teapots", "Teapot"),
        ("teapot", "Teapots"),
        ("boxes", "Box"),
        ("berries", "Berry"),
        ("berry", "Berries"),
        ("knives", "Knife"),
        ("knife", "Knives"),
        ("limões", "Limão"),
        ("limão", "limões"),
        ("flores", "flor"),
        ("luz", "luces"),
        ("animais", "animal"),
        ("bateaux", "bateau"),
        ("tassen", "Tasse"),
        ("Uhren", "Uhr"),
        ("Gläser", "Glas"),
        ("Stühle", "Stuhl"),
        ("Buch", "Bücher"),
        ("glasses", "Glass"),
        ("pão", "Pães"),
        ("PAES", "pão"),
        ("cão", "cães"),
        ("cães", "Cão"),
        ("funis", "funil"),
        ("funil", "funis"),
        ("barris", "barril"),
        ("barril", "barris"),
        ("fósseis", "fóssil"),
        ("fóssil", "fósseis"),
        ("répteis", "réptil"),
        ("réptil", "répteis"),
        ("azuis", "azul"),
        ("azul", "azuis"),
        ("bons", "bom"),
        ("bom", "bons"),
        ("atuns", "atum"),
        ("atum", "atuns"),
        ("jardins", "jardim"),
        ("jardim", "jardins"),
        ("mice", "mouse"),
        ("buecher", "Buch"),
        ("Bücher", "Buch"),
        ("aepfel", "Apfel"),
        ("Äpfel", "Apfel"),
        ("glaeser", "Glas"),
        ("stuehle", "Stuhl"),
        ("gaerten", "Garten"),
        ("libri", "libro"),
        ("libro", "libri"),
        ("tazze", "tazza"),
        ("tazza", "Tazze"),
        ("cappelli", "cappello"),
        ("чашки", "Чашка"),
        ("чашка", "чашки"),
        ("книги", "книга"),
        ("книга", "Книги"),
        ("столы", "стол"),
        ("βιβλία", "βιβλίο"),
        ("βιβλίο", "Βιβλία"),
        ("τσάντες", "τσάντα"),
        // Scripts without blanks.
        ("緑茶", "有機緑茶セット"),
        ("茶", "有機緑茶"),
        ("セット", "有機緑茶セット"),
        ("せっと", "有機緑茶セット"),
        ("ｾｯﾄ", "有機緑茶セット"),
        ("ガラス", "ｶﾞﾗｽのコップ"),
        ("カップコーヒー", "カップ・コーヒー"),
        ("usbケーブル", "USBケーブル"),
        ("ケーブル", "USBケーブル"),
        ("茶叶", "绿茶叶礼盒"),
        ("녹차", "유기농녹차세트"),
        ("녹차세트", "녹차 세트"),
        ("녹차 세트", "녹차세트"),
        ("山田太郎", "山田 太郎"),
        ("ชา", "ใบชาเขียว"),
        ("เขียว", "ใบชาเขียว"),
        ("ກາເຟ", "ຮ້ານກາເຟລາວ"),
        // Other scripts.
        ("ΟΔΟΣ", "οδός"),
        ("οδος", "ΟΔΌΣ"),
        ("елка", "Ёлка"),
        ("ISTANBUL", "ıstanbul"),
        ("istanbul", "İSTANBUL"),
        ("strasse", "Straße"),
        ("STRAẞE", "strasse"),
        ("fisch", "ﬁsch"),
        ("pho", "Phở"),
        ("dua", "Đũa"),
        ("كتاب", "كِتَابٌ"),
        ("احمد", "أحمد"),
        ("کتاب", "كتاب"),
        ("شلום", "شلום"),
        ("שלום", "שָׁלוֹם"),
        ("कढाई", "कढ़ाई"),
        ("٣", "3"),
        ("３０", "30"),
        // What is not seen.
        ("teapot", "tea\u{AD}pot"),
        ("tea\u{200B}pot", "teapot"),
        ("می\u{200C}خواهم", "میخواهم"),
    ] {
        assert!(finds(query, text), "{query} in {text}: {:?} {:?}", asked(query), words([text]));
    }
}

#[test]
fn what_is_another_word_is_not_found() {
    for (query, text) in [
        ("か", "が"),
        ("が", "か"),
        ("はは", "ぱぱ"),
        ("びょういん", "びよういん"),
        ("ハス", "バス"),
        ("ข้าว", "ขาว"),
        ("ไก่", "ไข่"),
        ("हिन्दी", "हन्द"),
        ("йод", "иод"),
        ("茶緑", "緑茶"),
        ("tea2", "TEA-1"),
        ("pots", "tea"),
        ("boxes", "boxing"),
        ("glass", "gla"),
        ("bus", "bu"),
        ("poet", "pot"),
        ("shoes", "shos"),
        ("case", "casa"),
        ("data", "date"),
        ("basil", "basis"),
        ("latte", "latta"),
        ("hens", "hem"),
        ("mães", "mão"),
        ("4 006381 003939", "4006381 009999"),
        ("wifi7", "Wi-Fi 6"),
        ("4060", "40 by 60"),
        ("세트녹차", "녹차 세트"),
        ("!!!", "!!!"),
    ] {
        assert!(!finds(query, text), "{query} in {text}: {:?} {:?}", asked(query), words([text]));
    }
}

#[test]
fn the_words_of_a_text() {
    let found = words(["Vermelho-escuro, PÃO de Açúcar", "№5", "Käse", "抹茶ラテ"]);
    let expected = [
        "acucar",
        "de",
        "escuro",
        "kaese",
        "kase",
        "no5",
        "pao",
        "vermelho",
        "vermelhoescuro",
        "て",
        "らて",
        "抹茶",
        "茶ら",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
}

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
