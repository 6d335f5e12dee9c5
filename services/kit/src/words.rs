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
/// Words kept of one thing. Only long texts without blanks have more.
pub const MOST_WORDS: usize = 3_000;

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

fn words_of(folded: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut before = None;
    for placed in runs(folded) {
        let last = before.take();
        match placed.run {
            Run::Joined(parts) => {
                words.extend(parts.iter().map(|part| cut(part)));
                // `TEA-1-XL` is `tea1xl` and `1xl`.
                words.extend((1..parts.len()).map(|first| joined(&parts[first - 1..])));
                let (first, end) = (parts[0], parts[parts.len() - 1]);
                if let Some(last) = last
                    && placed.after_blank
                    && is_measure(last, first)
                {
                    words.push(joined(&[last, first]));
                }
                before = Some(end);
            }
            // Pairs; the last character begins none.
            Run::Dense(characters) => {
                words.extend(characters.windows(2).map(joined));
                words.extend(characters.last().map(|last| cut(last)));
            }
        }
    }
    words
}

/// Whether two words, such as `iphone 15` and `15 mm`, are often written as one.
fn is_measure(one: &str, other: &str) -> bool {
    let digit = |letter: Option<char>| letter.map(|letter| letter.is_ascii_digit());
    matches!((digit(one.chars().next_back()), digit(other.chars().next())), (Some(one), Some(other)) if one != other)
}
