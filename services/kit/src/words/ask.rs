//! What a search asks for.

use super::{
    WORD_LENGTH,
    fold::{fold, spelled_out},
    is_grouped, is_measure, plural,
    split::{Placed, Run, cut, joined, runs},
};

/// Words of one query that count; more only would leave out more.
const MOST_ASKED: usize = 24;

/// A word, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pub text: String,
    /// Whether the word ends here.
    pub whole: bool,
}

impl Form {
    fn beginning(text: String) -> Self {
        Form { text, whole: false }
    }

    fn whole(text: String) -> Self {
        Form { text, whole: true }
    }

    /// Whether it is this word, or its beginning.
    pub fn fits(&self, word: &str) -> bool {
        if self.whole { word == self.text } else { word.starts_with(&self.text) }
    }

    /// Whether whatever fits another one fits this one, too.
    fn covers(&self, other: &Form) -> bool {
        if self.whole { self == other } else { other.text.starts_with(&self.text) }
    }
}

/// One of these forms must be found, a beginning first. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub forms: Vec<Form>,
}

impl Asked {
    fn of(all: impl IntoIterator<Item = Form>) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for form in all {
            if !forms.iter().any(|known| known.covers(&form)) {
                forms.retain(|known| !form.covers(known));
                forms.push(form);
            }
        }
        Asked { forms }
    }

    /// The beginning of a word, and nothing else.
    pub fn beginning(text: &str) -> Self {
        Asked { forms: vec![Form::beginning(text.to_owned())] }
    }

    /// Whether what has this word has what is asked for.
    pub fn fits(&self, word: &str) -> bool {
        self.forms.iter().any(|form| form.fits(word))
    }

    fn is_implied_by(&self, other: &Asked) -> bool {
        other.forms.iter().all(|form| self.forms.iter().any(|own| own.covers(form)))
    }
}

/// What a query asks for: all of these. `None` where it asks for nothing; nothing is found where it has signs
/// but no words.
pub fn query(text: &str) -> Option<Vec<Asked>> {
    if text.trim().is_empty() {
        return None;
    }
    let folded = fold(text);
    let plain = runs(&folded);
    let spelled = spelled_out(text).map(|text| fold(&text));
    // Letters took the place of letters: both have the same runs.
    let spelled = spelled.as_deref().map(runs).filter(|spelled| is_alike(&plain, spelled));
    let spelled = spelled.as_ref().unwrap_or(&plain);
    let mut all = Vec::new();
    let mut before = Before::default();
    for (plain, spelled) in plain.iter().zip(spelled) {
        match (&plain.run, &spelled.run) {
            (Run::Joined(parts), Run::Joined(others)) => {
                if !plain.after_blank {
                    before = Before::default();
                }
                all.extend(asked_of(parts, others, &before));
                before.follow(parts, others);
            }
            (Run::Dense(characters), _) => {
                all.extend(dense(characters));
                before = Before::default();
            }
            _ => {}
        }
    }
    Some(reduced(all))
}

fn is_alike(one: &[Placed], other: &[Placed]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| match (&one.run, &other.run) {
            (Run::Joined(one), Run::Joined(other)) => one.len() == other.len(),
            (one, other) => one == other,
        })
}

/// The words before one, with nothing but a blank between them.
#[derive(Default)]
struct Before<'a> {
    /// The last one, plain and spelled out.
    last: Option<[&'a str; 2]>,
    /// More of them that may be groups of one code, or a name with its figures: `4 006381`, `iphone 15`.
    chain: Vec<&'a str>,
}

impl<'a> Before<'a> {
    fn chains(&self, part: &str) -> bool {
        self.chain.last().is_some_and(|last| is_grouped(last, part) || is_measure(last, part))
    }

    fn follow(&mut self, parts: &[&'a str], others: &[&'a str]) {
        if !parts.first().is_some_and(|first| self.chains(first)) {
            self.chain.clear();
        }
        self.chain.extend(parts);
        self.last = parts.last().zip(others.last()).map(|(part, other)| [*part, *other]);
    }
}

/// Each part of a joined word, or all of it as one: `wi-fi` finds `Wi-Fi` as well as `WiFi`. The first may have
/// been written as one with the words before it. `others` are the same parts, their umlauts spelled out.
fn asked_of(parts: &[&str], others: &[&str], before: &Before) -> Vec<Asked> {
    let mut all = Vec::new();
    for (place, (part, other)) in parts.iter().zip(others).enumerate() {
        let mut forms = vec![Form::beginning(cut(part)), Form::beginning(cut(other))];
        match (place, before.last) {
            (0, Some([last, last_spelled])) => {
                forms.push(Form::beginning(joined(&[last, part])));
                forms.push(Form::beginning(joined(&[last_spelled, other])));
                if before.chain.len() > 1 && before.chains(part) {
                    forms.push(Form::beginning(joined(&[before.chain.as_slice(), &[*part]].concat())));
                }
            }
            (0, None) => {}
            _ => forms.extend([parts, others].map(|parts| Form::beginning(joined(parts)))),
        }
        if part.chars().count() < WORD_LENGTH {
            forms.extend(plural::others(part, part != other).into_iter().map(Form::whole));
        }
        all.push(Asked::of(forms));
    }
    all
}

/// The pairs of a text without blanks; one character begins pairs.
fn dense(characters: &[&str]) -> Vec<Asked> {
    match characters {
        [one] => vec![Asked::beginning(&cut(one))],
        many => {
            let mut all: Vec<_> =
                many.windows(2).map(|pair| Asked { forms: vec![Form::whole(joined(pair))] }).collect();
            // The last one may still be getting its marks.
            if let Some(Asked { forms }) = all.last_mut() {
                forms[0].whole = false;
            }
            all
        }
    }
}

/// Those that no other implies, as many as count.
fn reduced(mut all: Vec<Asked>) -> Vec<Asked> {
    all.truncate(4 * MOST_ASKED);
    let mut kept: Vec<Asked> = Vec::new();
    for asked in all {
        if !kept.iter().any(|known| asked.is_implied_by(known)) {
            kept.retain(|known| !known.is_implied_by(&asked));
            kept.push(asked);
        }
    }
    kept.truncate(MOST_ASKED);
    kept
}
