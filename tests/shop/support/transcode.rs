//! Typed messages to REST requests and back: the tests' own reading of proto3 JSON and of paths, apart from the
//! gateway's.

use contracts::google::api::HttpBody;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions};
use serde_json::{Map, Value};

/// A path with its query, and a body.
#[derive(Debug)]
pub struct Sent {
    pub path: String,
    pub body: Option<Body>,
}

/// What is sent.
#[derive(Debug)]
pub enum Body {
    Json(Value),
    /// A `google.api.HttpBody`, as it is.
    Raw {
        content_type: String,
        data: Vec<u8>,
    },
}

impl Sent {
    /// The body that is JSON.
    pub fn json(&self) -> &Value {
        match &self.body {
            Some(Body::Json(json)) => json,
            other => panic!("not JSON: {other:?}"),
        }
    }
}

/// Puts a request where REST has it: first into the first of `paths` whose variables it has, then into the
/// body (`*` all that is left, a field's name, or nothing), the rest into the query.
pub fn request<R: Message + Name>(message: &R, paths: &[impl AsRef<str>], body: &str) -> Sent {
    let mut fields = json(message);
    let path = paths.iter().find_map(|path| fill(path.as_ref(), &mut fields));
    let path = path.unwrap_or_else(|| panic!("{} fits no path: {fields:?}", R::full_name()));
    let body = match body {
        "" => None,
        "*" => Some(Body::Json(Value::Object(std::mem::take(&mut fields)))),
        field => {
            let json = fields.remove(&json_name(field)).unwrap_or_else(|| Value::Object(Map::new()));
            Some(raw(message, field).unwrap_or(Body::Json(json)))
        }
    };
    let mut query = Vec::new();
    for (name, value) in fields {
        flatten(name, value, &mut query);
    }
    let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    Sent { path, body }
}

/// A field's name in JSON: `api_key` is `apiKey`.
fn json_name(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// A field that is a `google.api.HttpBody`.
fn raw<R: Message + Name>(message: &R, field: &str) -> Option<Body> {
    let dynamic = dynamic(message);
    let field = dynamic.get_field_by_name(field)?;
    let body = field.as_message().filter(|it| it.descriptor().full_name() == "google.api.HttpBody")?;
    let content_type = body.get_field_by_name("content_type")?.as_str()?.to_owned();
    Some(Body::Raw { content_type, data: body.get_field_by_name("data")?.as_bytes()?.to_vec() })
}

/// Reads an answer; an empty body is an empty message.
pub fn answer<T: Message + Name + Default>(text: &str) -> T {
    if text.is_empty() {
        return T::default();
    }
    let descriptor =
        contracts::pool().get_message_by_name(&T::full_name()).expect("a message of the contract");
    let mut reader = serde_json::Deserializer::from_str(text);
    let message = DynamicMessage::deserialize(descriptor, &mut reader);
    let message = message.unwrap_or_else(|error| panic!("not a {}: {error}: {text}", T::full_name()));
    message.transcode_to().unwrap()
}

/// Reads an answer that is raw bytes.
pub fn raw_answer<T: Message + Name + Default>(content_type: &str, data: &[u8]) -> Option<T> {
    let raw = || HttpBody { content_type: content_type.into(), data: data.into(), extensions: Vec::new() };
    (T::full_name() == HttpBody::full_name()).then(|| T::decode(&*raw().encode_to_vec()).unwrap())
}

/// A message's JSON, without what is not set.
pub fn json<R: Message + Name>(message: &R) -> Map<String, Value> {
    let options = SerializeOptions::new();
    match dynamic(message).serialize_with_options(serde_json::value::Serializer, &options).unwrap() {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}

fn dynamic<R: Message + Name>(message: &R) -> DynamicMessage {
    let descriptor =
        contracts::pool().get_message_by_name(&R::full_name()).expect("a message of the contract");
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(message).unwrap();
    dynamic
}

/// Replaces a path's `{a.b}` by the request's fields, which are taken out of it.
fn fill(path: &str, fields: &mut Map<String, Value>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').expect("a closing brace");
        let value = take(fields, name)?;
        filled.push_str(before);
        filled.push_str(&escape(&value));
        rest = after;
    }
    Some(filled + rest)
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    let (field, inner) = match name.split_once('.') {
        Some((field, inner)) => (field, Some(inner)),
        None => (name, None),
    };
    let field = camel(field);
    match inner {
        Some(inner) => take(fields.get_mut(&field)?.as_object_mut()?, inner),
        None => Some(fields.remove(&field)?.as_str()?.to_owned()),
    }
}

fn flatten(name: String, value: Value, query: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.into_iter().for_each(|(field, value)| flatten(format!("{name}.{field}"), value, query));
        }
        Value::Array(items) => items.into_iter().for_each(|item| flatten(name.clone(), item, query)),
        Value::String(text) => query.push(format!("{name}={}", escape(&text))),
        other => query.push(format!("{name}={other}")),
    }
}

/// The JSON name of a field.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

/// Percent encoding of all but RFC 3986's unreserved characters.
pub fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            out + &char::from(byte).to_string()
        }
        _ => out + &format!("%{byte:02X}"),
    })
}
