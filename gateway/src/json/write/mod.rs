//! Writes messages as JSON from their bytes, without making an object of them: the wire format of a message is gone
//! through once, by the table of its type, and each value is written from where it stands.
//!
//! What is written is what a reader of those bytes would have: of what stands there several times the last, and messages
//! merged. What is not written is read all the same: bytes that are no message of their type have no JSON.

mod check;
pub(super) mod kind;
mod known;
mod message;
mod scalar;
mod scan;
pub(super) mod tables;

use std::{fmt, sync::Arc};

use prost_reflect::MessageDescriptor;

use self::scan::Slot;
pub use self::tables::Tables;
use crate::{
    call::ANSWER_LIMIT,
    wire::{DEPTH, Malformed, Raw},
};

/// Why a message has no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its bytes are none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It holds what proto3 JSON cannot say: a time after the year 9999, say.
    #[error("{0}")]
    Unsayable(String),
    /// Its JSON is more than an answer may have: what takes two bytes on the wire can be a page of fields in JSON.
    #[error("its JSON is larger than {ANSWER_LIMIT} bytes")]
    TooLarge,
}

/// Makes what clients reach of a URL of the edge's own; nothing of what is to stay as it is.
pub type OwnUrl<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Writes messages of one type.
#[derive(Clone)]
pub struct Writer {
    tables: Arc<Tables>,
    root: usize,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Writer").field(&self.root).finish()
    }
}

impl Writer {
    /// A writer of messages of this type; nothing where the tables are another contract's.
    pub fn new(tables: &Arc<Tables>, desc: &MessageDescriptor) -> Option<Self> {
        Some(Self { root: tables.place(desc.full_name())?, tables: tables.clone() })
    }

    /// Writes a message, fields without presence always among it.
    pub fn message(
        &self,
        message: &[u8],
        own_url: Option<OwnUrl<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        Run::new(&self.tables, own_url, out).message(self.root, &[message], DEPTH)
    }

    /// Writes one field of a message as its message would; null where there is nothing.
    pub fn field(
        &self,
        number: u32,
        message: &[u8],
        own_url: Option<OwnUrl<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.tables.check_message(self.root, message, DEPTH)?;
        Run::new(&self.tables, own_url, out).only(self.root, number, &[message], DEPTH)
    }
}

impl Tables {
    /// Writes what an `Any` holds that has this type and this value.
    pub fn any(&self, type_url: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        Run::new(self, None, out).typed(type_url, &[value], DEPTH)
    }
}

/// One message's being written.
struct Run<'t, 'b, 'o> {
    tables: &'t Tables,
    own_url: Option<OwnUrl<'o>>,
    out: &'o mut Vec<u8>,
    /// How long `out` may become.
    most: usize,
    /// What was found of the messages that are being written, the outermost first.
    slots: Vec<Slot<'b>>,
}

impl<'t, 'o> Run<'t, '_, 'o> {
    fn new(tables: &'t Tables, own_url: Option<OwnUrl<'o>>, out: &'o mut Vec<u8>) -> Self {
        let most = out.len() + ANSWER_LIMIT;
        Self { tables, own_url, out, most, slots: Vec::new() }
    }

    /// Whether there is room for more.
    fn room(&self) -> Result<(), Error> {
        if self.out.len() > self.most { Err(Error::TooLarge) } else { Ok(()) }
    }
}
