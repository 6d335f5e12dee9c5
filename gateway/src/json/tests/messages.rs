//! Arbitrary messages, made as bytes from a list of choices: of whatever fields, in whatever order, as often as may be.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};

use crate::json::write::tables::is_closed;

/// How deep messages are nested.
const DEEPEST: u32 = 4;
/// A number that no field has.
const UNKNOWN: u32 = 50_000;
/// Types that an `Any` may hold.
const HELD: [&str; 12] = [
    "kinds.v1.Kinds",
    "closed.v1.Closed",
    "google.protobuf.Any",
    "google.protobuf.Duration",
    "google.protobuf.Empty",
    "google.protobuf.FieldMask",
    "google.protobuf.Int64Value",
    "google.protobuf.ListValue",
    "google.protobuf.StringValue",
    "google.protobuf.Struct",
    "google.protobuf.Timestamp",
    "google.protobuf.Value",
];

/// Makes messages of choices; when these are used up, the least there is.
pub struct Maker<'c> {
    pub pool: &'c DescriptorPool,
    pub choices: &'c [u32],
    /// Whether to leave out what prost-reflect writes wrong.
    pub plain: bool,
    /// Whether some map has an entry.
    pub has_entries: bool,
}

/// A field, or an extension.
struct Place {
    number: u32,
    kind: Kind,
    is_list: bool,
    is_map: bool,
    is_group: bool,
}

impl From<FieldDescriptor> for Place {
    fn from(field: FieldDescriptor) -> Self {
        let (is_list, is_map, is_group) = (field.is_list(), field.is_map(), field.is_group());
        Self { number: field.number(), kind: field.kind(), is_list, is_map, is_group }
    }
}

impl From<ExtensionDescriptor> for Place {
    fn from(field: ExtensionDescriptor) -> Self {
        let (is_list, is_map, is_group) = (field.is_list(), field.is_map(), field.is_group());
        Self { number: field.number(), kind: field.kind(), is_list, is_map, is_group }
    }
}

