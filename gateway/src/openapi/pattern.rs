//! Regular expressions: what fits one.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Where a TypeID has its 26 characters (<https://github.com/jetify-com/typeid>): chance would make none
/// that looks like one.
const TYPE_ID: (&str, &str) = ("[0-7][0-9a-hjkmnp-tv-z]{25}", "01kjta37srfgpvbshzh9ym3gmg");
/// How much longer than its shortest a text may become.
const MORE: u32 = 64;
/// The longest that is looked at, in bytes: a pattern may ask for any length.
const LONGEST: usize = 4_096;

/// An id of a kind that has this prefix (`usr_`).
pub fn type_id(prefix: &str) -> String {
    format!("{prefix}{}", TYPE_ID.1)
}

/// The prefix of the TypeIDs that fit a pattern, if it is one of them.
pub fn type_id_prefix(pattern: &str) -> Option<&str> {
    let before = pattern.split(TYPE_ID.0).next().filter(|before| before.len() < pattern.len())?;
    let start =
        before.rfind(|letter: char| !letter.is_ascii_lowercase() && letter != '_').map_or(0, |at| at + 1);
    before.get(start..).filter(|prefix| !prefix.is_empty())
}

/// Whether the empty text fits a pattern; also where the pattern is none.
pub fn admits_nothing(pattern: &str) -> bool {
    regex_syntax::parse(pattern).map_or(true, |hir| hir.properties().minimum_len() == Some(0))
}

/// A text of at least some characters that fits a pattern, not empty if it can be helped.
pub fn example(pattern: &str, least: usize) -> Option<String> {
    let hir = regex_syntax::parse(&pattern.replace(TYPE_ID.0, TYPE_ID.1)).ok()?;
    (0..MORE)
        .map(|more| {
            let mut text = String::new();
            write(&hir, more, &mut text);
            text
        })
        .take_while(|text| text.len() <= LONGEST)
        .find(|text| text.chars().count() >= least.max(1))
}

/// Writes what fits; what may repeat does so `more` often than it must.
fn write(hir: &Hir, more: u32, text: &mut String) {
    if text.len() > LONGEST {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(member(class, text.len())),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            // What adds nothing adds nothing however often it is written.
            let times = repetition.min.saturating_add(more).min(most).min(LONGEST as u32);
            for _ in 0..times {
                if text.len() > LONGEST {
                    return;
                }
                write(&repetition.sub, more, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, more, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, more, text)),
        HirKind::Alternation(parts) => parts.first().into_iter().for_each(|part| write(part, more, text)),
    }
}

/// A member of a class that can be read, another one in another place.
fn member(class: &Class, place: usize) -> Option<char> {
    let holds = |letter: char| match class {
        Class::Unicode(class) => class.iter().any(|range| (range.start()..=range.end()).contains(&letter)),
        Class::Bytes(class) => {
            class.iter().any(|range| (range.start()..=range.end()).contains(&(letter as u32 as u8)))
        }
    };
    let plain: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').filter(|it| holds(*it)).collect();
    if !plain.is_empty() {
        return plain.get(place % plain.len()).copied();
    }
    (' '..='~').find(|it| holds(*it)).or_else(|| match class {
        Class::Unicode(class) => class.iter().next().map(|range| range.start()),
        Class::Bytes(class) => class.iter().next().map(|range| range.start().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_patterns() {
        let one = |pattern| example(pattern, 0).unwrap();
        assert_eq!(one("^[A-Z]{2}$"), "AB");
        assert_eq!(one("^(me|usr_[0-7][0-9a-hjkmnp-tv-z]{25})?$"), "me");
        assert_eq!(one("^(ord_[0-7][0-9a-hjkmnp-tv-z]{25})?$"), "ord_01kjta37srfgpvbshzh9ym3gmg");
        assert!(one(r"^((https?://|/)[^\s\p{Cc}]*)?$").starts_with("https://"));
        assert_eq!(example("^[a-z]*$", 5).unwrap().len(), 5);
        assert_eq!(example("^$", 1), None);
        assert_eq!(example("(", 1), None);
    }

    #[test]
    fn prefixes_are_found() {
        assert_eq!(type_id_prefix("^(me|usr_[0-7][0-9a-hjkmnp-tv-z]{25})$"), Some("usr_"));
        assert_eq!(type_id_prefix("^art_[0-7][0-9a-hjkmnp-tv-z]{25}$"), Some("art_"));
        assert_eq!(type_id_prefix("^[A-Z]{2}$"), None);
    }

    #[test]
    fn what_admits_nothing_is_known() {
        assert!(admits_nothing("^[a-z]*$") && admits_nothing("^(a|)$") && admits_nothing("("));
        assert!(!admits_nothing("^[a-z]$") && !admits_nothing("^a{3,}$"));
    }
}
