//! Turns a field's `buf.validate` rules into the Rust expression of its check.

use std::fmt::Write as _;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use super::{Refusal, options};

/// The checks of one field: expressions with a method `check(value, at, found)`.
#[derive(Default)]
pub struct Expression(Vec<String>);

/// The patterns of the contracts, each once.
#[derive(Default)]
pub struct Patterns(Vec<String>);

/// What `buf.validate.field` says: `required`, and the rules of the field's type.
#[derive(Default)]
struct Parsed {
    required: bool,
    kind: Option<(String, DynamicMessage)>,
}

impl Expression {
    /// The checks of a field; none for what is ignored in requests, or can be anything.
    pub fn of(field: &FieldDescriptor, patterns: &mut Patterns) -> Result<Self, Refusal> {
        let place = field.full_name();
        let options = options::field(field)?;
        let rules = parse(place, options.rules.as_ref())?;
        if options.output_only {
            if options.rules.is_some() {
                return Refusal::new(place, "is OUTPUT_ONLY: requests ignore it, so rules do nothing");
            }
            return Ok(Self::default());
        }
        if field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) {
            if rules.required {
                return Refusal::new(place, "is one of several: only the oneof can be required");
            }
            return element(place, &field.kind(), &rules, false, patterns).map(Self::from_optional);
        }
        if field.is_map() {
            return match options.rules {
                Some(_) => Refusal::new(place, "rules of maps are unknown"),
                None => Ok(Self::default()),
            };
        }
        if field.is_list() {
            return items(field, rules, patterns);
        }
        if !field.supports_presence() {
            return element(place, &field.kind(), &rules, rules.required, patterns).map(Self::from_optional);
        }
        let each = element(place, &field.kind(), &rules, false, patterns)?;
        Ok(Self::from_optional(match (rules.required, each) {
            (true, each) => Some(format!("Present::required({})", each.as_deref().unwrap_or("Anything"))),
            (false, Some(each)) => Some(format!("Present::optional({each})")),
            (false, None) => None,
        }))
    }

    /// The expressions.
    pub fn checks(&self) -> &[String] {
        &self.0
    }

    fn from_optional(check: Option<String>) -> Self {
        Self(check.into_iter().collect())
    }
}

impl Patterns {
    /// The constant of a pattern, which must compile.
    fn constant(&mut self, place: &str, pattern: &str) -> Result<String, Refusal> {
        if let Err(error) = regex::Regex::new(pattern) {
            return Refusal::new(place, format_args!("its pattern is none: {error}"));
        }
        let index = self.0.iter().position(|own| own == pattern).unwrap_or_else(|| {
            self.0.push(pattern.to_owned());
            self.0.len() - 1
        });
        Ok(format!("PATTERN_{index}"))
    }

    /// Writes the constants.
    pub fn write(&self, source: &mut String) {
        for (index, pattern) in self.0.iter().enumerate() {
            let _ = writeln!(source, "static PATTERN_{index}: Pattern = Pattern::new({pattern:?});");
        }
    }
}

fn parse(place: &str, rules: Option<&DynamicMessage>) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::default();
    for (rule, value) in rules.iter().flat_map(|rules| rules.fields()) {
        match (rule.name(), value) {
            ("required", Value::Bool(required)) => parsed.required = *required,
            ("int32" | "int64" | "string" | "enum" | "repeated", Value::Message(rules)) => {
                parsed.kind = Some((rule.name().to_owned(), rules.clone()));
            }
            (name, _) => return Refusal::new(place, format_args!("unknown rule `{name}`")),
        }
    }
    Ok(parsed)
}

/// The check of one value of this kind, if there is anything to check.
fn element(
    place: &str,
    kind: &Kind,
    rules: &Parsed,
    required: bool,
    patterns: &mut Patterns,
) -> Result<Option<String>, Refusal> {
    let (base, type_name) = match kind {
        Kind::String => ("Text", "string"),
        Kind::Int32 => ("Integer", "int32"),
        Kind::Int64 => ("Integer", "int64"),
        Kind::Enum(_) => ("Enumeration", "enum"),
        Kind::Message(_) => ("Nested", "none"),
        _ => ("Set", "none"),
    };
    let mut members = Vec::new();
    if required {
        members.push("required: true".to_owned());
    }
    if let Some((name, rules)) = &rules.kind {
        if name != type_name {
            return Refusal::new(place, format_args!("rules of `{name}` do not fit the field's type"));
        }
        for (rule, value) in rules.fields() {
            members.extend(member(place, kind, rule.name(), value, patterns)?);
        }
        refuse_impossible(place, rules)?;
    }
    Ok(match base {
        "Nested" => Some("Nested".to_owned()),
        "Set" => required.then(|| "Set".to_owned()),
        // Every string is searched for U+0000.
        "Text" if members.is_empty() => Some("Text::ANY".to_owned()),
        _ if members.is_empty() => None,
        _ => Some(format!("{base} {{ {}, ..{base}::ANY }}", members.join(", "))),
    })
}

