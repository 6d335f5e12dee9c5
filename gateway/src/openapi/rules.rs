//! `buf.validate` rules as JSON Schema. Read by name: a contract without them has none.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, OneofDescriptor, Value};
use serde_json::{Map, Value as Json, json};

use super::{pattern, well_known::NOT_BELOW_ZERO};
use crate::annotation;

/// Whole numbers above zero that are strings.
const ABOVE_ZERO: &str = "^[1-9][0-9]*$";

/// What the rules of a field say.
#[derive(Debug, Default)]
pub struct Rules {
    /// It must be given: it says so, by its rules or by proto2's `required`, or what counts where nothing is given breaks the others.
    pub required: bool,
    /// Keywords of its schema.
    pub keywords: Map<String, Json>,
    /// Keywords of its elements' schema.
    pub items: Map<String, Json>,
    /// What no keyword can say.
    pub notes: Vec<String>,
    /// The bounds of a number, also where no keyword can say them.
    pub bounds: (Option<i128>, Option<i128>),
}

/// The rules of a field.
pub fn of(field: &FieldDescriptor) -> Rules {
    let mut rules = Rules::default();
    if let Some(message) = annotation::message(&field.options(), field.parent_pool(), "buf.validate.field") {
        read(&message, &mut rules, field);
    }
    known(field, &mut rules);
    rules.required |= field.is_required();
    if rules.required && !field.supports_presence() {
        refuse_zero(field, &mut rules);
    }
    if !field.supports_presence() && refuses_default(&rules, field) {
        rules.required = true;
    }
    rules
}

/// What must be given, and cannot be absent, is not its type's zero.
fn refuse_zero(field: &FieldDescriptor, rules: &mut Rules) {
    match field.kind() {
        _ if field.is_list() || field.is_map() => _ = rules.keywords.entry("minItems").or_insert(json!(1)),
        Kind::String => _ = rules.keywords.entry("minLength").or_insert(json!(1)),
        Kind::Enum(values) => {
            let names = values.values().filter(|value| value.number() != 0);
            let names: Vec<_> = names.map(|value| value.name().to_owned()).collect();
            rules.keywords.entry("enum").or_insert(json!(names));
        }
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
            rules.keywords.insert("not".to_owned(), json!({"const": 0}));
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            rules.keywords.insert("pattern".to_owned(), json!("^-?[1-9][0-9]*$"));
        }
        Kind::Uint64 | Kind::Fixed64 => {
            rules.keywords.insert("pattern".to_owned(), json!(ABOVE_ZERO));
        }
        _ => {}
    }
}

/// Rules that hold unasked.
fn known(field: &FieldDescriptor, rules: &mut Rules) {
    match field.full_name() {
        "google.type.Money.currency_code" => {
            rules.keywords.insert("pattern".to_owned(), json!("^[A-Z]{3}$"));
        }
        "google.type.Money.nanos" => {
            rules.keywords.insert("minimum".to_owned(), json!(-999_999_999));
            rules.keywords.insert("maximum".to_owned(), json!(999_999_999));
        }
        _ => {}
    }
}

/// Whether a field may not have the value that it has where it is not given.
fn refuses_default(rules: &Rules, field: &FieldDescriptor) -> bool {
    let keyword = |name: &str| rules.keywords.get(name);
    if field.is_list() || field.is_map() {
        return keyword("minItems").is_some_and(|least| *least != json!(0));
    }
    let default = match field.kind() {
        Kind::String => json!(""),
        Kind::Enum(values) => json!(values.default_value().name()),
        _ => json!(0),
    };
    let chosen = keyword("enum").and_then(Json::as_array).is_some_and(|choices| !choices.contains(&default));
    let pattern = keyword("pattern").and_then(Json::as_str);
    let empty = field.kind() == Kind::String
        && (keyword("minLength").is_some_and(|least| *least != json!(0))
            || keyword("format").is_some()
            || pattern.is_some_and(|pattern| !pattern::admits_nothing(pattern)));
    let (least, most) = rules.bounds;
    let outside = least.is_some_and(|least| least > 0) || most.is_some_and(|most| most < 0);
    chosen || empty || outside || keyword("const").is_some_and(|only| *only != default)
}

/// Whether one field of a oneof must be given.
pub fn oneof_required(oneof: &OneofDescriptor) -> bool {
    annotation::message(&oneof.options(), oneof.parent_pool(), "buf.validate.oneof")
        .is_some_and(|rules| annotation::flag(&rules, "required"))
}

