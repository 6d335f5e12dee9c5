//! Types of events that somebody asks for.

use std::collections::BTreeSet;

/// Some types, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types {
    exact: BTreeSet<String>,
    /// What all types begin with that are meant, without the dot.
    families: BTreeSet<String>,
}

impl Types {
    /// Those that these patterns mean: `order.paid`, `order.*`. None of them, or `*`, is every type.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut types = Self::default();
        for pattern in patterns {
            if pattern == "*" {
                return Self::default();
            }
            match pattern.strip_suffix(".*") {
                Some(family) => types.families.insert(family.to_owned()),
                None => types.exact.insert(pattern.to_owned()),
            };
        }
        types
    }

    /// Whether every type is meant.
    pub fn is_all(&self) -> bool {
        self.exact.is_empty() && self.families.is_empty()
    }

    /// Those that are named.
    pub fn exact(&self) -> &BTreeSet<String> {
        &self.exact
    }

    /// Those of which all are meant that begin with it and a dot.
    pub fn families(&self) -> &BTreeSet<String> {
        &self.families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_a_star_are_all() {
        assert!(Types::of([]).is_all() && Types::of(["order.paid", "*"]).is_all());
        let some = Types::of(["order.*", "user.created", "order.*"]);
        assert!(!some.is_all());
        assert_eq!(some.families().iter().collect::<Vec<_>>(), ["order"]);
        assert_eq!(some.exact().iter().collect::<Vec<_>>(), ["user.created"]);
    }
}
