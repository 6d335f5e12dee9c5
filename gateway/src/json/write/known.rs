//! Writes well-known types whose JSON is neither an object of their fields nor that of their only one.

use super::{
    Error, Raw, Run,
    kind::{Form, Kind},
    scalar,
    scan::occurrences,
    tables::Message,
};
use crate::{
    json::{time, well_known::type_name},
    wire,
};

impl<'t, 'b> Run<'t, 'b, '_> {
    pub(super) fn known(&mut self, table: &'t Message, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let base = self.scan(table, parts, left)?;
        match table.form {
            Form::Timestamp => {
                let (seconds, nanos) = (self.number(table, base, 1), self.number(table, base, 2) as i32);
                time::write_timestamp(seconds, nanos, self.out).map_err(Error::Unsayable)?;
            }
            Form::Duration => {
                let (seconds, nanos) = (self.number(table, base, 1), self.number(table, base, 2) as i32);
                time::write_duration(seconds, nanos, self.out).map_err(Error::Unsayable)?;
            }
            Form::FieldMask => self.mask(table, base, parts, left)?,
            Form::Any => {
                let type_url = wire::utf8(self.bytes(table, base, 1))?;
                let value = self.bytes(table, base, 2);
                if type_url.is_empty() && value.is_empty() {
                    self.out.extend_from_slice(b"{}");
                } else {
                    self.typed(type_url, &[value], left)?;
                }
            }
            _ => self.any_json(table, base, parts, left)?,
        }
        self.slots.truncate(base);
        Ok(())
    }

    /// What a message has in a field that is a number.
    fn number(&self, table: &Message, base: usize, number: u32) -> i64 {
        match table.find(number, 0).map(|index| self.slots[base + index].last) {
            Some(Raw::Varint(value)) => value as i64,
            _ => 0,
        }
    }

    /// What a message has in a field that is text or bytes.
    fn bytes(&self, table: &Message, base: usize, number: u32) -> &'b [u8] {
        match table.find(number, 0).map(|index| self.slots[base + index].last) {
            Some(Raw::Bytes(value)) => value,
            _ => b"",
        }
    }

    /// Writes a `Value`: what it holds, or null where it holds nothing.
    fn any_json(
        &mut self,
        table: &'t Message,
        base: usize,
        parts: &[&'b [u8]],
        left: u32,
    ) -> Result<(), Error> {
        let there = table.fields.iter().zip(base..).find(|(_, place)| self.slots[*place].count > 0);
        let Some((field, place)) = there else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        let slot = self.slots[place];
        if let (Kind::Double, Raw::Fixed64(bits)) = (field.kind, slot.last)
            && !f64::from_bits(bits).is_finite()
        {
            return Err(Error::Unsayable("a value is no finite number".to_owned()));
        }
        self.value(field, slot, parts, left)
    }

    /// Writes what an `Any` holds, with its type.
    pub(super) fn typed(&mut self, type_url: &str, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let place = type_name(type_url).and_then(|name| self.tables.place(name));
        let place = place.ok_or_else(|| Error::Unsayable(format!("unknown type `{}`", shown(type_url))))?;
        let (table, left) = (self.table(place)?, wire::deeper(left)?);
        self.out.extend_from_slice(b"{\"@type\":");
        scalar::text(type_url, self.out)?;
        self.out.push(b',');
        let held = if table.form == Form::Object {
            self.fields(table, parts, left)
        } else {
            self.out.extend_from_slice(b"\"value\":");
            self.message(place, parts, left)
        };
        self.close(b'}');
        held.map_err(|error| match error {
            // The message that it stands in is one.
            Error::Malformed(error) => Error::Unsayable(format!("what is in an `Any`: {error}")),
            error => error,
        })
    }

    /// Writes a field mask: the names of fields in lowerCamelCase.
    fn mask(&mut self, table: &'t Message, base: usize, parts: &[&'b [u8]], left: u32) -> Result<(), Error> {
        let mut mask = String::new();
        let found = table.find(1, 0).map(|index| (&table.fields[index], self.slots[base + index]));
        for raw in found.into_iter().flat_map(|(field, slot)| occurrences(field, slot, parts, left)) {
            let Raw::Bytes(path) = raw? else { continue };
            let path = wire::utf8(path)?;
            if !mask.is_empty() {
                mask.push(',');
            }
            camel(path, &mut mask)
                .ok_or_else(|| Error::Unsayable(format!("`{}` is no path of a field mask", shown(path))))?;
        }
        scalar::text(&mask, self.out)
    }
}

/// As much of a text as an error tells: it ends in the log.
fn shown(text: &str) -> String {
    const MOST: usize = 200;
    text.chars().take(MOST).flat_map(char::escape_debug).collect()
}

/// Adds a path in lowerCamelCase; nothing where reading that would give another path.
fn camel(path: &str, out: &mut String) -> Option<()> {
    let mut rest = path.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '_' => out.push(rest.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase()),
            'A'..='Z' | ',' => return None,
            letter => out.push(letter),
        }
    }
    (!path.is_empty()).then_some(())
}
