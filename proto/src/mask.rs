//! Which fields an update changes.

use prost_types::FieldMask;

/// A request that changes a resource, in part or as a whole.
pub trait Masked {
    /// The fields that it changes: those that its `update_mask` names, or without one, those that are set.
    ///
    /// Never among them, named or not: what is OUTPUT_ONLY or IMMUTABLE, what the path holds already, and
    /// `etag`.
    fn mask(&self) -> Mask;
}

/// The fields that an update changes, by their proto names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    paths: Vec<&'static str>,
}

/// The fields of an update's resource.
pub(crate) struct Fields {
    /// Those that can be changed, also within messages (`parent.child`).
    pub writable: &'static [&'static str],
    /// Those that cannot; a mask may name them, to no effect.
    pub ignored: &'static [&'static str],
}

impl Mask {
    /// Whether the update changes the field, by its proto name (`first_name`) or path (`parent.child`).
    pub fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|own| lies_within(path, own))
    }

    /// Whether the update changes nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The fields that the update changes.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.paths.iter().copied()
    }

    /// Whether the update changes the field or something within it. Unlike [`Mask::has`]'s, the path is one
    /// of violations, which has indices.
    pub(crate) fn touches(&self, path: &str) -> bool {
        self.paths.iter().any(|own| lies_within(path, own) || lies_within(own, path))
    }

    /// The mask of an update whose resource has these `fields`, and these of them at its top `set`.
    pub(crate) fn new(
        update_mask: Option<&FieldMask>,
        fields: &'static Fields,
        set: &[(&'static str, bool)],
    ) -> Self {
        let named = update_mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        let paths = if named.is_empty() {
            set.iter().filter(|(_, set)| *set).map(|(path, _)| *path).collect()
        } else if named.iter().any(|path| path == "*") {
            set.iter().map(|(path, _)| *path).collect()
        } else {
            fields.writable.iter().copied().filter(|path| named.iter().any(|own| own == path)).collect()
        };
        Self { paths }
    }
}

impl Fields {
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.writable.contains(&path) || self.ignored.contains(&path)
    }
}

/// Whether the path is the other one or leads into it.
fn lies_within(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields = Fields { writable: &["name", "size", "size.width"], ignored: &["id", "etag"] };

    fn mask(paths: &[&str], set: &[(&'static str, bool)]) -> Mask {
        let named = FieldMask { paths: paths.iter().map(ToString::to_string).collect() };
        Mask::new(Some(&named), const { &FIELDS }, set)
    }

    #[test]
    fn without_a_mask_the_set_fields_are_changed() {
        let fields = [("name", true), ("size", false)];
        assert_eq!(Mask::new(None, const { &FIELDS }, &fields).paths, ["name"]);
        assert_eq!(mask(&[], &fields).paths, ["name"]);
    }

    #[test]
    fn a_star_names_every_field() {
        assert_eq!(mask(&["*"], &[("name", true), ("size", false)]).paths, ["name", "size"]);
    }

    #[test]
    fn a_field_has_its_parts() {
        let whole = mask(&["size"], &[]);
        assert!(whole.has("size") && whole.has("size.width") && !whole.has("name"));
        assert!(!whole.has("sizes"));
        let part = mask(&["size.width"], &[]);
        assert!(!part.has("size") && part.has("size.width"));
        assert!(part.touches("size") && part.touches("size.width"));
    }

    #[test]
    fn what_cannot_be_changed_is_never_in_a_mask() {
        let named = mask(&["id", "etag"], &[("name", true)]);
        assert!(named.is_empty() && !named.has("id") && !named.has("name"));
    }
}
