//! How many items and entries the lists and maps of a message may have, by the rules of its contract (`buf.validate`).

use std::collections::{HashMap, HashSet};

use prost_reflect::{DynamicMessage, ExtensionDescriptor, MessageDescriptor, ReflectMessage as _, Value};

use super::Tables;

/// The bounds of a message and of all that it holds, read once.
#[derive(Debug, Default)]
pub struct Bounds(HashMap<(usize, u32), usize>);

impl Bounds {
    /// Those of a message of a contract that has these tables.
    pub fn of(message: &MessageDescriptor, tables: &Tables) -> Self {
        let mut bounds = Self::default();
        if let Some(rules) = message.parent_pool().get_extension_by_name("buf.validate.field") {
            bounds.read(message, &rules, tables, &mut HashSet::new());
        }
        bounds
    }

    fn read(
        &mut self,
        message: &MessageDescriptor,
        rules: &ExtensionDescriptor,
        tables: &Tables,
        seen: &mut HashSet<usize>,
    ) {
        let Some(place) = tables.place(message.full_name()).filter(|place| seen.insert(*place)) else {
            return;
        };
        for field in message.fields() {
            if field.is_list() || field.is_map() {
                let options = field.options();
                let said = options.get_extension(rules);
                let most = said.as_message().and_then(|said| match field.is_map() {
                    true => number(said, "map", "max_pairs"),
                    false => number(said, "repeated", "max_items"),
                });
                if let Some(most) = most {
                    self.0.insert((place, field.number()), most);
                }
            }
            if let Some(inner) = field.kind().as_message() {
                self.read(inner, rules, tables, seen);
            }
        }
    }

    /// How many items or entries a field may have, by where the table of its message is and by its number; nothing where
    /// there is no rule.
    pub fn most(&self, message: usize, number: u32) -> Option<usize> {
        self.0.get(&(message, number)).copied()
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
    use std::sync::Arc;

    use super::*;
    use crate::json::{BadField, Error, Reader, test_pool};

    fn order(lines: &str) -> Result<usize, Error> {
        let order = contracts::pool().get_message_by_name("feira.order.v1.CreateOrderRequest").unwrap();
        let tables = Arc::new(Tables::new(contracts::pool(), |_| false));
        let mut out = Vec::new();
        Reader::new(&tables, &order)
            .unwrap()
            .message(format!("{{\"lines\":[{lines}]}}").as_bytes(), &mut out)?;
        let message = DynamicMessage::decode(order, out.as_slice()).unwrap();
        Ok(message.get_field_by_name("lines").unwrap().as_list().unwrap().len())
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
        let tables = Arc::new(Tables::new(everything.parent_pool(), |_| false));
        let reader = Reader::new(&tables, &everything).unwrap();
        let read = |json: &str| reader.message(json.as_bytes(), &mut Vec::new()).map(|_| ());
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
