//! The checks of requests: what the generated code is made of, and what it is called by.
//!
//! `build.rs` writes one [`Rules`] for every message that a request can hold, from the `buf.validate`
//! rules of its fields, and one [`Check`] for every message that travels by itself.

mod bounds;
mod known;
mod path;
mod rules;
mod text;
mod violations;

pub use bounds::{Bound, Bounds};
pub use path::Path;
pub(crate) use rules::{
    Anything, Distinct, Enumeration, Integer, Items, Nested, Present, Rule, Set, UpdateMask, is_set,
};
pub(crate) use text::{Pattern, Text};
pub(crate) use violations::malformed;
pub use violations::{Violation, Violations};

#[cfg(test)]
mod tests;

/// A message that travels by itself: a method's request or its answer, never both.
pub trait Check {
    /// Whether it is a request. Answers are not checked: they come from our own services, and a client of
    /// an older version must be able to read a newer one's.
    const REQUEST: bool;

    /// How long its lists may be, where it has any.
    fn bounds() -> Option<&'static Bounds> {
        None
    }

    /// Everything that is wrong with it.
    fn check(&self) -> Result<(), Violations> {
        Ok(())
    }
}

/// What [`Check::check`] is for a request.
pub(crate) fn all(request: &impl Rules) -> Result<(), Violations> {
    let mut found = Violations::new();
    request.rules(&Path::Root, &mut found);
    found.into_result()
}

/// A message that a request can hold, and its rules.
pub(crate) trait Rules {
    /// Adds what is wrong with the message, which stands at `at`, to `found`.
    fn rules(&self, at: &Path<'_>, found: &mut Violations);
}

impl<T: Rules> Rules for Box<T> {
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {
        (**self).rules(at, found);
    }
}

/// `google.protobuf.Empty`, the one message that can be both a request and an answer.
impl Check for () {
    const REQUEST: bool = false;
}
