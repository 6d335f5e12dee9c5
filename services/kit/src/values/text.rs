//! What people's names and identifiers may not hide, and the forms in which they are stored and compared.

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{
    ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed,
    properties::CanonicalCombiningClassMapBorrowed,
};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
    props::{DefaultIgnorableCodePoint, GeneralCategory, JoiningType},
};

const CASE: CaseMapperBorrowed<'static> = CaseMapper::new();
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
const NFD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfd();
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
const JOINING: CodePointMapDataBorrowed<'static, JoiningType> = CodePointMapData::new();
const UNSEEN: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const CLASS: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();

const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';
/// The combining class of viramas.
const VIRAMA: u8 = 9;
/// How often a form is made of a form until it is its own: no text is known that takes more than two.
const ROUNDS: usize = 4;

/// Whether a character controls, is not seen, turns round what is, or is (not yet) one.
pub fn is_hidden(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control();
    }
    UNSEEN.contains(letter)
        || matches!(
            CATEGORY.get(letter),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Unassigned
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

/// Whether a text has such characters: what none of the strings has that people are known and reached by. A joiner is none
/// where its script writes it, after a virama or between letters that join (nearly RFC 5892, A.1 and A.2, as in PRECIS, which
/// looks at the side on which they join; people write it in names anyhow): Persian and Indic names have them.
pub fn hides_something(text: &str) -> bool {
    text.char_indices().any(|(place, letter)| {
        is_hidden(letter) && !(matches!(letter, NON_JOINER | JOINER) && is_written(text, place, letter))
    })
}

fn is_written(text: &str, place: usize, joiner: char) -> bool {
    let (before, after) = text.split_at(place);
    let after = &after[joiner.len_utf8()..];
    if before.chars().next_back().is_some_and(|letter| CLASS.get_u8(letter) == VIRAMA) {
        return true;
    }
    let of = |letter: char| JOINING.get(letter);
    let mut before = before.chars().rev().map(of).skip_while(|kind| *kind == JoiningType::Transparent);
    let mut after = after.chars().map(of).skip_while(|kind| *kind == JoiningType::Transparent);
    let joins = |kind: Option<JoiningType>| {
        matches!(kind, Some(JoiningType::LeftJoining | JoiningType::RightJoining | JoiningType::DualJoining))
    };
    joiner == NON_JOINER && joins(before.next()) && joins(after.next())
}

/// Accents and their letters as one character, where there is one (Unicode's form NFC).
pub fn composed(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { NFC.normalize(text).into_owned() }
}

/// What is equal for texts that differ in case, in compatibility forms (`Ｋ`, the Kelvin sign, `ﬁ`) or in what is not seen
/// (Unicode's NFKC_Casefold). The form of a form is itself.
pub fn caseless(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut form = text.to_owned();
    for _ in 0..ROUNDS {
        let folded = CASE.fold_string(&NFD.normalize(&form)).into_owned();
        let seen: String =
            NFKC.normalize(&folded).chars().filter(|letter| !UNSEEN.contains(*letter)).collect();
        let next = NFC.normalize(&CASE.fold_string(&NFKC.normalize(&seen))).into_owned();
        if next == form {
            break;
        }
        form = next;
    }
    form
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_seen_is_found_wherever_it_stands() {
        for bad in [
            "a\0",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{ad}b",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{200c}b",
            "\u{202e}a",
            "a\u{2066}",
            "a\u{61c}b",
            "a\u{fe0f}",
            "a\u{e0041}",
            "a\u{3164}",
            "a\u{115f}",
            "a\u{feff}",
            "a\u{2028}b",
            "a\u{e000}",
            "a\u{ffff}",
            "a\u{180e}",
        ] {
            assert!(hides_something(bad), "{bad:?}");
        }
        for good in [
            "",
            "Zoë d'Été-O’Neill",
            "阿卜杜拉·本",
            "김철수",
            "สมชาย",
            "محمدرضا",
            "محمد\u{200c}رضا",
            "क\u{94d}\u{200d}ष",
            "Nº 3",
            "🏠 1",
        ] {
            assert!(!hides_something(good), "{good:?}");
        }
    }

    #[test]
    fn what_looks_alike_by_compatibility_is_the_same() {
        for (one, other) in [
            ("\u{212a}im", "kim"),
            ("ｋｉｍ", "Kim"),
            ("ﬁona", "FIONA"),
            ("JO\u{308}RG", "jörg"),
            ("k\u{200b}im", "kim"),
            ("straße", "STRASSE"),
        ] {
            assert_eq!(caseless(one), caseless(other));
        }
        assert_ne!(caseless("jorg"), caseless("jörg"));
    }

    proptest! {
        #[test]
        fn forms_are_their_own_forms(text in "\\PC{0,24}|[\\u{300}-\\u{370}\\u{1f80}-\\u{1fff}\\u{a8}-\\u{b8}a-c]{0,12}") {
            prop_assert_eq!(composed(&composed(&text)), composed(&text));
            prop_assert_eq!(caseless(&caseless(&text)), caseless(&text));
            prop_assert_eq!(caseless(&composed(&text)), caseless(&text));
        }

        #[test]
        fn case_plays_no_part(text in "\\PC{0,24}") {
            prop_assert_eq!(caseless(&text.to_lowercase()), caseless(&text));
        }
    }
}
