//! How text is found: folded so that case, accents and signs make no difference, and taken apart into words.
//!
//! One set of rules for all that is searched: articles, customers, orders. What was folded is stored, so a change
//! of these rules needs what is stored to be made again, by a migration.

mod ask;
mod fold;
mod plural;
mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use ask::{Asked, Form, query};
pub use fold::fold;
use split::{Run, cut, joined, runs};

/// Characters of a word that count; what is longer is found by its beginning.
pub const WORD_LENGTH: usize = 40;
/// Words kept of one thing, its texts' first ones: more than an article of 5,000 characters has in any script, whose
/// words are written as people write them. One made of nothing but single letters and digits, or signs between them,
/// may have more; its end is not found.
pub const MOST_WORDS: usize = 6_000;
/// Runs before a word as one with which it is often written: `iphone15pro` is three.
const MOST_BEFORE: usize = 3;

/// Text folded for sorting or comparing as a whole: with single spaces, and at most so many characters.
pub fn fold_line(text: &str, length: usize) -> String {
    let words = fold(text);
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(length).collect::<String>().trim_end().to_owned()
}

/// A code without its signs, to be compared as a whole: at most so many characters.
pub fn fold_code(text: &str, length: usize) -> String {
    fold(text).chars().filter(|letter| letter.is_alphanumeric()).take(length).collect()
}

/// The words by which something with these texts is found.
pub fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        for text in [Some(fold(text)), fold::spelled_out(text).map(|text| fold(&text))].into_iter().flatten()
        {
            for word in words_of(&text) {
                if found.len() == MOST_WORDS {
                    return found;
                }
                found.insert(word);
            }
        }
    }
    found
}

/// The words by which somebody is found: by each name, and by both as one where they are written so (`김철수`,
/// `สมชายใจดี`), whichever is first.
pub fn of_person(texts: &[&str], first_name: &str, last_name: &str) -> BTreeSet<String> {
    let names = [format!("{first_name} {last_name}"), format!("{last_name} {first_name}")];
    words(texts.iter().copied().chain(names.iter().map(String::as_str)))
}

fn words_of(folded: &str) -> Vec<String> {
    let mut words = Vec::new();
    // What is written with blanks here, and may be asked for without.
    let mut chain: Vec<Vec<&str>> = Vec::new();
    let mut digits: Vec<&str> = Vec::new();
    let mut last_dense = None;
    for placed in runs(folded) {
        let dense_before = last_dense.take().filter(|_| placed.after_blank);
        match placed.run {
            Run::Joined(parts) => {
                words.extend(parts.iter().map(|part| cut(part)));
                // `TEA-1-XL` is `tea1xl` and `1xl`.
                words.extend((1..parts.len()).map(|first| joined(&parts[first - 1..])));
                let first = parts[0];
                let last = chain.last().and_then(|run| run.last());
                if !placed.after_blank || !last.is_some_and(|last| is_measure(last, first)) {
                    chain.clear();
                }
                // `Wi-Fi 6` is `fi6` and `wifi6`.
                for start in chain.len().saturating_sub(MOST_BEFORE)..chain.len() {
                    let mut whole: Vec<&str> = chain[start..].concat();
                    whole.extend(&parts);
                    words.push(joined(&whole));
                }
                if let Some([.., _, last]) = chain.last().map(Vec::as_slice) {
                    words.push(joined(&[&[*last], parts.as_slice()].concat()));
                }
                // `978 3 16 148410 0` is one number.
                if !placed.after_blank || !is_digits(first) || parts.len() > 1 {
                    words.extend((digits.len() > 1).then(|| joined(&digits)));
                    digits.clear();
                }
                if let [only] = parts[..]
                    && is_digits(only)
                {
                    digits.push(only);
                }
                chain.push(parts);
                if chain.len() > MOST_BEFORE {
                    chain.remove(0);
                }
            }
            // Pairs; the last character begins none. A blank in such a text is a matter of taste.
            Run::Dense(characters) => {
                words
                    .extend(dense_before.zip(characters.first()).map(|(last, first)| joined(&[last, first])));
                words.extend(characters.windows(2).map(joined));
                words.extend(characters.last().map(|last| cut(last)));
                last_dense = characters.last().copied();
                chain.clear();
                words.extend((digits.len() > 1).then(|| joined(&digits)));
                digits.clear();
            }
        }
    }
    words.extend((digits.len() > 1).then(|| joined(&digits)));
    words
}

fn is_digits(word: &str) -> bool {
    word.bytes().all(|letter| letter.is_ascii_digit())
}

/// Whether two words in a query may be groups of one code: `978 3 16`, `2957 X`.
fn is_grouped(one: &str, other: &str) -> bool {
    let has_digit = |word: &str| word.contains(|letter: char| letter.is_ascii_digit());
    has_digit(one) && (has_digit(other) || other.len() == 1)
}

/// Whether two words, such as `iphone 15` and `15 mm`, are often written as one.
fn is_measure(one: &str, other: &str) -> bool {
    let digit = |letter: Option<char>| letter.map(|letter| letter.is_ascii_digit());
    matches!((digit(one.chars().next_back()), digit(other.chars().next())), (Some(one), Some(other)) if one != other)
}
