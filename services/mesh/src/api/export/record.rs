//! A resource as a record of an export.

use contracts::mesh::ExportUserResponse;
use kit::Fault;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, SerializeOptions};

/// A resource as REST has it.
pub(super) fn record<M: Message + Name>(kind: &str, message: &M) -> Result<ExportUserResponse, Fault> {
    let descriptor = contracts::pool().get_message_by_name(&M::full_name());
    let descriptor = descriptor.ok_or_else(|| Fault::internal("a resource that is in no contract"))?;
    let message =
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(Fault::internal)?;
    let options = SerializeOptions::new().skip_default_fields(false);
    let json =
        message.serialize_with_options(serde_json::value::Serializer, &options).map_err(Fault::internal)?;
    let record = match value(json).kind {
        Some(prost_types::value::Kind::StructValue(record)) => record,
        _ => return Err(Fault::internal("a resource that is no object")),
    };
    Ok(ExportUserResponse { kind: kind.to_owned(), record: Some(record) })
}

fn value(json: serde_json::Value) -> prost_types::Value {
    use prost_types::{ListValue, Struct, value::Kind};
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        // Whole numbers of 64 bits are strings in JSON of protobuf.
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(value).collect() })
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (name, value(field))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    prost_types::Value { kind: Some(kind) }
}
