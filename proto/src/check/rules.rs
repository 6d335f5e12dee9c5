//! The rules of `buf.validate` (those of strings aside), as the generated checks use them.
//!
//! The semantics are protovalidate's: a field that has presence (a message, `optional`, of a oneof) is
//! checked where it is set; any other one always, its zero value too. `required` speaks of presence, and of
//! anything but the zero value where there is none; a field that fails it is told nothing else.

use std::{collections::HashSet, fmt::Display, hash::Hash};

use prost_types::FieldMask;

use super::{Path, Rules, Violations};
use crate::mask::Fields;

pub(super) const REQUIRED: &str = "is required";

/// Something that a value must be.
pub(crate) trait Rule<T> {
    /// Adds what is wrong with `value`, which stands at `at`, to `found`.
    fn check(&self, value: &T, at: &Path<'_>, found: &mut Violations);
}

/// Whether a field without presence has another value than its type's zero.
pub(crate) fn is_set<T: Default + PartialEq>(value: &T) -> bool {
    *value != T::default()
}

/// The rules of an `int32` or an `int64`.
pub(crate) struct Integer<T: 'static> {
    pub required: bool,
    pub constant: Option<T>,
    pub lt: Option<T>,
    pub lte: Option<T>,
    pub gt: Option<T>,
    pub gte: Option<T>,
    pub within: &'static [T],
    pub not_in: &'static [T],
}

impl<T> Integer<T> {
    pub const ANY: Self = Self {
        required: false,
        constant: None,
        lt: None,
        lte: None,
        gt: None,
        gte: None,
        within: &[],
        not_in: &[],
    };
}

impl<T: Copy + Default + Display + Ord> Rule<T> for Integer<T> {
    fn check(&self, value: &T, at: &Path<'_>, found: &mut Violations) {
        if self.required && *value == T::default() {
            return found.add(at, REQUIRED);
        }
        if let Some(constant) = self.constant.filter(|constant| value != constant) {
            found.add(at, format_args!("must be {constant}"));
        }
        if let Some(bound) = self.lt.filter(|bound| value >= bound) {
            found.add(at, format_args!("must be less than {bound}"));
        }
        if let Some(bound) = self.lte.filter(|bound| value > bound) {
            found.add(at, format_args!("must be at most {bound}"));
        }
        if let Some(bound) = self.gt.filter(|bound| value <= bound) {
            found.add(at, format_args!("must be greater than {bound}"));
        }
        if let Some(bound) = self.gte.filter(|bound| value < bound) {
            found.add(at, format_args!("must be at least {bound}"));
        }
        if !self.within.is_empty() && !self.within.contains(value) {
            found.add(at, format_args!("must be one of {}", listed(self.within)));
        }
        if self.not_in.contains(value) {
            found.add(at, format_args!("must not be one of {}", listed(self.not_in)));
        }
    }
}