/// One rule as a member of `Text`, `Integer` or `Enumeration`; none where it asks for nothing.
fn member(
    place: &str,
    kind: &Kind,
    rule: &str,
    value: &Value,
    patterns: &mut Patterns,
) -> Result<Option<String>, Refusal> {
    let is_text = *kind == Kind::String;
    let is_enum = matches!(kind, Kind::Enum(_));
    Ok(match (rule, value) {
        ("const", value) => Some(format!("constant: Some({})", literal(place, kind, value)?)),
        ("in" | "not_in", Value::List(values)) => {
            let values = values.iter().map(|value| literal(place, kind, value));
            let values = values.collect::<Result<Vec<_>, _>>()?.join(", ");
            let name = if rule == "in" { "within" } else { rule };
            Some(format!("{name}: &[{values}]"))
        }
        ("min_len", Value::U64(length)) if is_text => Some(format!("min: Some({length})")),
        ("max_len", Value::U64(length)) if is_text => Some(format!("max: Some({length})")),
        ("pattern", Value::String(pattern)) if is_text => {
            Some(format!("pattern: Some(&{})", patterns.constant(place, pattern)?))
        }
        ("email" | "uri", Value::Bool(asked)) if is_text => asked.then(|| format!("{rule}: true")),
        ("defined_only", Value::Bool(asked)) if is_enum => asked.then(|| {
            let values = kind.as_enum().into_iter().flat_map(|it| it.values().collect::<Vec<_>>());
            let numbers = values.map(|value| value.number().to_string()).collect::<Vec<_>>();
            format!("defined_only: &[{}]", numbers.join(", "))
        }),
        ("lt" | "lte" | "gt" | "gte", value) if !is_text && !is_enum => {
            Some(format!("{rule}: Some({})", literal(place, kind, value)?))
        }
        _ => return Refusal::new(place, format_args!("unknown rule `{rule}`")),
    })
}

/// The check of a repeated field.
fn items(field: &FieldDescriptor, rules: Parsed, patterns: &mut Patterns) -> Result<Expression, Refusal> {
    let place = field.full_name();
    let mut members = Vec::new();
    let mut distinct = false;
    let mut each = Parsed::default();
    if rules.required {
        members.push("required: true".to_owned());
    }
    if let Some((name, rules)) = rules.kind {
        if name != "repeated" {
            return Refusal::new(place, format_args!("rules of `{name}` on a repeated field"));
        }
        refuse_impossible(place, &rules)?;
        for (rule, value) in rules.fields() {
            match (rule.name(), value) {
                ("min_items", Value::U64(number)) => members.push(format!("min: {number}")),
                ("max_items", Value::U64(number)) => members.push(format!("max: {number}")),
                ("unique", Value::Bool(unique)) => distinct = *unique,
                ("items", Value::Message(items)) => each = parse(place, Some(items))?,
                (name, _) => return Refusal::new(place, format_args!("unknown rule `{name}`")),
            }
        }
    }
    if each.required {
        return Refusal::new(place, "an item is always there: it cannot be required");
    }
    if distinct && matches!(field.kind(), Kind::Message(_) | Kind::Float | Kind::Double) {
        return Refusal::new(place, "only items that are plain values can be unique");
    }
    let each = element(place, &field.kind(), &each, false, patterns)?;
    let mut checks = Vec::new();
    if !members.is_empty() || each.is_some() {
        let base = format!("Items::of({})", each.as_deref().unwrap_or("Anything"));
        checks.push(if members.is_empty() {
            base
        } else {
            format!("Items {{ {}, ..{base} }}", members.join(", "))
        });
    }
    if distinct {
        checks.push("Distinct".to_owned());
    }
    Ok(Expression(checks))
}

/// Refuses bounds that no value keeps. (protovalidate reads such bounds as "outside of"; we have no such
/// field, and more likely it is a slip.)
fn refuse_impossible(place: &str, rules: &DynamicMessage) -> Result<(), Refusal> {
    let bound = |name: &str| {
        let set = rules.fields().find(|(rule, _)| rule.name() == name);
        set.and_then(|(_, value)| match value {
            Value::I32(value) => Some(i128::from(*value)),
            Value::I64(value) => Some(i128::from(*value)),
            Value::U64(value) => Some(i128::from(*value)),
            _ => None,
        })
    };
    let least = [bound("gte"), bound("gt").map(|bound| bound + 1), bound("min_len"), bound("min_items")];
    let most = [bound("lte"), bound("lt").map(|bound| bound - 1), bound("max_len"), bound("max_items")];
    match (least.iter().flatten().max(), most.iter().flatten().min()) {
        (Some(least), Some(most)) if least > most => Refusal::new(place, "no value keeps these bounds"),
        _ => Ok(()),
    }
}

/// A value of a rule in Rust. A value of an enum comes with its name.
fn literal(place: &str, kind: &Kind, value: &Value) -> Result<String, Refusal> {
    match (kind, value) {
        (Kind::Enum(of), Value::I32(number)) => match of.get_value(*number) {
            Some(value) => Ok(format!("({number}, {:?})", value.name())),
            None => Refusal::new(place, format_args!("{} has no value {number}", of.full_name())),
        },
        (_, Value::I32(number)) => Ok(number.to_string()),
        (_, Value::I64(number)) => Ok(number.to_string()),
        (_, Value::String(text)) => Ok(format!("{text:?}")),
        _ => Refusal::new(place, "a rule's value is of a strange type"),
    }
}
