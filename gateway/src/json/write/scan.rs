//! Finds what the bytes of a message have of each field.

use super::{
    Error, Run,
    kind::Shape,
    tables::{Field, Message},
};
use crate::wire::{self, Malformed, Raw};

/// What there is of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'b> {
    /// How many times it is there.
    pub count: usize,
    /// Where it is first: in which part of the message, and from which byte.
    first: (usize, usize),
    /// What is there last.
    pub last: Raw<'b>,
}

const NOTHING: Slot<'static> = Slot { count: 0, first: (0, 0), last: Raw::Varint(0) };

impl<'t, 'b> Run<'t, 'b, '_> {
    /// Finds the fields of a message, which is in one part or, where it is to be merged, in several. Their slots begin
    /// where it says, and are the caller's to take away.
    pub fn scan(&mut self, message: &'t Message, parts: &[&'b [u8]], left: u32) -> Result<usize, Error> {
        let base = self.slots.len();
        self.slots.resize(base + message.fields.len(), NOTHING);
        let mut guess = 0;
        for (part, bytes) in parts.iter().enumerate() {
            let mut rest = *bytes;
            loop {
                let from = bytes.len() - rest.len();
                let Some((number, raw)) = wire::next(&mut rest, left)? else { break };
                let Some(index) = message.find(number, guess) else { continue };
                guess = index;
                let field = &message.fields[index];
                field.check(raw)?;
                if field.shape == Shape::One && !message.is_entry && self.tables.is_unknown(field.kind, raw) {
                    continue;
                }
                for other in field.oneof.iter().flat_map(|oneof| &message.oneofs[*oneof]) {
                    if *other != index {
                        self.clear(&message.fields[*other], base + *other, parts, left)?;
                    }
                }
                let slot = &mut self.slots[base + index];
                let before = *slot;
                slot.count += 1;
                slot.last = raw;
                if before.count == 0 {
                    slot.first = (part, from);
                } else if field.shape == Shape::One && !field.kind.is_message() {
                    self.tables.check(field.kind, before.last, left)?;
                }
            }
        }
        Ok(base)
    }

    /// Empties the slot of a field that another excludes.
    fn clear(&mut self, field: &Field, place: usize, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let slot = self.slots[place];
        for raw in occurrences(field, slot, parts, left) {
            self.tables.check(field.kind, raw?, left)?;
        }
        self.slots[place] = NOTHING;
        Ok(())
    }
}

/// All that there is of a field.
pub(super) fn occurrences<'a, 'b>(
    field: &Field,
    slot: Slot<'b>,
    parts: &'a [&'b [u8]],
    left: u32,
) -> Occurrences<'a, 'b> {
    let (part, from) = slot.first;
    let (rest, parts) = match parts.get(part..).and_then(<[_]>::split_first) {
        Some((first, others)) => (first.get(from..).unwrap_or_default(), others),
        None => Default::default(),
    };
    let only = (slot.count == 1).then_some(slot.last);
    Occurrences { number: field.number, count: slot.count, only, rest, parts, left }
}

/// See [`occurrences`].
pub(super) struct Occurrences<'a, 'b> {
    number: u32,
    /// How many are still to come.
    count: usize,
    /// The one that there is, where it is one.
    only: Option<Raw<'b>>,
    rest: &'b [u8],
    parts: &'a [&'b [u8]],
    left: u32,
}

impl<'b> Iterator for Occurrences<'_, 'b> {
    type Item = Result<Raw<'b>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        if let Some(only) = self.only {
            return Some(Ok(only));
        }
        loop {
            match wire::next(&mut self.rest, self.left) {
                Ok(Some((number, raw))) if number == self.number => return Some(Ok(raw)),
                Ok(Some(_)) => {}
                Ok(None) => {
                    (self.rest, self.parts) = self.parts.split_first().map(|(rest, parts)| (*rest, parts))?
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
