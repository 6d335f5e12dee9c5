//! Singulars of plurals and plurals of singulars, as far as endings tell them without knowing the language.
//!
//! Stemmers need to know it: what is plural in one language is no plural in another. These forms are looked for as
//! whole words beside the one that was typed, so that one too many finds little.

/// Endings of plurals, and what the singular has in their place.
const PLURALS: [(&str, &[&str]); 17] = [
    // English: berries, knives, boxes.
    ("ies", &["y", "ie"]),
    ("ves", &["f", "fe"]),
    ("es", &["", "e"]),
    ("s", &[""]),
    // Portuguese: limões, pães, animais, papéis, lençóis, nuvens; Spanish: luces.
    ("oes", &["ao"]),
    ("aes", &["ao"]),
    ("ais", &["al"]),
    ("eis", &["el"]),
    ("ois", &["ol"]),
    ("ens", &["em"]),
    ("ins", &["im"]),
    ("ons", &["om"]),
    ("ces", &["z"]),
    // French: bateaux, chevaux.
    ("eaux", &["eau"]),
    ("aux", &["al"]),
    // German: Tassen, Uhren.
    ("en", &["e", ""]),
    ("eln", &["el"]),
];

/// Endings of singulars, and what plurals that do not begin with the singular have in their place.
const SINGULARS: [(&str, &[&str]); 10] = [
    ("y", &["ies"]),
    ("fe", &["ves"]),
    ("f", &["ves"]),
    ("ao", &["oes", "aes"]),
    ("al", &["ais", "aux"]),
    ("el", &["eis"]),
    ("ol", &["ois"]),
    ("em", &["ens"]),
    ("im", &["ins"]),
    ("z", &["ces"]),
];

/// Letters that are left of a word at least.
const LEFT: usize = 3;

/// The other forms that a folded word may have. German plurals with an umlaut are known by it: `Gläser`, `Stühle`.
pub(super) fn others(word: &str, has_umlaut: bool) -> Vec<String> {
    if !word.bytes().all(|letter| letter.is_ascii_lowercase()) || word.ends_with("ss") {
        return Vec::new();
    }
    let umlauts: [(&str, &[&str]); 2] = [("er", &[""]), ("e", &[""])];
    let umlauts = umlauts.into_iter().filter(|_| has_umlaut);
    let mut forms = Vec::new();
    for (ending, instead) in PLURALS.into_iter().chain(SINGULARS).chain(umlauts) {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        let made = instead.iter().map(|ending| format!("{stem}{ending}"));
        forms.extend(made.filter(|form| stem.len() >= LEFT - 1 && form.len() >= LEFT));
    }
    forms
}
