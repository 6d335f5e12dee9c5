//! Reads messages from JSON into their bytes, without making an object of them: the text is gone through once, by the
//! tables of their types, and each value is put where it stands in the message.
//!
//! Fields without presence are put unless they are zero, as every writer of messages does it.

mod any;
mod collections;
mod element;
mod known;
mod names;
mod object;
mod put;
mod scalar;
mod text;
mod tree;

use std::{fmt, sync::Arc};

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use serde::de::DeserializeSeed as _;
use serde_json::error::Category;

pub use self::names::Names;
use self::{
    element::Element,
    object::Member,
    put::{Lengths, Place, Put},
};
use super::{
    At, BadField, Bounds, Error, Tables,
    write::{kind::Kind, tables::Field},
};
use crate::wire::{DEPTH, Malformed};

/// How many items, entries and values of any form one text may have, whatever the contract says: each may take hundreds of
/// bytes of a service's memory, and be written by two.
const MOST: usize = 20_000;

/// Reads messages of one type.
#[derive(Clone)]
pub struct Reader {
    tables: Arc<Tables>,
    root: usize,
    bounds: Arc<Bounds>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.root).finish()
    }
}

impl Reader {
    /// A reader of messages of this type, whose lists and maps keep to the bounds of their contract; nothing where the
    /// tables are another contract's.
    pub fn new(tables: &Arc<Tables>, desc: &MessageDescriptor) -> Option<Self> {
        let (root, bounds) = (tables.place(desc.full_name())?, Bounds::of(desc, tables));
        Some(Self { tables: tables.clone(), root, bounds: Arc::new(bounds) })
    }

    /// The same for messages that need not keep to the rules of their contract.
    pub fn without_bounds(&self) -> Self {
        Self { bounds: Arc::default(), ..self.clone() }
    }

    /// By which it reads.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Judges bytes that are to be a message without having been read here.
    pub fn check(&self, message: &[u8]) -> Result<(), Malformed> {
        self.tables.check_message(self.root, message, DEPTH)
    }

    /// Reads a message, and adds its bytes to what there is: what is beyond the bounds of its lists and maps is never
    /// made. Returns the numbers of the fields that the outermost object names, in order; those that are null, too.
    pub fn message(&self, json: &[u8], out: &mut Vec<u8>) -> Result<Vec<u32>, Error> {
        let kind = Kind::Message(self.root);
        Run::new(&self.tables, &self.bounds, out).read(json, |run, json| {
            let place = Place { kind, at: &At::Root, depth: 0, in_any: false, put: Put::Whole };
            Element { run, place }.deserialize(json)
        })
    }

    /// Reads the value of one field of a message in the same way, and adds it as that field, but for null.
    pub fn field(&self, number: u32, json: &[u8], out: &mut Vec<u8>) -> Result<Vec<u32>, Error> {
        let field = self.tables.messages.get(self.root).and_then(|table| table.find(number, 0));
        let field = field.ok_or_else(|| Error::Syntax("there is no table of its type".to_owned()))?;
        read_field(&self.tables, &self.bounds, (self.root, field), json, out)
    }
}

impl Tables {
    /// Reads the JSON of a field of whatever message, and gives its bytes: that field, or nothing for null.
    pub fn field_of_json(&self, field: &FieldDescriptor, json: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        let place =
            self.place_of(field).ok_or_else(|| Error::Syntax("there is no table of it".to_owned()))?;
        read_field(self, &Bounds::default(), place, json, &mut out)?;
        Ok(out)
    }

    /// Where the message of a field is, and where the field is in its table.
    fn place_of(&self, field: &FieldDescriptor) -> Option<(usize, usize)> {
        let place = self.place(field.parent_message().full_name())?;
        Some((place, self.messages.get(place)?.find(field.number(), 0)?))
    }
}

fn read_field(
    tables: &Tables,
    bounds: &Bounds,
    (message, field): (usize, usize),
    json: &[u8],
    out: &mut Vec<u8>,
) -> Result<Vec<u32>, Error> {
    Run::new(tables, bounds, out).read(json, |run, json| {
        let at = At::Field(&At::Root, tables.names.field(message, field));
        Member { run, message, field, at: &at, depth: 0 }.deserialize(json).map(|_| ())
    })
}

type Json<'j> = serde_json::Deserializer<serde_json::de::SliceRead<'j>>;

/// One text's being read.
struct Run<'t> {
    tables: &'t Tables,
    bounds: &'t Bounds,
    /// What is made, as yet without lengths.
    out: &'t mut Vec<u8>,
    lengths: Lengths,
    /// How many more values may come.
    left: usize,
    /// The fields that there are of the messages that are being read, the outermost's first, and whether they are set:
    /// what is null is not.
    seen: Vec<(usize, bool)>,
    /// The numbers of the fields that the outermost object names.
    named: Vec<u32>,
    bad: Option<BadField>,
    /// Whether what is bad breaks a rule of the contract.
    is_rule: bool,
}

impl<'t> Run<'t> {
    fn new(tables: &'t Tables, bounds: &'t Bounds, out: &'t mut Vec<u8>) -> Self {
        // As many as most messages have, with those around them.
        let (seen, named) = (Vec::with_capacity(32), Vec::new());
        let lengths = Lengths::default();
        Self { tables, bounds, out, lengths, left: MOST, seen, named, bad: None, is_rule: false }
    }

    fn read<'j>(
        mut self,
        json: &'j [u8],
        read: impl FnOnce(&mut Self, &mut Json<'j>) -> Result<(), serde_json::Error>,
    ) -> Result<Vec<u32>, Error> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        match read(&mut self, &mut reader).and_then(|()| reader.end()) {
            Ok(()) => {
                self.lengths.settle(self.out);
                Ok(self.named)
            }
            Err(error) => match (error.classify(), self.bad) {
                (Category::Data, Some(bad)) if self.is_rule => Err(Error::Rule(bad)),
                (Category::Data, Some(bad)) => Err(Error::Field(bad)),
                _ => Err(Error::Syntax(error.to_string())),
            },
        }
    }

    /// Records what is wrong at a place, if nothing is recorded yet, and makes the error that ends the run.
    fn wrong<E: serde::de::Error>(&mut self, at: &At<'_>, description: impl Into<String>) -> E {
        let bad = BadField { field: at.to_string(), description: description.into() };
        let error = E::custom(&bad.description);
        self.bad.get_or_insert(bad);
        error
    }

    /// The same for a list or map of more than its rule allows, in the words of the check that a service would make.
    fn too_many<E: serde::de::Error>(&mut self, at: &At<'_>, most: usize, noun: &str) -> E {
        self.is_rule = true;
        self.wrong(at, format!("must have at most {most} {noun}{}", if most == 1 { "" } else { "s" }))
    }

    /// Counts one more value.
    fn count<E: serde::de::Error>(&mut self, at: &At<'_>) -> Result<(), E> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.wrong(at, format!("there are more than {MOST} values before and in it"))),
        }
    }

    /// The table of a field.
    fn field<E: serde::de::Error>(&self, message: usize, field: usize) -> Result<&'t Field, E> {
        let found = self.tables.messages.get(message).and_then(|table| table.fields.get(field));
        found.ok_or_else(|| E::custom("there is no table of it"))
    }
}
