//! Reads the options of fields and oneofs, and refuses those that nobody would act on.

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, OneofDescriptor, Value};

use super::Refusal;

/// What the options of a field say.
pub struct FieldOptions {
    /// Its `buf.validate` rules.
    pub rules: Option<DynamicMessage>,
    /// Decided by the service: ignored in requests.
    pub output_only: bool,
    /// Set once.
    pub immutable: bool,
    /// Never to be shown: `debug_redact`, or an INPUT_ONLY string or bytes.
    pub secret: bool,
}

/// google.api.FieldBehavior, by number.
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;
const IMMUTABLE: i32 = 5;

/// Reads a field's options.
pub fn field(field: &FieldDescriptor) -> Result<FieldOptions, Refusal> {
    let options = field.options();
    let rules = validate(field.full_name(), &options, "buf.validate.field")?;
    let behaves = |behaviour: i32| {
        options.extensions().any(|(extension, value)| {
            let numbers = value.as_list().unwrap_or_default();
            extension.full_name() == "google.api.field_behavior"
                && numbers.iter().any(|number| number.as_enum_number() == Some(behaviour))
        })
    };
    let redacted = options.get_field_by_name("debug_redact").is_some_and(|value| *value == Value::Bool(true));
    let holds_text = matches!(field.kind(), prost_reflect::Kind::String | prost_reflect::Kind::Bytes);
    Ok(FieldOptions {
        rules,
        output_only: behaves(OUTPUT_ONLY),
        immutable: behaves(IMMUTABLE),
        secret: redacted || (holds_text && behaves(INPUT_ONLY)),
    })
}

/// Whether one of a oneof's fields must be set.
pub fn oneof_is_required(oneof: &OneofDescriptor) -> Result<bool, Refusal> {
    let place = oneof.full_name();
    let Some(rules) = validate(place, &oneof.options(), "buf.validate.oneof")? else {
        return Ok(false);
    };
    let mut required = false;
    for (rule, value) in rules.fields() {
        match rule.name() {
            "required" => required = *value == Value::Bool(true),
            name => return Refusal::new(place, format_args!("unknown rule `{name}` of a oneof")),
        }
    }
    Ok(required)
}

/// Refuses rules of a message as a whole: there are none that we know.
pub fn message(message: &MessageDescriptor) -> Result<(), Refusal> {
    validate(message.full_name(), &message.options(), "").map(|_| ())
}

/// The rules in the extension of this name; any other one of `buf.validate` is refused, as is any option
/// that the contracts' imports do not define.
fn validate(place: &str, options: &DynamicMessage, name: &str) -> Result<Option<DynamicMessage>, Refusal> {
    known(place, options)?;
    let mut rules = None;
    for (extension, value) in options.extensions() {
        if !extension.full_name().starts_with("buf.validate.") {
            continue;
        }
        match value {
            Value::Message(value) if extension.full_name() == name => {
                known(place, value)?;
                rules = Some(value.clone());
            }
            _ => return Refusal::new(place, format_args!("unknown rules ({})", extension.full_name())),
        }
    }
    Ok(rules)
}

/// Refuses options and rules that are there only by number, at any depth.
fn known(place: &str, options: &DynamicMessage) -> Result<(), Refusal> {
    if let Some(unknown) = options.unknown_fields().next() {
        return Refusal::new(place, format_args!("unknown rule or option, number {}", unknown.number()));
    }
    for (_, value) in options.fields() {
        if let Value::Message(inner) = value {
            known(place, inner)?;
        }
    }
    Ok(())
}
