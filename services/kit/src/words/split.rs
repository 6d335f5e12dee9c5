//! How folded text is taken apart.

use icu_properties::props::Script;

use super::{
    WORD_LENGTH,
    fold::{SCRIPT, is_mark},
};

/// A part of a text that has no gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// Words that signs join, such as `tea-1`.
    Joined(Vec<&'a str>),
    /// Text of a script that has no blanks between words, by its characters; signs between them left out.
    Dense(Vec<&'a str>),
}

/// A run, and whether nothing but blanks is between it and the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    pub run: Run<'a>,
    pub after_blank: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Dense,
    Joiner,
    Blank,
    Gap,
}

fn kind(letter: char) -> Kind {
    match letter {
        'a'..='z' | '0'..='9' => Kind::Word,
        '-' | '_' | '.' | '/' | '\'' | '&' | '+' | '@' | '#' | ':' | '*' | '·' | '・' | '״' | '׳' | '־' => {
            Kind::Joiner
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Kind::Joiner,
        letter if letter.is_whitespace() => Kind::Blank,
        'ー' => Kind::Dense,
        letter if letter.is_alphanumeric() => match SCRIPT.get(letter) {
            Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Bopomofo
            | Script::Hangul
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
            | Script::Javanese
            | Script::Balinese
            | Script::TaiLe
            | Script::NewTaiLue
            | Script::TaiTham
            | Script::TaiViet
            | Script::Yi => Kind::Dense,
            _ => Kind::Word,
        },
        _ => Kind::Gap,
    }
}

/// Stretches of one kind, marks with the character that they belong to.
fn stretches(folded: &str) -> Vec<(Kind, &str)> {
    let mut all = Vec::new();
    let (mut start, mut now) = (0, Kind::Gap);
    for (place, letter) in folded.char_indices() {
        let next = if is_mark(letter) { now } else { kind(letter) };
        if next != now {
            if place > start {
                all.push((now, &folded[start..place]));
            }
            (start, now) = (place, next);
        }
    }
    if folded.len() > start {
        all.push((now, &folded[start..]));
    }
    all
}

/// Characters with their marks.
fn characters(text: &str) -> Vec<&str> {
    let mut starts: Vec<_> = text
        .char_indices()
        .filter(|(place, letter)| *place == 0 || !is_mark(*letter))
        .map(|(at, _)| at)
        .collect();
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

/// The runs of a text.
pub(super) fn runs(folded: &str) -> Vec<Placed<'_>> {
    let mut all: Vec<Placed> = Vec::new();
    // What was between: nothing or joiners, blanks, or more.
    let mut between = Kind::Gap;
    for (kind, text) in stretches(folded) {
        let joins = between == Kind::Joiner;
        match (kind, all.last_mut().map(|placed| &mut placed.run)) {
            (Kind::Word, Some(Run::Joined(parts))) if joins => parts.push(text),
            (Kind::Dense, Some(Run::Dense(parts))) if joins => parts.extend(characters(text)),
            (Kind::Word, _) => {
                let after_blank = between == Kind::Blank;
                all.push(Placed { run: Run::Joined(vec![text]), after_blank });
            }
            (Kind::Dense, _) => {
                let after_blank = between == Kind::Blank;
                all.push(Placed { run: Run::Dense(characters(text)), after_blank });
            }
            _ => {}
        }
        between = match (between, kind) {
            (_, Kind::Word | Kind::Dense) => Kind::Joiner,
            (Kind::Joiner, Kind::Joiner) => Kind::Joiner,
            (Kind::Joiner | Kind::Blank, Kind::Blank) => Kind::Blank,
            _ => Kind::Gap,
        };
    }
    all
}

/// The beginning of a word that counts.
pub(super) fn cut(word: &str) -> String {
    word.chars().take(WORD_LENGTH).collect()
}

/// Parts as one word, as far as it counts.
pub(super) fn joined(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| part.chars()).take(WORD_LENGTH).collect()
}
