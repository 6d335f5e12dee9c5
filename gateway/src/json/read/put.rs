//! Puts values into the message that is being made.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::Run;
use crate::{
    json::{At, write::kind::Kind},
    wire::{self, Raw},
};

/// What is to be read, and where it goes.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// What it must be.
    pub kind: Kind,
    /// Where it is, for errors.
    pub at: &'a At<'a>,
    /// How many messages it stands in.
    pub depth: u32,
    /// Whether the object that it is names its type beside its fields.
    pub in_any: bool,
    /// How it is put.
    pub put: Put,
}

/// How a value is put.
#[derive(Debug, Clone, Copy)]
pub enum Put {
    /// As all that there is: the outermost message.
    Whole,
    /// As a field.
    Field(u32),
    /// As a field, unless it is zero or nothing.
    UnlessZero(u32),
    /// Beside other numbers.
    Bare,
}

/// What has begun: a message, or numbers side by side.
pub struct Frame {
    put: Put,
    is_group: bool,
    /// Where it begins, and where what is in it does.
    from: usize,
    body: usize,
    /// How many lengths there are before its own, and how many bytes all take that are known.
    lengths: usize,
    taken: usize,
}

/// The lengths of what has been put, which stand before it: they are known when it ends, and put when all is there, so that
/// nothing is moved once for each message that it stands in.
#[derive(Debug, Default)]
pub struct Lengths {
    /// Where each is to be, and what it is, in their order.
    all: Vec<(usize, usize)>,
    /// How many bytes they take.
    taken: usize,
}

impl Run<'_> {
    /// Puts a value that is no message.
    pub fn put(&mut self, put: Put, raw: Raw<'_>) {
        match put {
            Put::UnlessZero(_) if raw.is_zero() => {}
            Put::Field(number) | Put::UnlessZero(number) => wire::put(number, raw, self.out),
            Put::Bare | Put::Whole => wire::put_bare(raw, self.out),
        }
    }

    /// Begins a message, or numbers side by side: what is put from now on is in it.
    pub fn begin(&mut self, put: Put, kind: Kind) -> Frame {
        let (from, is_group) = (self.out.len(), matches!(kind, Kind::Group(_)));
        let (lengths, taken) = (self.lengths.all.len(), self.lengths.taken);
        if let Put::Field(number) | Put::UnlessZero(number) = put {
            let wire = if is_group { WireType::StartGroup } else { WireType::LengthDelimited };
            encode_key(number, wire, self.out);
            if !is_group {
                self.lengths.all.push((self.out.len(), 0));
            }
        }
        Frame { put, is_group, from, body: self.out.len(), lengths, taken }
    }

    /// Ends it.
    pub fn end(&mut self, frame: Frame) {
        let (Put::Field(number) | Put::UnlessZero(number)) = frame.put else { return };
        let length = self.out.len() - frame.body + self.lengths.taken - frame.taken;
        if length == 0 && matches!(frame.put, Put::UnlessZero(_)) {
            self.out.truncate(frame.from);
            self.lengths.all.truncate(frame.lengths);
        } else if frame.is_group {
            encode_key(number, WireType::EndGroup, self.out);
        } else if let Some((_, own)) = self.lengths.all.get_mut(frame.lengths) {
            *own = length;
            self.lengths.taken += encoded_len_varint(length as u64);
        }
    }
}

impl Lengths {
    /// Puts them where they are to be: from the last to the first, so that each byte is moved once.
    pub fn settle(self, out: &mut Vec<u8>) {
        let mut read = out.len();
        out.resize(read + self.taken, 0);
        let mut write = out.len();
        for (place, length) in self.all.into_iter().rev() {
            write -= read - place;
            out.copy_within(place..read, write);
            read = place;
            let end = write;
            write -= encoded_len_varint(length as u64);
            encode_varint(length as u64, &mut &mut out[write..end]);
        }
    }
}
