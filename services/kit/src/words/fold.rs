//! Folding: which differences between texts a search ignores.

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{
    ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed,
    properties::CanonicalCombiningClassMapBorrowed,
};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
    props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, Script},
};

const CASE: CaseMapperBorrowed<'static> = CaseMapper::new();
const DECOMPOSED: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
const COMPOSED: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
const CLASS: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
/// The combining class of nuktas: dots of Indic scripts that many leave out.
const NUKTA: u8 = 7;
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
pub(super) const SCRIPT: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::new();

/// Folds text: lower case, compatibility forms as the plain ones, without marks that do not make another
/// letter, without what is not seen.
///
/// It is what collation of strength 1 takes as equal, but where that would take different words as equal: kana
/// with and without voicing marks, large and small kana, and the marks of scripts whose vowels or tones they
/// are (Thai, Devanagari, …) are distinguished. Hiragana and katakana, full and half width are not.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The iota below a Greek vowel is a mark, and would become a letter.
    let decomposed = DECOMPOSED.normalize(text).replace('\u{345}', "");
    let lower = CASE.fold_string(&decomposed).into_owned();
    let mut folded = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in DECOMPOSED.normalize(&lower).chars() {
        if IGNORABLE.contains(letter) || is_mark(letter) && is_dropped(before, letter) {
            continue;
        }
        let start = folded.len();
        push(letter, &mut folded);
        before = folded[start..].chars().next_back().unwrap_or(before);
    }
    COMPOSED.normalize(&folded).into_owned()
}

/// Letters that many write as two where they lack them: `Käse` is `Kaese`, `smørbrød` is `smoerbroed`.
/// `None` where there are none.
pub(super) fn spelled_out(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let text = COMPOSED.normalize(text);
    let mut spelled = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        spelled.push_str(match letter {
            'ä' | 'Ä' => "ae",
            'ö' | 'Ö' | 'ø' | 'Ø' => "oe",
            'ü' | 'Ü' => "ue",
            'å' | 'Å' => "aa",
            letter => {
                spelled.push(letter);
                continue;
            }
        });
    }
    (spelled != text).then_some(spelled)
}

/// Whether a character belongs to the one before it.
pub(super) fn is_mark(letter: char) -> bool {
    !letter.is_ascii() && GeneralCategoryGroup::Mark.contains(CATEGORY.get(letter))
}

/// Whether a mark makes no other letter of the one before it.
fn is_dropped(before: char, mark: char) -> bool {
    // Voiced and half-voiced kana are other sounds, and й is no и.
    if matches!((before, mark), (_, '\u{3099}' | '\u{309A}') | ('и', '\u{306}')) {
        return false;
    }
    CLASS.get_u8(mark) == NUKTA
        || matches!(
            SCRIPT.get(mark),
            Script::Inherited
                | Script::Greek
                | Script::Cyrillic
                | Script::Hebrew
                | Script::Arabic
                | Script::Syriac
        )
}

/// Letters that no decomposition takes apart.
fn push(letter: char, folded: &mut String) {
    let plain = match letter {
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ł' => "l",
        'ŧ' => "t",
        'ı' => "i",
        'ς' => "σ",
        // A measure's: `40×60`.
        '×' => "x",
        // Apostrophes.
        '\u{2BB}' | '\u{2BC}' | '\u{2018}' | '\u{2019}' => "'",
        // Final forms of Hebrew.
        'ך' => "כ",
        'ם' => "מ",
        'ן' => "נ",
        'ף' => "פ",
        'ץ' => "צ",
        // Arabic as it is typed: Persian's letters, and endings that are often confused. The tatweel only
        // stretches.
        'ى' | 'ی' => "ي",
        'ک' => "ك",
        'ة' => "ه",
        'ـ' => "",
        // Katakana as hiragana.
        '\u{30A1}'..='\u{30F6}' | '\u{30FD}' | '\u{30FE}' => {
            return folded.extend(char::from_u32(u32::from(letter) - 0x60));
        }
        letter if letter.is_ascii() => return folded.push(letter),
        letter => return folded.push(digit(letter).unwrap_or(letter)),
    };
    folded.push_str(plain);
}

/// A decimal digit of any script as that of ASCII: ten of them follow each other everywhere.
fn digit(letter: char) -> Option<char> {
    let is_digit = |code: u32| CATEGORY.get32(code) == GeneralCategory::DecimalNumber;
    let code = u32::from(letter);
    if !is_digit(code) {
        return None;
    }
    let before = (1..10).take_while(|back| is_digit(code - back)).count() as u32;
    char::from_digit(before, 10)
}
