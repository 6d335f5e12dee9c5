//! Where in a request a field stands.

use std::fmt;

/// A field's place, as `BadRequest` names it: `lines[0].quantity`. It lives on the stack while a request is
/// walked, and is written down only where something is wrong.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    /// The request itself.
    Root,
    /// A field of the message that stands there.
    Field(&'a Path<'a>, &'static str),
    /// An item of the repeated field that stands there.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The place of a field of the message that stands here.
    pub fn field(&self, name: &'static str) -> Path<'_> {
        Path::Field(self, name)
    }

    /// The place of an item of the repeated field that stands here.
    pub fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => to.write_str(name),
            Path::Field(parent, name) => write!(to, "{parent}.{name}"),
            Path::Item(parent, index) => write!(to, "{parent}[{index}]"),
        }
    }
}
