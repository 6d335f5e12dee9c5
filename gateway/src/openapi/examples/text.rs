//! Texts to show: such as rules, and names, let a field have.

use prost_reflect::FieldDescriptor;
use serde_json::Value as Json;

use super::{Examples, Part, Rules, pattern};

/// The longest that is made up.
const LONGEST: usize = 1_000;

impl Examples {
    /// A text that a field can have.
    pub(super) fn text(&self, field: &FieldDescriptor, rules: &Rules, part: Part<'_>) -> String {
        let keywords = if field.is_list() { &rules.items } else { &rules.keywords };
        let keyword = |name: &str| keywords.get(name);
        let least = keyword("minLength").and_then(Json::as_u64).unwrap_or_default();
        let least = usize::try_from(least).unwrap_or(usize::MAX);
        if let Some(only) = keyword("const").and_then(Json::as_str) {
            return only.to_owned();
        }
        if let Some(choices) = keyword("enum").and_then(Json::as_array) {
            let mut choices = choices.iter().filter_map(Json::as_str);
            return choices.find(|choice| !choice.is_empty()).unwrap_or_default().to_owned();
        }
        match keyword("format").and_then(Json::as_str) {
            Some("email") => return "somebody@example.com".to_owned(),
            Some("uri") => return "https://example.com/".to_owned(),
            Some("hostname") => return "example.com".to_owned(),
            Some("uuid") => return "019cb4a1-9f38-7c2d-b5e6-3f8a7d41c290".to_owned(),
            _ => {}
        }
        let pattern = keyword("pattern").and_then(Json::as_str);
        if part == Part::Answer
            && let Some(prefix) = pattern.and_then(pattern::type_id_prefix)
        {
            // `me` and `open` are words of callers.
            return pattern::type_id(prefix);
        }
        let fitting = pattern.map(|pattern| pattern::example(pattern, least));
        match fitting.flatten().or_else(|| self.id(field)) {
            Some(text) => text,
            // What the edge makes an `ETag` of.
            None if field.name() == "etag" && part == Part::Answer => "9f38b5e6".to_owned(),
            None if least > 0 => "text ".chars().cycle().take(least.clamp(4, LONGEST)).collect(),
            None => String::new(),
        }
    }

    /// The id that a field holds by its name: `id` its own message's, `order_id` an order's.
    fn id(&self, field: &FieldDescriptor) -> Option<String> {
        let thing = match field.name() {
            "id" => snake_case(field.parent_message().name()),
            name => name.strip_suffix("_id").or_else(|| name.strip_suffix("_ids"))?.to_owned(),
        };
        self.prefixes.get(&thing).map(|prefix| pattern::type_id(prefix))
    }
}

/// `OrderLine` as `order_line`.
pub(super) fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
