//! Singulars of plurals and plurals of singulars, as far as endings show them without knowing the language.
//!
//! Stemmers need to know it: what is plural in one language is no plural in another. These forms are looked for as
//! whole words beside the one that was typed, so that one too many finds little. Endings that are common in other
//! languages for something else (Italian's) are recognised by more than the last letter, or word by word.

/// Endings, and what other forms have in their place.
type Endings = &'static [(&'static str, &'static [&'static str])];

/// Endings of plurals, and what the singular has in their place.
const PLURALS: Endings = &[
    // English: berries, knives, boxes.
    ("ies", &["y", "ie"]),
    ("ves", &["f", "fe"]),
    ("es", &["", "e"]),
    ("s", &[""]),
    // Portuguese: limões, alemães, animais, papéis, fósseis, lençóis, azuis, funis, nuvens; Spanish: luces.
    ("oes", &["ao"]),
    ("aes", &["ao"]),
    ("ais", &["al"]),
    ("eis", &["el", "il"]),
    ("ois", &["ol"]),
    ("uis", &["ul"]),
    ("is", &["il"]),
    ("ens", &["em"]),
    ("ins", &["im"]),
    ("ons", &["om"]),
    ("uns", &["um"]),
    ("ces", &["z"]),
    // French: bateaux, chevaux.
    ("eaux", &["eau"]),
    ("aux", &["al"]),
    // German: Tassen, Uhren.
    ("en", &["e", ""]),
    ("eln", &["el"]),
    // Italian: tazze, pezzi, bottiglie, cappelli, padelle, forchette, gatti, camicie, giochi.
    ("zze", &["zza"]),
    ("zzi", &["zzo"]),
    ("glie", &["glia"]),
    ("lli", &["llo"]),
    ("lle", &["lla"]),
    ("tte", &["tta"]),
    ("tti", &["tto"]),
    ("icie", &["icia"]),
    ("ochi", &["oco"]),
];

/// Endings of singulars, and what plurals that do not begin with the singular have in their place.
const SINGULARS: Endings = &[
    ("y", &["ies"]),
    ("fe", &["ves"]),
    ("f", &["ves"]),
    ("ao", &["oes", "aes"]),
    ("al", &["ais", "aux"]),
    ("el", &["eis"]),
    ("il", &["is", "eis"]),
    ("ol", &["ois"]),
    ("ul", &["uis"]),
    ("em", &["ens"]),
    ("im", &["ins"]),
    ("om", &["ons"]),
    ("um", &["uns"]),
    ("z", &["ces"]),
    ("zza", &["zze"]),
    ("zzo", &["zzi"]),
    ("glia", &["glie"]),
    ("llo", &["lli"]),
    ("lla", &["lle"]),
    ("tta", &["tte"]),
    ("tto", &["tti"]),
    ("icia", &["icie"]),
    ("oco", &["ochi"]),
];

/// Russian: чашки, книги, носки, двери, недели, линии, розы, столы.
const CYRILLIC: Endings = &[
    ("ки", &["ка", "к", "ок"]),
    ("ги", &["га", "г"]),
    ("хи", &["ха", "х"]),
    ("жи", &["жа", "ж"]),
    ("ши", &["ша", "ш"]),
    ("чи", &["ча", "ч"]),
    ("ии", &["ия", "ий"]),
    ("и", &["ь", "я"]),
    ("ы", &["а", ""]),
    ("цы", &["ец"]),
    ("ка", &["ки"]),
    ("ок", &["ки"]),
    ("га", &["ги"]),
    ("ха", &["хи"]),
    ("жа", &["жи"]),
    ("ша", &["ши"]),
    ("ча", &["чи"]),
    ("ь", &["и"]),
    ("я", &["и"]),
    ("а", &["ы"]),
    ("ец", &["цы"]),
];

/// Greek, as it is folded: βιβλία, τσάντες, κούπες, βράχοι, ρούχα.
const GREEK: Endings = &[
    ("ια", &["ιο", "ι"]),
    ("α", &["ο"]),
    ("εσ", &["α", "η"]),
    ("οι", &["οσ"]),
    ("ματα", &["μα"]),
    ("ο", &["α"]),
    ("α", &["εσ"]),
    ("η", &["εσ"]),
    ("οσ", &["οι"]),
];