impl Maker<'_> {
    fn next(&mut self) -> u32 {
        let (first, rest) = self.choices.split_first().unwrap_or((&0, &[]));
        self.choices = rest;
        *first
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() as usize % all.len()]
    }

    fn number(&mut self) -> u64 {
        match self.below(3) {
            0 => self.of(&[0, 1, u64::MAX, i64::MAX as u64, i64::MIN as u64, 1 << 31, i32::MIN as u64]),
            1 => self.next().into(),
            _ => u64::from(self.next()) << 32 | u64::from(self.next()),
        }
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 12] =
            ["", "a", "é", "\"", "\\", "\n", "\0", "\u{7f}", "/", "\u{2028}", "🦀", "1"];
        (0..self.below(4)).map(|_| self.of(&PARTS)).collect()
    }

    /// A message of a type, in which `depth` others are already nested around it.
    pub fn message(&mut self, desc: &MessageDescriptor, depth: u32) -> Vec<u8> {
        let mut out = Vec::new();
        match desc.full_name() {
            "google.protobuf.Timestamp" => {
                let times = [0_i64, -1, 1_790_000_000, -62_135_596_800, 253_402_300_799];
                let (seconds, nanos) = (self.of(&times), self.of(&[0, 1, 1_000, 120_000_000, 999_999_999]));
                whole(1, seconds as u64, &mut out);
                whole(2, nanos, &mut out);
            }
            "google.protobuf.Duration" => {
                let (seconds, nanos) = (self.of(&[0_i64, 1, 315_576_000_000]), self.of(&[0, 1, 500_000_000]));
                let sign = self.of(&[1, -1]);
                whole(1, (seconds * sign) as u64, &mut out);
                whole(2, (nanos * sign) as u64, &mut out);
            }
            "google.protobuf.FieldMask" => {
                for _ in 0..self.below(3) {
                    let path = self.of(&["a", "a_b.c_d", "é", "x1", "_a", "a..b"]);
                    bytes(1, path.as_bytes(), &mut out);
                }
            }
            "google.protobuf.Any" if !self.plain && self.below(4) == 0 => {}
            "google.protobuf.Any" => {
                let name = self.of(&HELD);
                let held = self.pool.get_message_by_name(name).unwrap();
                bytes(1, format!("type.example.com/{name}").as_bytes(), &mut out);
                bytes(2, &self.message(&held, depth + 1), &mut out);
            }
            "google.protobuf.Value" => {
                // One kind, and a number that JSON has.
                let kinds: Vec<_> = desc.fields().collect();
                let place = Place::from(kinds[self.below(kinds.len() as u32) as usize].clone());
                match place.kind {
                    Kind::Double => {
                        encode_key(place.number, WireType::SixtyFourBit, &mut out);
                        let number = self.of(&[0.0, -0.0, 1.0, 0.1, -1e300, 5e-324, f64::MAX]);
                        out.extend(number.to_le_bytes());
                    }
                    _ => self.put(&place, depth, &mut out),
                }
            }
            // Of what is no number it writes null, and of -0.0 no sign.
            "google.protobuf.DoubleValue" if self.plain => {
                encode_key(1, WireType::SixtyFourBit, &mut out);
                out.extend(self.of(&[0.1, 5e-324, f64::MAX]).to_le_bytes());
            }
            "google.protobuf.FloatValue" if self.plain => {
                encode_key(1, WireType::ThirtyTwoBit, &mut out);
                out.extend(self.of(&[0.1, 1e-45, f32::MAX]).to_le_bytes());
            }
            _ => self.fields(desc, depth, &mut out),
        }
        out
    }

    fn fields(&mut self, desc: &MessageDescriptor, depth: u32, out: &mut Vec<u8>) {
        let mut places: Vec<Place> = desc.fields().map(Place::from).collect();
        places.extend(desc.extensions().map(Place::from));
        if depth > DEEPEST || places.is_empty() {
            return;
        }
        for _ in 0..self.below(6) {
            let index = self.below(places.len() as u32 + 1) as usize;
            match places.get(index) {
                Some(place) => self.put(place, depth, out),
                None => self.unknown(out),
            }
        }
    }

    fn unknown(&mut self, out: &mut Vec<u8>) {
        match self.below(4) {
            0 => whole(UNKNOWN, self.number(), out),
            1 => bytes(UNKNOWN, b"\xff", out),
            2 => {
                encode_key(UNKNOWN, WireType::ThirtyTwoBit, out);
                out.extend([0xff; 4]);
            }
            _ => {
                encode_key(UNKNOWN, WireType::StartGroup, out);
                whole(1, 1, out);
                encode_key(UNKNOWN, WireType::EndGroup, out);
            }
        }
    }

    fn put(&mut self, place: &Place, depth: u32, out: &mut Vec<u8>) {
        match &place.kind {
            Kind::Message(entry) if place.is_map => {
                self.has_entries = true;
                let mut inner = Vec::new();
                for field in entry.fields() {
                    let place = Place::from(field);
                    let is_any = place.kind.as_message().is_some_and(|it| it.name() == "Any");
                    // Either may be missing, or there twice. Of an `Any` without type prost-reflect makes an error.
                    let least = u32::from(self.plain && is_any);
                    for _ in 0..self.of(&[1, 1, 1, 0, 2]).max(least) {
                        self.one(&place, depth, &mut inner);
                    }
                }
                bytes(place.number, &inner, out);
            }
            Kind::Message(_) | Kind::String | Kind::Bytes => self.one(place, depth, out),
            kind if place.is_list && self.below(2) == 0 => {
                let mut inner = Vec::new();
                for _ in 0..self.below(4) {
                    self.bare(kind, &mut inner);
                }
                bytes(place.number, &inner, out);
            }
            _ => self.one(place, depth, out),
        }
    }

    fn one(&mut self, place: &Place, depth: u32, out: &mut Vec<u8>) {
        match &place.kind {
            Kind::Message(desc) if place.is_group => {
                encode_key(place.number, WireType::StartGroup, out);
                out.extend(self.message(desc, depth + 1));
                encode_key(place.number, WireType::EndGroup, out);
            }
            Kind::Message(desc) => bytes(place.number, &self.message(desc, depth + 1), out),
            Kind::String => bytes(place.number, self.text().as_bytes(), out),
            Kind::Bytes => {
                let some: Vec<u8> = (0..self.below(5)).map(|_| self.next() as u8).collect();
                bytes(place.number, &some, out);
            }
            kind => {
                let wire = match kind {
                    Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::SixtyFourBit,
                    Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::ThirtyTwoBit,
                    _ => WireType::Varint,
                };
                encode_key(place.number, wire, out);
                self.bare(kind, out);
            }
        }
    }

    /// A number without its key.
    fn bare(&mut self, kind: &Kind, out: &mut Vec<u8>) {
        match kind {
            Kind::Double => {
                let all =
                    [0.0, -0.0, 1.5, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, -f64::INFINITY];
                let bits = if self.below(2) == 0 { self.of(&all).to_bits() } else { self.number() };
                out.extend(bits.to_le_bytes());
            }
            Kind::Float => {
                let all =
                    [0.0, -0.0, 0.1, f32::MAX, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, -f32::INFINITY];
                let bits = if self.below(2) == 0 { self.of(&all).to_bits() } else { self.next() };
                out.extend(bits.to_le_bytes());
            }
            Kind::Fixed32 | Kind::Sfixed32 => out.extend((self.number() as u32).to_le_bytes()),
            Kind::Fixed64 | Kind::Sfixed64 => out.extend(self.number().to_le_bytes()),
            Kind::Enum(desc) => encode_varint(self.enumerated(desc), out),
            _ => encode_varint(self.number(), out),
        }
    }

    fn enumerated(&mut self, desc: &EnumDescriptor) -> u64 {
        let mut numbers: Vec<i32> = desc.values().map(|value| value.number()).collect();
        if !is_closed(desc) && desc.full_name() != "google.protobuf.NullValue" {
            numbers.extend([77, i32::MIN]);
        }
        self.of(&numbers) as u64
    }
}

/// A number and its key.
pub fn whole(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

/// Text, bytes or a message, and its key.
pub fn bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}
