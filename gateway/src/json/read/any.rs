//! Reads an `Any`: its type's name may stand anywhere in it, so its text is looked through first, and then read as what it
//! names. Nothing of it is kept as a tree in between, which would round its numbers.

use std::fmt;

use serde::de::{DeserializeSeed as _, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Run,
    element::Element,
    put::{Place, Put},
};
use crate::{
    json::{
        At,
        well_known::type_name,
        write::kind::{Form, Kind},
    },
    wire::Raw,
};

/// How much deeper what is in an `Any` counts: its text is looked through once more at each level.
const LEVELS: u32 = 10;
/// The numbers of its fields.
const TYPE_URL: u32 = 1;
const VALUE: u32 = 2;

/// What an `Any` names beside the fields of what is in it.
struct Head<'t> {
    type_url: Option<String>,
    value: Option<&'t RawValue>,
    /// Whether it has another `value`.
    twice: bool,
    /// Any other name.
    other: Option<String>,
}

struct Look<'a, 't> {
    run: &'a mut Run<'t>,
    at: &'a At<'a>,
}

impl<'de> Visitor<'de> for Look<'_, '_> {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let Self { run, at } = self;
        let mut head = Head { type_url: None, value: None, twice: false, other: None };
        while let Some(name) = map.next_key::<String>()? {
            run.count::<A::Error>(at)?;
            match name.as_str() {
                "@type" => {
                    let text = map.next_value::<&RawValue>()?;
                    let Ok(url) = serde_json::from_str(text.get()) else {
                        return Err(run.wrong(at, "expected `@type` with a type's URL"));
                    };
                    if head.type_url.replace(url).is_some() {
                        return Err(run.wrong(&At::Field(at, "@type"), "given more than once"));
                    }
                }
                "value" => head.twice |= head.value.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    head.other.get_or_insert(name);
                }
            }
        }
        Ok(head)
    }
}

impl Element<'_, '_> {
    /// Reads an `Any` of a type that the contract knows.
    pub fn any<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let Self { run, place } = self;
        let at = place.at;
        if !text.starts_with('{') {
            return Err(run.wrong(at, "expected an object"));
        }
        let look = serde_json::Deserializer::from_str(text).deserialize_map(Look { run: &mut *run, at });
        // Errors within are recorded already; the outer error only ends the run.
        let head = look.map_err(|error| run.wrong::<E>(at, error.to_string()))?;
        let frame = run.begin(place.put, place.kind);
        let Some(type_url) = head.type_url else {
            if head.value.is_none() && head.other.is_none() {
                run.end(frame);
                return Ok(());
            }
            return Err(run.wrong(at, "expected `@type` with a type's URL"));
        };
        let message = type_name(&type_url).and_then(|name| run.tables.place(name));
        let known = message.and_then(|message| Some((message, run.tables.messages.get(message)?.form)));
        let Some((message, form)) = known else {
            return Err(run.wrong(at, format!("unknown type `{type_url}`")));
        };
        // Nothing stands beside `Empty` but, as some write it, its own object.
        let is_plain = form == Form::Object || form == Form::Empty && head.value.is_none();
        let text = match (is_plain, head.value, head.other) {
            (true, ..) => text,
            (false, _, Some(name)) => {
                return Err(run.wrong(at, format!("unknown field `{name}` beside `value`")));
            }
            (false, None, None) => return Err(run.wrong(at, "expected `value`")),
            (false, Some(_), None) if head.twice => {
                return Err(run.wrong(&At::Field(at, "value"), "given more than once"));
            }
            (false, Some(value), None) => value.get(),
        };
        run.put(Put::UnlessZero(TYPE_URL), Raw::Bytes(type_url.as_bytes()));
        let (kind, depth) = (Kind::Message(message), place.depth + LEVELS);
        let held = Place { kind, at, depth, in_any: is_plain, put: Put::UnlessZero(VALUE) };
        let held = Element { run: &mut *run, place: held };
        let read = held.deserialize(&mut serde_json::Deserializer::from_str(text));
        read.map_err(|error| run.wrong::<E>(at, error.to_string()))?;
        run.end(frame);
        Ok(())
    }
}
