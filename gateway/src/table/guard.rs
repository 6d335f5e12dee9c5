//! Texts that a spreadsheet would take for formulas, made into texts and back without loss.
//!
//! A cell is a formula where it begins with one of [`TRIGGERS`], also after blanks. Who opens a file by another
//! delimiter than the one it was written with cuts cells elsewhere: so what follows a delimiter or a line break
//! within a text counts as the beginning of a cell too. There an apostrophe is put in front, by which spreadsheets
//! know a text. What has apostrophes there already gets one more, so that reading, which takes one away, is exact.

use std::borrow::Cow;

/// What begins a formula: in full width and in small forms too, which some spreadsheets take for the same.
const TRIGGERS: [char; 12] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫'];

/// What may stand between cells or rows.
const DELIMITERS: [char; 6] = [',', ';', '\t', '|', '\r', '\n'];

/// The text as a cell has it.
pub fn guard(text: &str) -> Cow<'_, str> {
    let begins = formulas(text);
    if begins.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + begins.len());
    let mut copied = 0;
    for begin in begins {
        out.push_str(&text[copied..begin]);
        out.push('\'');
        copied = begin;
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The text that a cell has.
pub fn unguard(cell: &str) -> Cow<'_, str> {
    let mut begins = formulas(cell);
    begins.retain(|begin| cell[*begin..].starts_with('\''));
    if begins.is_empty() {
        return Cow::Borrowed(cell);
    }
    let mut out = String::with_capacity(cell.len());
    let mut copied = 0;
    for begin in begins {
        out.push_str(&cell[copied..begin]);
        copied = begin + 1;
    }
    out.push_str(&cell[copied..]);
    Cow::Owned(out)
}

/// JSON as a cell has it: the same JSON, in which no string looks like a formula.
pub fn guard_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut within, mut escaped, mut begins) = (false, false, true);
    for c in json.chars() {
        // Outside of strings there are numbers only, which are no formulas.
        if within && begins && TRIGGERS.contains(&c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
            begins = false;
            continue;
        }
        out.push(c);
        begins = DELIMITERS.contains(&c) || begins && is_blank(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = within,
            '"' => within = !within,
            _ => {}
        }
    }
    out
}

/// Where a guard stands, or is to stand: before each formula, whether it has apostrophes before it or not. At the
/// very beginning also before what has nothing but blanks, which would be no cell at all, and before what some
/// programs cut off there.
fn formulas(text: &str) -> Vec<usize> {
    let mut begins = Vec::new();
    // Backwards, so that what follows a place is known there: a formula after blanks, that after apostrophes too.
    let (mut formula, mut guarded) = (false, false);
    let mut chars = text.char_indices().rev().peekable();
    while let Some((place, c)) = chars.next() {
        // A blank that is a delimiter ends a cell: what follows is guarded by itself.
        formula = TRIGGERS.contains(&c) || formula && is_blank(c) && !DELIMITERS.contains(&c);
        guarded = formula || guarded && c == '\'';
        if guarded && chars.peek().is_none_or(|(_, before)| DELIMITERS.contains(before)) {
            begins.push(place);
        }
    }
    begins.reverse();
    let rest = text.trim_start_matches('\'');
    let lost = rest.starts_with(['\t', '\r', '\n']) || !rest.is_empty() && rest.trim_start().is_empty();
    if lost && begins.first() != Some(&0) {
        begins.insert(0, 0);
    }
    begins
}

/// What spreadsheets pass over, or take for a cell's own quotes.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_takes_for_a_formula_is_a_text() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-", "'-"),
            ("＝1+1", "'＝1+1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠x", "'＠x"),
            ("  =1", "'  =1"),
            ("\u{a0}\u{3000}@x", "'\u{a0}\u{3000}@x"),
            ("\t=1", "'\t'=1"),
            (" \t=1", " \t'=1"),
            ("Made of,\n- tea", "Made of,\n'- tea"),
            ("\tx", "'\tx"),
            ("\"=1", "'\"=1"),
            ("'=1", "''=1"),
            ("Tea;=1", "Tea;'=1"),
            ("Tea,\t+1|@x", "Tea,\t'+1|'@x"),
            ("a\n-b", "a\n'-b"),
            ("  ", "'  "),
            ("", ""),
            ("'", "'"),
            ("Tea", "Tea"),
            ("1-2, 3=4", "1-2, 3=4"),
            (" Tea ", " Tea "),
        ] {
            assert_eq!(guard(text), cell);
            assert_eq!(unguard(cell), text);
        }
        assert_eq!(unguard("'Tea"), "'Tea", "an apostrophe of the text's own");
    }

    #[test]
    fn json_stays_the_same_json() {
        for (json, cell) in [
            (r#"["=1","a;-b"]"#, r#"["=1","a;\u002db"]"#),
            (r#"["a","=1",-5]"#, r#"["a","\u003d1",-5]"#),
            (r#"{"a":"x","b":"y|＝1"}"#, r#"{"a":"x","b":"y|\uff1d1"}"#),
        ] {
            assert_eq!(guard_json(json), cell);
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "[-='\"＝ \t,;a\n]{0,12}") {
            let cell = guard(&text).into_owned();
            prop_assert_eq!(unguard(&cell), text);
            for part in cell.split([',', ';', '|', '\r', '\n']) {
                prop_assert!(!part.trim_start_matches(is_blank).starts_with(TRIGGERS), "{:?}", cell);
            }
        }

        #[test]
        fn every_json_means_the_same(texts in proptest::collection::vec("[-=＝\\\\\"@ ,;a]{0,8}", 0..4)) {
            let json = serde_json::to_string(&texts).unwrap();
            let back: Vec<String> = serde_json::from_str(&guard_json(&json)).unwrap();
            prop_assert_eq!(back, texts);
        }
    }
}
