//! How many items the lists of a request may have, counted in its bytes before they are decoded.
//!
//! An item of two bytes becomes a message of a hundred. So a list that is too long is refused at the first item too many,
//! and nothing of it is made. What else is wrong with a request shows in the message itself, whose size its bytes bound.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::{Path, Violations, rules::too_many};

/// A request is looked at that has more bytes: what is smaller becomes little, however it is made.
const SMALL: usize = 1 << 10;
/// How deep messages are looked into; the decoder goes no deeper.
const DEPTH: usize = 100;

/// The fields of a message that are lists, or hold some.
pub struct Bounds(pub &'static [Bound]);

/// One of them.
pub struct Bound {
    pub number: u32,
    pub name: &'static str,
    /// How many items it may have; `None` for a message that holds lists and is none itself.
    pub most: Option<usize>,
    /// Of numbers, which may come one by one or all in one.
    pub packed: bool,
    /// What its messages hold.
    pub within: Option<&'static Bounds>,
}

/// What has come of a message so far. A message that is no list may come in parts, which are merged.
#[derive(Default)]
struct Seen(Vec<Part>);

struct Part {
    number: u32,
    items: usize,
    inner: Seen,
}

impl Seen {
    fn part(&mut self, number: u32) -> Option<&mut Part> {
        let index = self.0.iter().position(|part| part.number == number).unwrap_or_else(|| {
            self.0.push(Part { number, items: 0, inner: Seen::default() });
            self.0.len() - 1
        });
        self.0.get_mut(index)
    }
}

impl Bounds {
    /// Refuses a request one of whose lists is too long, by the words of its own check. Bytes that are no message are the
    /// decoder's to refuse.
    pub(crate) fn check(&self, message: &[u8]) -> Result<(), Violations> {
        if message.len() <= SMALL {
            return Ok(());
        }
        self.look(message, &Path::Root, &mut Seen::default(), 0)
    }

    fn look(&self, mut rest: &[u8], at: &Path<'_>, seen: &mut Seen, depth: usize) -> Result<(), Violations> {
        let mut groups = 0_usize;
        while let Ok((number, wire)) = decode_key(&mut rest) {
            let length = match wire {
                WireType::ThirtyTwoBit => Ok(4),
                WireType::SixtyFourBit => Ok(8),
                WireType::Varint => decode_varint(&mut rest).map(|_| 0),
                WireType::LengthDelimited => decode_varint(&mut rest),
                WireType::StartGroup => {
                    groups += 1;
                    continue;
                }
                WireType::EndGroup => {
                    groups = groups.saturating_sub(1);
                    continue;
                }
            };
            let length = length.ok().and_then(|length| usize::try_from(length).ok());
            let Some((value, left)) = length.and_then(|length| rest.split_at_checked(length)) else {
                return Ok(());
            };
            rest = left;
            // No field of ours is a group, so that whatever is in one is skipped.
            let bound = self.0.iter().find(|bound| bound.number == number).filter(|_| groups == 0);
            let Some(bound) = bound else { continue };
            let Some(part) = seen.part(number) else { continue };
            let at = at.field(bound.name);
            let Some(most) = bound.most else {
                if let Some(within) = bound.within.filter(|_| depth < DEPTH) {
                    within.look(value, &at, &mut part.inner, depth + 1)?;
                }
                continue;
            };
            let packed = bound.packed && wire == WireType::LengthDelimited;
            // The last byte of each number has no top bit.
            part.items += if packed { value.iter().filter(|byte| **byte < 0x80).count() } else { 1 };
            if part.items > most {
                let mut found = Violations::new();
                found.add(&at, too_many(most));
                return Err(found);
            }
            if let Some(within) = bound.within.filter(|_| depth < DEPTH) {
                within.look(value, &at.item(part.items - 1), &mut Seen::default(), depth + 1)?;
            }
        }
        Ok(())
    }
}