fn read(message: &DynamicMessage, rules: &mut Rules, field: &FieldDescriptor) {
    rules.required = annotation::flag(message, "required");
    let part = |name: &str| match annotation::set(message, name) {
        Some(Value::Message(part)) => Some(part),
        _ => None,
    };
    if let Some(string) = part("string") {
        text(&string, &mut rules.keywords);
    } else if let Some(number) = part("int32").or_else(|| part("uint32")).or_else(|| part("double")) {
        rules.bounds = range(&number, |keyword, value| {
            rules.keywords.insert(keyword.to_owned(), json!(value));
        });
    } else if let Some(number) = part("int64").or_else(|| part("uint64")) {
        // These are strings in JSON, which have no range.
        rules.bounds = range(&number, |keyword, value| rules.notes.push(in_words(keyword, value)));
        match rules.bounds.0 {
            Some(0) => _ = rules.keywords.insert("pattern".to_owned(), json!(NOT_BELOW_ZERO)),
            Some(1..) => _ = rules.keywords.insert("pattern".to_owned(), json!(ABOVE_ZERO)),
            _ => {}
        }
    } else if let Some(values) = part("enum") {
        enumeration(&values, &mut rules.keywords, field);
    } else if let Some(list) = part("repeated") {
        count(&list, "min_items", "minItems", &mut rules.keywords);
        count(&list, "max_items", "maxItems", &mut rules.keywords);
        if annotation::flag(&list, "unique") {
            rules.keywords.insert("uniqueItems".to_owned(), json!(true));
        }
        if let Some(Value::Message(items)) = annotation::set(&list, "items") {
            let mut inner = Rules::default();
            read(&items, &mut inner, field);
            rules.items = inner.keywords;
            rules.notes.extend(inner.notes);
        }
    }
}

fn text(rules: &DynamicMessage, keywords: &mut Map<String, Json>) {
    count(rules, "min_len", "minLength", keywords);
    count(rules, "max_len", "maxLength", keywords);
    if let Some(Value::String(pattern)) = annotation::set(rules, "pattern") {
        keywords.insert("pattern".to_owned(), json!(portable(&pattern)));
    }
    if let Some(Value::String(only)) = annotation::set(rules, "const") {
        keywords.insert("const".to_owned(), json!(only));
    }
    let choices = annotation::list(rules, "in");
    if !choices.is_empty() {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        if choices.contains(&"") {
            let names: Vec<_> = choices.iter().map(|choice| constant(choice)).collect();
            keywords.insert("x-enum-varnames".to_owned(), json!(names));
        }
        keywords.insert("enum".to_owned(), json!(choices));
    }
    for (name, format) in [("email", "email"), ("uri", "uri"), ("hostname", "hostname"), ("uuid", "uuid")] {
        if annotation::flag(rules, name) {
            keywords.insert("format".to_owned(), json!(format));
        }
    }
}

fn count(rules: &DynamicMessage, name: &str, keyword: &str, keywords: &mut Map<String, Json>) {
    if let Some(count) = annotation::set(rules, name).and_then(|value| value.as_u64()) {
        keywords.insert(keyword.to_owned(), json!(count));
    }
}

/// Tells the bounds of a number by their keywords, and returns the least and the greatest.
fn range(rules: &DynamicMessage, mut found: impl FnMut(&'static str, i128)) -> (Option<i128>, Option<i128>) {
    let mut bounds = (None, None);
    for (name, keyword) in [
        ("gte", "minimum"),
        ("gt", "exclusiveMinimum"),
        ("lte", "maximum"),
        ("lt", "exclusiveMaximum"),
        ("const", "const"),
    ] {
        let value = annotation::set(rules, name);
        let whole = value.and_then(|value| {
            let signed = value.as_i32().map(i128::from).or_else(|| value.as_i64().map(i128::from));
            signed.or_else(|| value.as_u32().map(i128::from)).or_else(|| value.as_u64().map(i128::from))
        });
        let Some(value) = whole else { continue };
        found(keyword, value);
        match keyword {
            "minimum" => bounds.0 = Some(value),
            "exclusiveMinimum" => bounds.0 = Some(value + 1),
            "maximum" => bounds.1 = Some(value),
            "exclusiveMaximum" => bounds.1 = Some(value - 1),
            _ => bounds = (Some(value), Some(value)),
        }
    }
    bounds
}

fn in_words(keyword: &str, value: i128) -> String {
    match keyword {
        "minimum" => format!("At least {value}."),
        "exclusiveMinimum" => format!("More than {value}."),
        "maximum" => format!("At most {value}."),
        "exclusiveMaximum" => format!("Less than {value}."),
        _ => format!("Always {value}."),
    }
}

fn enumeration(rules: &DynamicMessage, keywords: &mut Map<String, Json>, field: &FieldDescriptor) {
    let kind = field.kind();
    let Some(desc) = kind.as_enum() else { return };
    let numbers = |name| annotation::list(rules, name).iter().filter_map(Value::as_i32).collect::<Vec<_>>();
    let (only, never) = (numbers("in"), numbers("not_in"));
    if only.is_empty() && never.is_empty() {
        return;
    }
    let names: Vec<_> = desc
        .values()
        .filter(|value| only.is_empty() || only.contains(&value.number()))
        .filter(|value| !never.contains(&value.number()))
        .map(|value| value.name().to_owned())
        .collect();
    keywords.insert("enum".to_owned(), json!(names));
}

/// What generators call a choice: of an empty one they make no name by themselves.
fn constant(choice: &str) -> String {
    if choice.is_empty() {
        return "EMPTY".to_owned();
    }
    choice.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_ascii_uppercase()
}

/// A pattern without what only some dialects of regular expressions know.
fn portable(pattern: &str) -> String {
    const CONTROLS: &str = r"\u0000-\u001f\u007f-\u009f";
    pattern.replace(r"\P{Cc}", &format!("[^{CONTROLS}]")).replace(r"\p{Cc}", CONTROLS)
}