/// A value of an enum, and its name.
type Named = (i32, &'static str);

/// The rules of an enum.
pub(crate) struct Enumeration {
    pub required: bool,
    pub constant: Option<Named>,
    /// The values that the contract names, where no other is taken.
    pub defined_only: &'static [i32],
    pub within: &'static [Named],
    pub not_in: &'static [Named],
}

impl Enumeration {
    pub const ANY: Self =
        Self { required: false, constant: None, defined_only: &[], within: &[], not_in: &[] };
}

impl Rule<i32> for Enumeration {
    fn check(&self, value: &i32, at: &Path<'_>, found: &mut Violations) {
        if self.required && *value == 0 {
            return found.add(at, REQUIRED);
        }
        if let Some((_, name)) = self.constant.filter(|(constant, _)| value != constant) {
            found.add(at, format_args!("must be {name}"));
        }
        if !self.defined_only.is_empty() && !self.defined_only.contains(value) {
            found.add(at, "must be a value that the contract names");
        }
        let is = |(number, _): &Named| number == value;
        if !self.within.is_empty() && !self.within.iter().any(is) {
            found.add(at, format_args!("must be one of {}", named(self.within)));
        }
        if self.not_in.iter().any(is) {
            found.add(at, format_args!("must not be one of {}", named(self.not_in)));
        }
    }
}

/// Any other field without presence that is `required`.
pub(crate) struct Set;

impl<T: Default + PartialEq> Rule<T> for Set {
    fn check(&self, value: &T, at: &Path<'_>, found: &mut Violations) {
        if !is_set(value) {
            found.add(at, REQUIRED);
        }
    }
}

/// No rule at all: for what must only be there, or only be so many.
#[allow(dead_code, reason = "no contract has such a field today")]
pub(crate) struct Anything;

impl<T> Rule<T> for Anything {
    fn check(&self, _: &T, _: &Path<'_>, _: &mut Violations) {}
}

/// The rules of a message are its fields'.
pub(crate) struct Nested;

impl<T: Rules> Rule<T> for Nested {
    fn check(&self, value: &T, at: &Path<'_>, found: &mut Violations) {
        value.rules(at, found);
    }
}

/// The rules of a field that has presence.
pub(crate) struct Present<R> {
    required: bool,
    each: R,
}

impl<R> Present<R> {
    pub const fn optional(each: R) -> Self {
        Self { required: false, each }
    }

    pub const fn required(each: R) -> Self {
        Self { required: true, each }
    }
}

impl<T, R: Rule<T>> Rule<Option<T>> for Present<R> {
    fn check(&self, value: &Option<T>, at: &Path<'_>, found: &mut Violations) {
        match value {
            Some(value) => self.each.check(value, at, found),
            None if self.required => found.add(at, REQUIRED),
            None => {}
        }
    }
}

/// The rules of a repeated field. One that is too long is told only that.
pub(crate) struct Items<R> {
    pub required: bool,
    pub min: usize,
    pub max: usize,
    pub each: R,
}

impl<R> Items<R> {
    /// Any number of them.
    pub const fn of(each: R) -> Self {
        Self { required: false, min: 0, max: usize::MAX, each }
    }
}

impl<T, R: Rule<T>> Rule<Vec<T>> for Items<R> {
    fn check(&self, value: &Vec<T>, at: &Path<'_>, found: &mut Violations) {
        if self.required && value.is_empty() {
            return found.add(at, REQUIRED);
        }
        if value.len() > self.max {
            return found.add(at, too_many(self.max));
        }
        if value.len() < self.min {
            found.add(at, format_args!("must have at least {}", counted(self.min, "item")));
        }
        for (index, item) in value.iter().enumerate() {
            self.each.check(item, &at.item(index), found);
        }
    }
}

/// A repeated field in which no item comes twice.
pub(crate) struct Distinct;

impl<T: Eq + Hash> Rule<Vec<T>> for Distinct {
    fn check(&self, value: &Vec<T>, at: &Path<'_>, found: &mut Violations) {
        let mut seen = HashSet::with_capacity(value.len());
        if !value.iter().all(|item| seen.insert(item)) {
            found.add(at, "must not repeat an item");
        }
    }
}

/// The `update_mask` of an update: it names fields of the resource.
pub(crate) struct UpdateMask(pub &'static Fields);

impl Rule<Option<FieldMask>> for UpdateMask {
    fn check(&self, value: &Option<FieldMask>, at: &Path<'_>, found: &mut Violations) {
        for (index, path) in value.iter().flat_map(|mask| &mask.paths).enumerate() {
            if path == "*" || self.0.contains(path) {
                continue;
            }
            let parent = path.split_once('.').map(|(parent, _)| parent);
            if parent.is_some_and(|parent| self.0.contains(parent)) {
                found.add(at, format_args!("paths[{index}] must name a whole field"));
            } else {
                found.add(at, format_args!("paths[{index}] names no field of the resource"));
            }
        }
    }
}

/// What a list of more items is told.
pub(super) fn too_many(most: usize) -> String {
    format!("must have at most {}", counted(most, "item"))
}

pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn listed(values: &[impl Display]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn named(values: &[Named]) -> String {
    values.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}
