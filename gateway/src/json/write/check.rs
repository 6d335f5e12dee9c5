//! Judges bytes that are not written: what another value took the place of must be well-formed, too, and so must what
//! clients send as protobuf.

use super::{
    Tables,
    kind::{Kind, Shape},
};
use crate::wire::{self, Malformed, Raw};

impl Tables {
    /// Reads a value that stands in a message in which `left` levels may still come.
    pub(super) fn check(&self, kind: Kind, raw: Raw<'_>, left: u32) -> Result<(), Malformed> {
        match (kind, raw) {
            (Kind::String, Raw::Bytes(text)) => wire::utf8(text).map(|_| ()),
            (Kind::Message(place) | Kind::Group(place), Raw::Bytes(message) | Raw::Group(message)) => {
                self.check_message(place, message, wire::deeper(left)?)
            }
            _ => Ok(()),
        }
    }

    /// Reads a message of the type at a place.
    pub(in crate::json) fn check_message(
        &self,
        place: usize,
        message: &[u8],
        left: u32,
    ) -> Result<(), Malformed> {
        let Some(table) = self.messages.get(place) else { return Ok(()) };
        let (mut rest, mut guess) = (message, 0);
        while let Some((number, raw)) = wire::next(&mut rest, left)? {
            let Some(index) = table.find(number, guess) else { continue };
            guess = index;
            let field = &table.fields[index];
            field.check(raw)?;
            match (field.shape, field.kind, raw) {
                (Shape::List, kind, Raw::Bytes(mut numbers)) if kind.is_packable() => {
                    while !numbers.is_empty() {
                        kind.unpack(&mut numbers)?;
                    }
                }
                // An entry is no level of its own.
                (Shape::Map, Kind::Message(entry), Raw::Bytes(message)) => {
                    self.check_message(entry, message, left)?;
                }
                (_, kind, raw) => self.check(kind, raw, left)?,
            }
        }
        Ok(())
    }
}
