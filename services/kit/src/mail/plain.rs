//! What others wrote, as it stands in mails.

use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
    props::{
        BidiControl, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, VariationSelector,
    },
};

const UNSEEN: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const TURNING: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<BidiControl>();
const VARIATION: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<VariationSelector>();
const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();

/// Text as data: in one line, in the order in which it is read, and no link. Anybody can register somebody else's
/// address under a name that is an advertisement.
pub fn plain(text: &str) -> String {
    let text = line(text);
    let mut plain = String::with_capacity(text.len());
    // What is read before and after, whatever clings to it.
    let mut before = ' ';
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        plain.push(letter);
        if clings(letter) {
            continue;
        }
        let mut read = rest.clone().filter(|next| !clings(*next));
        let (next, after) = (read.next().unwrap_or(' '), read.next().unwrap_or(' '));
        let breaks = match letter {
            '.' | '\u{2024}' | '\u{3002}' | '\u{fe12}' | '\u{fe52}' | '\u{ff0e}' | '\u{ff61}' => {
                // `Av.Brasil` may be read as a domain, 1.5 and 3.º may not.
                let ends_a_name = !before.is_whitespace() && !before.is_ascii_punctuation();
                ends_a_name && next.is_alphabetic() && !matches!(next, 'º' | 'ª')
            }
            // Nor is `a@ b` an address.
            '@' | '\u{fe6b}' | '\u{ff20}' => !before.is_whitespace() && !next.is_whitespace(),
            ':' | '\u{ff1a}' => is_slash(next) && is_slash(after),
            _ => false,
        };
        if breaks {
            plain.push(' ');
        }
        before = letter;
    }
    plain
}

fn is_slash(letter: char) -> bool {
    matches!(letter, '/' | '\u{ff0f}')
}

/// Whether a character only adds to the one before it: a mark, a joiner.
fn clings(letter: char) -> bool {
    !letter.is_ascii()
        && (UNSEEN.contains(letter) || GeneralCategoryGroup::Mark.contains(CATEGORY.get(letter)))
}

/// Text kept to one line, without what turns its order round or hides in it (Unicode's bidirectional controls, line
/// separators, default ignorables). Joiners and variation selectors stay: scripts and emoji need them.
pub fn line(text: &str) -> String {
    let breaks = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    let text: String = text.chars().filter(|letter| !is_hidden(*letter)).collect();
    text.split(breaks).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_hidden(letter: char) -> bool {
    let is_needed = matches!(letter, '\u{200c}' | '\u{200d}') || VARIATION.contains(letter);
    // Interlinear annotations hide, too.
    TURNING.contains(letter)
        || UNSEEN.contains(letter) && !is_needed
        || matches!(letter, '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_others_wrote_is_data() {
        for (text, read) in [
            ("Ada\r\nBcc: x@other.example", "Ada Bcc: x@ other. example"),
            ("You won! https://evil.example/?a=1", "You won! https: //evil. example/?a=1"),
            ("www.evil.example", "www. evil. example"),
            ("evil。example", "evil。 example"),
            (
                "evil\u{ff0e}com evil\u{ff61}com evil\u{2024}com",
                "evil\u{ff0e} com evil\u{ff61} com evil\u{2024} com",
            ),
            ("evil\u{200d}.com", "evil\u{200d}. com"),
            ("evil.\u{200d}com", "evil. \u{200d}com"),
            ("evil\u{301}.com evil.\u{fe0f}com", "evil\u{301}. com evil. \u{fe0f}com"),
            ("http:\u{200d}/\u{200d}/evil", "http: \u{200d}/\u{200d}/evil"),
            ("evil\u{34f}.com evil\u{115f}.com evil\u{3164}.com", "evil. com evil. com evil. com"),
            ("a\u{200d}@\u{200d}evil", "a\u{200d}@ \u{200d}evil"),
            ("a\u{ff20}evil\u{fe52}com", "a\u{ff20} evil\u{fe52} com"),
            ("💩.la", "💩. la"),
            ("\u{202e}elpmaxe\u{202c} Ada", "elpmaxe Ada"),
            ("A\u{2066}d\u{2069}a\u{200b}\u{feff}\u{e0041}", "Ada"),
            ("Ada\u{2028}Lovelace", "Ada Lovelace"),
            ("Av. Brasil 1.5, 3.º Esq.", "Av. Brasil 1.5, 3.º Esq."),
            ("RR123456785PT", "RR123456785PT"),
            ("می\u{200c}خواهم 👩\u{200d}🍳 ❤\u{fe0f}", "می\u{200c}خواهم 👩\u{200d}🍳 ❤\u{fe0f}"),
            ("Jean-Luc O'Neil", "Jean-Luc O'Neil"),
        ] {
            assert_eq!(plain(text), read, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_between_makes_a_domain(unseen in "[\u{200c}\u{200d}\u{fe00}-\u{fe0f}\u{300}-\u{36f}\u{34f}\u{115f}\u{3164}\u{202e}]{0,3}") {
            for text in [format!("evil{unseen}.com"), format!("evil.{unseen}com")] {
                let seen: String = plain(&text).chars().filter(|letter| !clings(*letter)).collect();
                prop_assert_eq!(seen, "evil. com");
            }
        }
    }
}
