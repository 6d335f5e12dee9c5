//! Words and queries.

mod finding;
mod rules;

use super::*;

/// Whether a query finds something with this text.
fn finds(query: &str, text: &str) -> bool {
    let words = words([text]);
    super::query(query).is_none_or(|all| {
        let has = |asked: &Asked| words.iter().any(|word| asked.fits(word));
        !all.is_empty() && all.iter().all(has)
    })
}

fn asked(text: &str) -> Vec<Vec<String>> {
    let form = |form: Form| if form.whole { form.text } else { form.text + "*" };
    let all = query(text).unwrap_or_default();
    all.into_iter().map(|asked| asked.forms.into_iter().map(form).collect()).collect()
}
