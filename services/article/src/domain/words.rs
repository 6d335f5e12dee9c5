//! How text is folded: so that search and sorting take no notice of case and accents.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Characters of a word that count; what is longer is found by its beginning.
pub const WORD_LENGTH: usize = 40;
/// Words kept of one article. Its texts have room for this many only if they are made up to.
const MOST_WORDS: usize = 1_500;

/// Lower case, without accents; letters that no decomposition takes apart are written as they are in ASCII.
pub fn fold(text: &str) -> String {
    let lower = text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|letter| !is_combining_mark(*letter));
    let mut folded = String::with_capacity(text.len());
    for letter in lower {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            letter => folded.push(letter),
        }
    }
    folded
}

/// Text folded for sorting or comparing as a whole: with single spaces, and at most so many characters.
pub fn fold_line(text: &str, length: usize) -> String {
    let words = fold(text);
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(length).collect::<String>().trim_end().to_owned()
}

fn split(folded: &str) -> impl Iterator<Item = String> {
    let words = folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word.chars().take(WORD_LENGTH).collect())
}

/// The words by which something with these texts is found.
pub fn words(texts: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in texts.iter().flat_map(|text| split(&fold(text)).collect::<Vec<_>>()) {
        if found.len() == MOST_WORDS {
            break;
        }
        found.insert(word);
    }
    found
}

/// The word beginnings that a query asks for, without those that another one implies. `None` where it asks
/// for nothing; nothing is found where it has signs but no words.
pub fn query(text: &str) -> Option<Vec<String>> {
    if text.trim().is_empty() {
        return None;
    }
    let all: BTreeSet<String> = split(&fold(text)).collect();
    let implied = |word: &String| all.iter().any(|other| other != word && other.starts_with(word.as_str()));
    Some(all.iter().filter(|word| !implied(word)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_accents_and_signs_make_no_difference() {
        let found =
            words(&["Vermelho-escuro, PÃO de Açúcar", "Straße №5", "Ørsted ŁÓDŹ İstanbul", "SKU_77.b"]);
        let expected = [
            "77", "acucar", "b", "de", "escuro", "istanbul", "lodz", "no5", "orsted", "pao", "sku",
            "strasse", "vermelho",
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_query_is_its_words_without_those_that_others_imply() {
        assert_eq!(query("verm choc VERMELHO"), Some(vec!["choc".to_owned(), "vermelho".to_owned()]));
        assert_eq!(query("!!!"), Some(Vec::new()));
        assert_eq!(query(" "), None);
    }

    #[test]
    fn long_words_are_cut_alike_in_texts_and_queries() {
        let long = "x".repeat(100);
        assert_eq!(query(&long).unwrap(), words(&[&long]).into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_line_has_single_spaces_and_a_length() {
        assert_eq!(fold_line("  Café   Crème ", 200), "cafe creme");
        assert_eq!(fold_line("ab cd", 3), "ab");
    }

    proptest! {
        #[test]
        fn every_word_of_a_text_is_found_by_each_of_its_beginnings(text in "\\PC{0,60}", cut in 1usize..8) {
            let kept = words(&[&text]);
            for word in &kept {
                let beginning: String = word.chars().take(cut).collect();
                let end = format!("{beginning}\u{10FFFF}");
                let found = kept.iter().any(|kept| *kept >= beginning && *kept < end);
                prop_assert!(found, "{}", beginning);
            }
        }

        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,60}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn a_text_is_found_by_itself(text in "\\PC{0,60}") {
            let kept = words(&[&text]);
            for asked in query(&text).unwrap_or_default() {
                prop_assert!(kept.contains(&asked));
            }
        }
    }
}
