//! Events as CloudEvents 1.0 has them, in its JSON format (structured mode).

use serde_json::{Map, Value};

/// The media type of one.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// What an envelope says.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub id: &'a str,
    /// The shop that it comes from: a URI reference.
    pub source: &'a str,
    /// `order.paid`
    pub kind: &'a str,
    pub subject: &'a str,
    /// RFC 3339.
    pub time: &'a str,
    pub position: i64,
    /// What it is about, as REST answers it, and the name of that; none where there is nothing of it any more.
    pub data: Option<(String, Value)>,
}

impl Envelope<'_> {
    /// The message.
    pub fn json(self) -> Vec<u8> {
        let mut event = Map::new();
        let mut say = |name: &str, value: &str| event.insert(name.to_owned(), value.into());
        say("specversion", "1.0");
        say("id", self.id);
        say("source", self.source);
        say("type", self.kind);
        say("subject", self.subject);
        say("time", self.time);
        // Text, because CloudEvents' whole numbers have 32 bits; and because REST has whole numbers of 64 bits so.
        say("position", &self.position.to_string());
        if let Some((schema, data)) = self.data {
            event.insert("datacontenttype".to_owned(), "application/json".into());
            event.insert("dataschema".to_owned(), schema.into());
            event.insert("data".to_owned(), data);
        }
        Value::Object(event).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(data: Option<(String, Value)>) -> Value {
        let envelope = Envelope {
            id: "evt_1",
            source: "/feira",
            kind: "order.paid",
            subject: "ord_1",
            time: "2026-03-01T10:00:00Z",
            position: i64::MAX,
            data,
        };
        serde_json::from_slice(&envelope.json()).unwrap()
    }

    #[test]
    fn it_has_what_is_required_and_says_what_its_data_is() {
        let whole = json!({
            "specversion": "1.0", "id": "evt_1", "source": "/feira", "type": "order.paid", "subject": "ord_1",
            "time": "2026-03-01T10:00:00Z", "position": "9223372036854775807",
            "datacontenttype": "application/json", "dataschema": "type.googleapis.com/feira.order.v1.Order",
            "data": {"id": "ord_1"},
        });
        let order = ("type.googleapis.com/feira.order.v1.Order".to_owned(), json!({"id": "ord_1"}));
        assert_eq!(read(Some(order)), whole);
        let without = read(None);
        assert!(without.get("data").is_none() && without.get("datacontenttype").is_none());
    }
}
