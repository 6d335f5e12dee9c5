//! Writes objects, arrays and what is in them.

use std::collections::BTreeMap;

use super::{
    Error, Malformed, Raw, Run,
    kind::{Form, Kind, Shape},
    scalar::{self, Key},
    scan::{Slot, occurrences},
    tables::{Field, Message},
};
use crate::{json::Defaults, wire};

impl<'t, 'b> Run<'t, 'b, '_> {
    /// Writes a message of the type at a place, whose parts are merged.
    pub fn message(&mut self, place: usize, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let table = self.table(place)?;
        match table.form {
            Form::Object | Form::Empty => {
                self.out.push(b'{');
                self.fields(table, parts, left)?;
                self.close(b'}');
                Ok(())
            }
            Form::First => self.only(place, 1, parts, left),
            _ => self.known(table, parts, left),
        }
    }

    pub(super) fn table(&self, place: usize) -> Result<&'t Message, Error> {
        let table = self.tables.messages.get(place);
        table.ok_or_else(|| Error::Unsayable("there is no table of its type".to_owned()))
    }

    /// Ends an object or array, after whose last part stands a comma.
    pub(super) fn close(&mut self, end: u8) {
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.push(end);
    }

    /// Writes the fields of a message, each with a comma after it.
    pub(super) fn fields(&mut self, table: &'t Message, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let base = self.scan(table, parts, left)?;
        for (index, field) in table.fields.iter().enumerate() {
            let slot = self.slots[base + index];
            match &field.default {
                _ if slot.count > 0 => {
                    let from = self.out.len();
                    self.out.extend_from_slice(&field.name);
                    self.value(field, slot, parts, left)?;
                    if self.is_omitted(field, from) {
                        self.out.truncate(from);
                        continue;
                    }
                }
                Some(default) if self.tables.style.defaults == Defaults::Print => {
                    self.out.extend_from_slice(&field.name);
                    self.out.extend_from_slice(default);
                }
                _ => continue,
            }
            self.out.push(b',');
            self.room()?;
        }
        self.slots.truncate(base);
        Ok(())
    }

    /// Whether a field that has just been written, from this byte, is not to be there, whatever there is on the wire: an
    /// extension without items, or what has its default where that is not printed.
    fn is_omitted(&self, field: &Field, from: usize) -> bool {
        let written = self.out.get(from + field.name.len()..).unwrap_or_default();
        match &field.default {
            Some(default) => self.tables.style.defaults == Defaults::Omit && written == &**default,
            None => field.shape == Shape::List && written == b"[]",
        }
    }

    /// Writes what a message has in one field; null where it has nothing.
    pub(super) fn only(
        &mut self,
        place: usize,
        number: u32,
        parts: &[&'b [u8]],
        left: u32,
    ) -> Result<(), Error> {
        let table = self.table(place)?;
        let base = self.scan(table, parts, left)?;
        match table.find(number, 0) {
            Some(index) if self.slots[base + index].count > 0 => {
                self.value(&table.fields[index], self.slots[base + index], parts, left)?;
            }
            found => {
                let default = found.and_then(|index| table.fields[index].default.as_deref());
                self.out.extend_from_slice(default.unwrap_or(b"null"));
            }
        }
        self.slots.truncate(base);
        Ok(())
    }

    /// Writes what there is of a field.
    pub(super) fn value(
        &mut self,
        field: &'t Field,
        slot: Slot<'b>,
        parts: &[&'b [u8]],
        left: u32,
    ) -> Result<(), Error> {
        let all = occurrences(field, slot, parts, left);
        match field.shape {
            Shape::One if slot.count > 1 && field.kind.is_message() => {
                let mut merged = Vec::with_capacity(slot.count);
                for raw in all {
                    match raw? {
                        Raw::Bytes(part) | Raw::Group(part) => merged.push(part),
                        _ => {}
                    }
                }
                self.nested(field.kind, &merged, left)
            }
            Shape::One => self.single(field, slot.last, left),
            Shape::List => {
                self.out.push(b'[');
                for raw in all {
                    self.items(field, raw?, left)?;
                }
                self.close(b']');
                Ok(())
            }
            Shape::Map => self.map(field, slot, parts, left),
        }
    }

    /// Writes an item of a list, or several that stand side by side.
    fn items(&mut self, field: &Field, raw: Raw<'b>, left: u32) -> Result<(), Error> {
        match raw {
            Raw::Bytes(mut numbers) if field.kind.is_packable() => {
                while !numbers.is_empty() {
                    let raw = field.kind.unpack(&mut numbers)?;
                    self.items(field, raw, left)?;
                }
            }
            raw if self.tables.is_unknown(field.kind, raw) => {}
            raw => {
                self.single(field, raw, left)?;
                self.out.push(b',');
            }
        }
        self.room()
    }

    /// Writes one value.
    fn single(&mut self, field: &Field, raw: Raw<'b>, left: u32) -> Result<(), Error> {
        match (field.kind, raw) {
            (Kind::Message(_) | Kind::Group(_), Raw::Bytes(message) | Raw::Group(message)) => {
                self.nested(field.kind, &[message], left)
            }
            (Kind::String, Raw::Bytes(text)) => {
                let text = wire::utf8(text)?;
                match self.own_url.filter(|_| field.own_url).and_then(|own_url| own_url(text)) {
                    Some(url) => scalar::text(&url, self.out),
                    None => scalar::text(text, self.out),
                }
            }
            (Kind::Enum(place), Raw::Varint(number)) => match self.tables.name(place, number as i32) {
                Some(name) => {
                    self.out.extend_from_slice(name);
                    Ok(())
                }
                None => scalar::write(Kind::Int32, raw, self.out),
            },
            (kind, raw) => scalar::write(kind, raw, self.out),
        }
    }

    /// Writes a message that stands in another.
    fn nested(&mut self, kind: Kind, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let (Kind::Message(place) | Kind::Group(place)) = kind else {
            return Err(Malformed("it is no message").into());
        };
        self.message(place, parts, wire::deeper(left)?)
    }

    /// Writes a map, by its keys.
    fn map(&mut self, field: &Field, slot: Slot<'b>, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let Kind::Message(place) = field.kind else { return Err(Malformed("it is no map").into()) };
        let table = self.table(place)?;
        let [key, value] = table.fields.as_slice() else { return Err(Malformed("it is no map").into()) };
        let mut entries = BTreeMap::new();
        for raw in occurrences(field, slot, parts, left) {
            let Raw::Bytes(entry) = raw? else { continue };
            let base = self.scan(table, &[entry], left)?;
            let (name, there) = (self.slots[base], self.slots[base + 1]);
            self.slots.truncate(base);
            let name = Key::read(key.kind, (name.count > 0).then_some(name.last))?;
            // An entry whose value its enum does not have is as unknown as such a field.
            let is_unknown = there.count > 0 && self.tables.is_unknown(value.kind, there.last);
            let replaced = if is_unknown { Some(entry) } else { entries.insert(name, entry) };
            if let Some(replaced) = replaced {
                self.tables.check_message(place, replaced, left)?;
            }
        }
        self.out.push(b'{');
        for (name, entry) in entries {
            name.write(self.out)?;
            self.out.push(b':');
            let base = self.scan(table, &[entry], left)?;
            let there = self.slots[base + 1];
            self.slots.truncate(base);
            match &value.default {
                _ if there.count > 0 => self.value(value, there, &[entry], left)?,
                Some(default) => self.out.extend_from_slice(default),
                None => self.nested(value.kind, &[], left)?,
            }
            self.out.push(b',');
            self.room()?;
        }
        self.close(b'}');
        Ok(())
    }
}
