//! A request while it is being made: the bytes of a message, in which fields are set one after the other.

use prost_reflect::FieldDescriptor;

use crate::wire::{self, DEPTH, Raw};

/// A message that is being made. What is made here stands there once, but for the items of lists; what clients sent as
/// protobuf may stand there again and again, as the wire format allows: the last value counts, and messages are merged.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What is settled, and the numbers of the fields of which there is something in it.
    bytes: Vec<u8>,
    there: Vec<u32>,
    /// The messages in it in which fields are set: these are settled at the end.
    open: Vec<(FieldDescriptor, Draft)>,
}

impl Draft {
    /// Goes on from a message.
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut there = Vec::new();
        each(&bytes, |number, _, _| {
            if !there.contains(&number) {
                there.push(number);
            }
        });
        Self { bytes, there, open: Vec::new() }
    }

    /// Whether a field is set.
    pub fn has(&self, field: &FieldDescriptor) -> bool {
        self.there.contains(&field.number()) || self.opened(field).is_some()
    }

    /// What the last field of a path has, if it is set and no message in which fields were set.
    pub fn get(&self, path: &[FieldDescriptor]) -> Option<Raw<'_>> {
        let (first, rest) = path.split_first()?;
        match self.opened(first) {
            Some(inner) => inner.get(rest),
            None => get(&self.bytes, path),
        }
    }

    /// The field whose being set excludes a path: another choice of a oneof that the path goes through.
    pub fn excluded_by(&self, path: &[FieldDescriptor]) -> Option<FieldDescriptor> {
        let (first, rest) = path.split_first()?;
        let other = first.containing_oneof().and_then(|oneof| {
            oneof.fields().find(|other| other.number() != first.number() && self.has(other))
        });
        match (other, self.opened(first)) {
            (Some(other), _) => Some(other),
            (None, Some(inner)) => inner.excluded_by(rest),
            (None, None) if rest.is_empty() || !self.has(first) => None,
            (None, None) => Self::new(self.held(first)).excluded_by(rest),
        }
    }

    /// The message that has the last field of a path, made with all messages on the way to it where they are not there
    /// yet, and that field. `None` where the path goes through something that is no message.
    pub fn slot<'p>(&mut self, path: &'p [FieldDescriptor]) -> Option<(&mut Self, &'p FieldDescriptor)> {
        let (last, way) = path.split_last()?;
        let target = way.iter().try_fold(self, |message, field| message.within(field))?;
        Some((target, last))
    }

    /// The message of a field, made where it is not there yet; nothing where the field is no single message.
    pub fn within(&mut self, field: &FieldDescriptor) -> Option<&mut Self> {
        if field.is_list() || field.is_map() || field.kind().as_message().is_none() {
            return None;
        }
        let place = match self.open.iter().position(|(open, _)| open.number() == field.number()) {
            Some(place) => place,
            None => {
                let inner = Self::new(self.held(field));
                self.clear(field);
                self.open.push((field.clone(), inner));
                self.open.len() - 1
            }
        };
        self.open.get_mut(place).map(|(_, inner)| inner)
    }

    /// Sets a field to what these bytes have of it, which may be nothing.
    pub fn set(&mut self, field: &FieldDescriptor, encoded: &[u8]) {
        self.clear(field);
        self.add(field, encoded);
    }

    /// Adds what these bytes have of a field: an item of a list, say.
    pub fn add(&mut self, field: &FieldDescriptor, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
        if !encoded.is_empty() && !self.there.contains(&field.number()) {
            self.there.push(field.number());
        }
    }

    /// Sets a field that is a text.
    pub fn set_text(&mut self, field: &FieldDescriptor, text: &str) {
        self.set_raw(field, Raw::Bytes(text.as_bytes()));
    }

    /// Sets a field that is an `int32` or an `int64`.
    pub fn set_whole(&mut self, field: &FieldDescriptor, value: i64) {
        self.set_raw(field, Raw::Varint(value as u64));
    }

    fn set_raw(&mut self, field: &FieldDescriptor, raw: Raw<'_>) {
        let mut encoded = Vec::new();
        if field.supports_presence() || !raw.is_zero() {
            wire::put(field.number(), raw, &mut encoded);
        }
        self.set(field, &encoded);
    }

    /// Takes away what there is of a field.
    pub fn clear(&mut self, field: &FieldDescriptor) {
        let number = field.number();
        self.open.retain(|(open, _)| open.number() != number);
        if let Some(place) = self.there.iter().position(|there| *there == number) {
            self.there.swap_remove(place);
            let mut kept = Vec::with_capacity(self.bytes.len());
            each(&self.bytes, |other, whole, _| {
                if other != number {
                    kept.extend_from_slice(whole);
                }
            });
            self.bytes = kept;
        }
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        for (field, inner) in self.open {
            let inner = inner.finish();
            let raw = if field.is_group() { Raw::Group(&inner) } else { Raw::Bytes(&inner) };
            wire::put(field.number(), raw, &mut bytes);
        }
        bytes
    }

    fn opened(&self, field: &FieldDescriptor) -> Option<&Self> {
        self.open.iter().find(|(open, _)| open.number() == field.number()).map(|(_, inner)| inner)
    }

    /// What is in the message of a field: all that there is of it, which is merged by that.
    fn held(&self, field: &FieldDescriptor) -> Vec<u8> {
        let mut held = Vec::new();
        each(&self.bytes, |number, _, raw| {
            if let (true, Raw::Bytes(part) | Raw::Group(part)) = (number == field.number(), raw) {
                held.extend_from_slice(part);
            }
        });
        held
    }
}

/// What a message has in the last field of a path, if that is set: a zero without presence is not.
pub fn get<'b>(message: &'b [u8], path: &[FieldDescriptor]) -> Option<Raw<'b>> {
    let has_presence = path.last()?.supports_presence();
    last(message, path).filter(|raw| has_presence || !raw.is_zero())
}

/// What stands last in a message for the last field of a path.
fn last<'b>(message: &'b [u8], path: &[FieldDescriptor]) -> Option<Raw<'b>> {
    let (first, rest) = path.split_first()?;
    let mut found = None;
    each(message, |number, _, raw| match raw {
        _ if number != first.number() => {}
        raw if rest.is_empty() => found = Some(raw),
        Raw::Bytes(part) | Raw::Group(part) => found = last(part, rest).or(found),
        _ => {}
    });
    found
}

/// Goes through the fields of a message: their numbers, all of their bytes, and what they have. What was made here is
/// always well-formed, and what was not has been judged (`crate::proto`).
fn each<'b>(message: &'b [u8], mut visit: impl FnMut(u32, &'b [u8], Raw<'b>)) {
    let mut rest = message;
    loop {
        let from = rest;
        let Ok(Some((number, raw))) = wire::next(&mut rest, DEPTH) else { return };
        visit(number, &from[..from.len() - rest.len()], raw);
    }
}

#[cfg(test)]
mod tests;
