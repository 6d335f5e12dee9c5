//! How many items and entries the lists and maps of a message may have, by the rules of its contract (`buf.validate`).

use std::collections::{HashMap, HashSet};

use prost_reflect::{
    DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, ReflectMessage as _, Value,
};

/// The bounds of a message and of all that it holds, read once.
#[derive(Debug, Default)]
pub struct Bounds(HashMap<String, usize>);

impl Bounds {
    /// Those of a message.
    pub fn of(message: &MessageDescriptor) -> Self {
        let mut bounds = Self::default();
        if let Some(rules) = message.parent_pool().get_extension_by_name("buf.validate.field") {
            bounds.read(message, &rules, &mut HashSet::new());
        }
        bounds
    }

    fn read(&mut self, message: &MessageDescriptor, rules: &ExtensionDescriptor, seen: &mut HashSet<String>) {
        if !seen.insert(message.full_name().to_owned()) {
            return;
        }
        for field in message.fields() {
            if field.is_list() || field.is_map() {
                let options = field.options();
                let said = options.get_extension(rules);
                let most = said.as_message().and_then(|said| match field.is_map() {
                    true => number(said, "map", "max_pairs"),
                    false => number(said, "repeated", "max_items"),
                });
                if let Some(most) = most {
                    self.0.insert(field.full_name().to_owned(), most);
                }
            }
            if let Some(inner) = field.kind().as_message() {
                self.read(inner, rules, seen);
            }
        }
    }

    /// How many items or entries a field may have, if there is a rule.
    pub fn most(&self, field: &FieldDescriptor) -> Option<usize> {
        self.0.get(field.full_name()).copied()
    }
}

fn number(rules: &DynamicMessage, of: &str, name: &str) -> Option<usize> {
    let rules = rules.get_field_by_name(of)?;
    let rules = rules.as_message()?;
    let field = rules.descriptor().get_field_by_name(name)?;
    let value = rules.has_field(&field).then(|| rules.get_field(&field).into_owned())?;
    match value {
        Value::U64(value) => usize::try_from(value).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{BadField, Error, decode, test_pool};

    fn order(lines: &str) -> Result<usize, Error> {
        let order = contracts::pool().get_message_by_name("feira.order.v1.CreateOrderRequest").unwrap();
        let decoded = decode(&order, format!("{{\"lines\":[{lines}]}}").as_bytes(), &Bounds::of(&order))?;
        Ok(decoded.value.get_field_by_name("lines").unwrap().as_list().unwrap().len())
    }

    #[test]
    fn a_list_ends_where_its_rule_says() {
        assert_eq!(order(&vec!["{}"; 100].join(",")), Ok(100));
        let refused = Err(Error::Rule(BadField {
            field: "lines".to_owned(),
            description: "must have at most 100 items".to_owned(),
        }));
        assert_eq!(order(&vec!["{}"; 101].join(",")), refused);
        // What comes after the first item too many is not read.
        assert_eq!(order(&format!("{},{{\"unknown\":1}} no JSON", vec!["{}"; 101].join(","))), refused);
        assert!(matches!(order("\"\""), Err(Error::Field(bad)) if bad.field == "lines[0]"));
    }

    #[test]
    fn what_no_rule_bounds_ends_somewhere_in_whatever_form_it_comes() {
        let everything = test_pool().get_message_by_name("library.v1.Everything").unwrap();
        let bounds = Bounds::of(&everything);
        let read = |json: &str| decode(&everything, json.as_bytes(), &bounds).map(|_| ());
        let list = |name: &str, item: &str, count: usize| {
            read(&format!("{{\"{name}\":[{}]}}", vec![item; count].join(",")))
        };
        let entries = |name: &str, count: usize| {
            let all: Vec<_> = (0..count).map(|key| format!("\"{key}\":\"\"")).collect();
            read(&format!("{{\"{name}\":{{{}}}}}", all.join(",")))
        };
        // The list itself is a value of any form, too.
        for (name, item, most) in
            [("words", "\"\"", 20_000), ("parts", "{}", 20_000), ("value", "[]", 19_999)]
        {
            assert_eq!(list(name, item, most), Ok(()), "{name}");
            assert!(matches!(list(name, item, most + 1), Err(Error::Field(_))), "{name}");
        }
        for (name, most) in [("byNumber", 20_000), ("object", 19_999)] {
            assert_eq!(entries(name, most), Ok(()), "{name}");
            assert!(matches!(entries(name, most + 1), Err(Error::Field(_))), "{name}");
        }
    }
}
