//! Reads fields from bare text, as in a path or a query.

use prost_reflect::FieldDescriptor;

use super::{
    known::{Known, camel, formatted},
    scalar::from_text,
};
use crate::{
    json::{
        Tables,
        write::kind::{Form, Kind, Shape},
    },
    wire::{self, Raw},
};

impl Tables {
    /// Reads what text means for a field, or for an item of it, and gives its bytes: that field, or nothing where it is zero
    /// and has no presence. The error says what is expected.
    pub fn field_of_text(&self, field: &FieldDescriptor, text: &str) -> Result<Vec<u8>, String> {
        let (message, index) = self.place_of(field).ok_or("there is no table of it")?;
        let field = self.messages.get(message).and_then(|table| table.fields.get(index));
        let field = field.ok_or("there is no table of it")?;
        let (mut held, mut buffer, mut out) = (Vec::new(), Vec::new(), Vec::new());
        let raw = match field.kind {
            Kind::Message(place) => {
                self.message_of_text(place, text, &mut held)?;
                Raw::Bytes(&held)
            }
            kind => from_text(self, kind, text, &mut buffer)?,
        };
        match field.shape {
            Shape::List if self.names.is_packed(message, index) => {
                let mut item = Vec::new();
                wire::put_bare(raw, &mut item);
                wire::put(field.number, Raw::Bytes(&item), &mut out);
            }
            Shape::One if field.default.is_some() && raw.is_zero() => {}
            _ => wire::put(field.number, raw, &mut out),
        }
        Ok(out)
    }

    /// Adds what is in a message whose JSON is a string, number or bool.
    fn message_of_text(&self, place: usize, text: &str, out: &mut Vec<u8>) -> Result<(), String> {
        let table = self.messages.get(place).ok_or("there is no table of its type")?;
        match Known::of(self, place) {
            // A mask in a query may have either spelling of a field's name, as the rest of the query.
            Known::Text if table.form == Form::FieldMask => formatted(table, &camel(text), out),
            Known::Text => formatted(table, text, out),
            Known::Wrapper => {
                let (wrapped, mut buffer) =
                    (table.fields.first().ok_or("there is no value in it")?, Vec::new());
                let raw = from_text(self, wrapped.kind, text, &mut buffer)?;
                if !raw.is_zero() {
                    wire::put(wrapped.number, raw, out);
                }
                Ok(())
            }
            known => Err(known.expected().to_owned()),
        }
    }
}
