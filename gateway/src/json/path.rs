//! Where in a message something stands. Kept on the stack while decoding: it costs nothing until there is
//! an error to report.

use std::fmt;

/// A place within a message.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// The message itself.
    Root,
    /// A field of a message.
    Field(&'a At<'a>, &'a str),
    /// An element of a repeated field.
    Index(&'a At<'a>, usize),
    /// A value of a map.
    Key(&'a At<'a>, &'a str),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Field(At::Root, name) => f.write_str(name),
            At::Field(parent, name) => write!(f, "{parent}.{name}"),
            At::Index(parent, index) => write!(f, "{parent}[{index}]"),
            At::Key(parent, key) => write!(f, "{parent}[{key:?}]"),
        }
    }
}