/// Words too short, or too alike to others, for rules.
const PAIRS: &[(&str, &str)] = &[
    // Portuguese.
    ("pao", "paes"),
    ("cao", "caes"),
    ("bom", "bons"),
    ("som", "sons"),
    ("dom", "dons"),
    ("tom", "tons"),
    ("bem", "bens"),
    ("fim", "fins"),
    // English.
    ("man", "men"),
    ("woman", "women"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("goose", "geese"),
    ("mouse", "mice"),
    // Italian.
    ("libro", "libri"),
    ("scarpa", "scarpe"),
    ("borsa", "borse"),
    ("penna", "penne"),
    ("lampada", "lampade"),
    ("sedia", "sedie"),
    ("tavolo", "tavoli"),
    ("bicchiere", "bicchieri"),
    ("quaderno", "quaderni"),
    ("vestito", "vestiti"),
    ("guanto", "guanti"),
    ("orologio", "orologi"),
    ("fiore", "fiori"),
    ("calza", "calze"),
    ("tappeto", "tappeti"),
    ("cucchiaio", "cucchiai"),
    ("candela", "candele"),
    ("pentola", "pentole"),
    ("cuscino", "cuscini"),
    ("coperta", "coperte"),
    ("zaino", "zaini"),
    ("collana", "collane"),
    ("maglia", "maglie"),
    ("dolce", "dolci"),
    ("biscotto", "biscotti"),
];

/// Endings by rule that are none: other words.
const OTHERS: &[(&str, &str)] = &[("basis", "basil"), ("latte", "latta")];

/// Endings of German plurals whose stem has got an umlaut, and of their singulars: Bücher, Stühle, Äpfel, Gärten.
const UMLAUTS: Endings = &[("er", &["", "er"]), ("e", &[""]), ("el", &["el"]), ("en", &["en"])];
/// Umlauts as many write them, and their vowels.
const SPELLED: [(&str, &str); 3] = [("ae", "a"), ("oe", "o"), ("ue", "u")];

/// Letters that are left of a word at least.
const LEFT: usize = 3;

/// The other forms that a folded word may have. German plurals with an umlaut are known by it, in one letter or in
/// two: `Gläser`, `Stuehle`.
pub(super) fn others(word: &str, has_umlaut: bool) -> Vec<String> {
    let mut forms = Vec::new();
    if word.bytes().all(|letter| letter.is_ascii_lowercase()) {
        if word.ends_with("ss") {
            return forms;
        }
        forms.extend(PAIRS.iter().filter_map(|(one, many)| match word {
            _ if word == *one => Some((*many).to_owned()),
            _ if word == *many => Some((*one).to_owned()),
            _ => None,
        }));
        inflect(word, PLURALS, &mut forms);
        inflect(word, SINGULARS, &mut forms);
        if has_umlaut {
            inflect(word, UMLAUTS, &mut forms);
        }
        spelled(word, &mut forms);
        let is_other = |one: &str| OTHERS.iter().any(|pair| *pair == (word, one) || *pair == (one, word));
        forms.retain(|form| form != word && !is_other(form));
    } else if word.chars().all(|letter| matches!(letter, 'а'..='я')) {
        inflect(word, CYRILLIC, &mut forms);
    } else if word.chars().all(|letter| matches!(letter, 'α'..='ω')) {
        inflect(word, GREEK, &mut forms);
    }
    forms
}

fn inflect(word: &str, endings: Endings, forms: &mut Vec<String>) {
    for (ending, instead) in endings {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        let made = instead.iter().map(|ending| format!("{stem}{ending}"));
        let is_long = |text: &str, least: usize| text.chars().count() >= least;
        forms.extend(made.filter(|form| is_long(stem, LEFT - 1) && is_long(form, LEFT)));
    }
}

/// Singulars of plurals whose umlaut is spelled out: `buecher` is `buch`. Only before such an ending is `ue` likely
/// to be one.
fn spelled(word: &str, forms: &mut Vec<String>) {
    for (ending, instead) in UMLAUTS {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        for (two, vowel) in SPELLED {
            let Some(place) = stem.rfind(two) else { continue };
            let plain = [&stem[..place], vowel, &stem[place + two.len()..]].concat();
            let made = instead.iter().map(|ending| format!("{plain}{ending}"));
            forms.extend(made.filter(|form| form.len() >= LEFT));
        }
    }
}
