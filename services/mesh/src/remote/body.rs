//! The JSON of an event as webhooks are sent it: what it is about as REST has it.

use contracts::event::Event;
use kit::Fault;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};
use serde::Serialize;
use serde_json::Value;

/// The members in their order.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    r#type: &'a str,
    timestamp: &'a Value,
    position: &'a Value,
    subject: &'a str,
    data: &'a Value,
}

/// An event's JSON.
pub fn of(event: &Event) -> Result<Vec<u8>, Fault> {
    let descriptor = contracts::pool().get_message_by_name(&Event::full_name());
    let descriptor = descriptor.ok_or_else(|| Fault::internal("events are in no contract"))?;
    let message =
        DynamicMessage::decode(descriptor, event.encode_to_vec().as_slice()).map_err(Fault::internal)?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let json =
        message.serialize_with_options(serde_json::value::Serializer, &options).map_err(Fault::internal)?;
    let body = Body {
        id: &event.id,
        r#type: &event.r#type,
        timestamp: &json["createTime"],
        position: &json["position"],
        subject: &event.subject,
        data: &json["data"],
    };
    serde_json::to_vec(&body).map_err(Fault::internal)
}

#[cfg(test)]
mod tests {
    use contracts::article::Stock;
    use prost_types::{Any, Timestamp};

    use super::*;

    #[test]
    fn an_event_reads_as_it_does_over_rest() {
        let stock = Stock { article_id: "art_1".into(), free: 7, ..Default::default() };
        let type_url = "type.googleapis.com/feira.article.v1.Stock".to_owned();
        let event = Event {
            id: "evt_1".into(),
            r#type: "stock.changed".into(),
            position: 12,
            subject: "art_1".into(),
            create_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            data: Some(Any { type_url, value: stock.encode_to_vec() }),
        };
        let text = String::from_utf8(of(&event).unwrap()).unwrap();
        let head = r#"{"id":"evt_1","type":"stock.changed","timestamp":"2023-11-14T22:13:20Z","position":"12","subject":"art_1","data":{"#;
        assert!(text.starts_with(head), "{text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["data"]["@type"], "type.googleapis.com/feira.article.v1.Stock");
        assert_eq!((&json["data"]["free"], &json["data"]["sold"]), (&"7".into(), &"0".into()));
        let without = of(&Event { data: None, ..event }).unwrap();
        assert!(String::from_utf8(without).unwrap().ends_with(r#""data":null}"#));
    }
}
