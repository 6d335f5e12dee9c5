//! Writes the checks of requests, and the absence of those of answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor, OneofDescriptor};

use super::{
    Refusal,
    bounds::Lists,
    expressions::{Expression, Patterns},
    methods::Methods,
    names, options, updates,
};

/// Messages whose rules proto/src/check/known.rs holds.
pub const KNOWN: &[&str] = &[
    "google.protobuf.Any",
    "google.protobuf.Duration",
    "google.protobuf.Empty",
    "google.protobuf.FieldMask",
    "google.protobuf.Timestamp",
    "google.type.Money",
];

/// Writes `Check` for every request and answer, `Rules` for every message within requests, `Masked` for
/// every update.
pub fn write(pool: &DescriptorPool, methods: &Methods, source: &mut String) -> Result<(), Refusal> {
    refuse_unknown_rules(pool)?;
    let mut patterns = Patterns::default();
    let (mut body, mut lists) = (String::new(), Lists::default());
    for request in methods.requests.values() {
        let update = updates::read(request)?;
        // Within an update only what the mask names must keep to its rules, which the bytes alone do not tell.
        let apart = update.as_ref().map(|update| &update.resource);
        let bounds = lists.of_request(&request.message, apart)?;
        if let Some(update) = &update {
            update.write(&request.message, &mut body);
        }
        write_rules(&request.message, update.as_ref(), &mut patterns, &mut body)?;
        let name = names::message(&request.message);
        let check = if request.row { "Ok(())" } else { "all(self)" };
        let _ = write!(
            body,
            "
impl Check for {name} {{
    const REQUEST: bool = true;
{bounds}
    fn check(&self) -> Result<(), Violations> {{
        {check}
    }}
}}
"
        );
    }
    lists.write(source);
    for message in within_requests(methods)?.values() {
        write_rules(message, None, &mut patterns, &mut body)?;
    }
    for message in methods.answers.values() {
        let name = names::message(message);
        let _ = write!(
            body,
            "
impl Check for {name} {{
    const REQUEST: bool = false;
}}
"
        );
    }
    patterns.write(source);
    source.push_str(&body);
    Ok(())
}

/// Every rule must be one that the generator knows, also in messages that no request holds yet.
fn refuse_unknown_rules(pool: &DescriptorPool) -> Result<(), Refusal> {
    for message in pool.all_messages() {
        options::message(&message)?;
        for oneof in message.oneofs() {
            options::oneof_is_required(&oneof)?;
        }
        for field in message.fields() {
            if options::field(&field)?.rules.is_some() {
                Expression::of(&field, &mut Patterns::default())?;
            }
        }
    }
    Ok(())
}

/// The messages that requests hold, at any depth, requests and known ones aside.
fn within_requests(methods: &Methods) -> Result<BTreeMap<String, MessageDescriptor>, Refusal> {
    let mut within = BTreeMap::new();
    let mut open = methods.requests.values().map(|request| request.message.clone()).collect::<Vec<_>>();
    let mut seen = open.iter().map(|message| message.full_name().to_owned()).collect::<BTreeSet<_>>();
    while let Some(message) = open.pop() {
        for field in message.fields() {
            if options::field(&field)?.output_only {
                continue;
            }
            if field.is_map() {
                return Refusal::new(field.full_name(), "maps in requests cannot be checked yet");
            }
            let Some(inner) = field.kind().as_message().cloned() else {
                continue;
            };
            let name = inner.full_name().to_owned();
            if KNOWN.contains(&name.as_str()) || !seen.insert(name.clone()) {
                continue;
            }
            if inner.package_name() == "google.protobuf" {
                let problem = format_args!("{name} in requests cannot be checked yet");
                return Refusal::new(field.full_name(), problem);
            }
            within.insert(name, inner.clone());
            open.push(inner);
        }
    }
    Ok(within)
}

fn write_rules(
    message: &MessageDescriptor,
    update: Option<&updates::Update>,
    patterns: &mut Patterns,
    source: &mut String,
) -> Result<(), Refusal> {
    let mut statements = String::new();
    let mut oneofs = BTreeSet::new();
    for field in message.fields() {
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        if let Some(oneof) = oneof {
            if oneofs.insert(oneof.name().to_owned()) {
                write_oneof(&oneof, patterns, &mut statements)?;
            }
        } else if let Some(update) = update.filter(|update| update.resource == field) {
            write_resource(update, patterns, &mut statements)?;
        } else if update.is_some() && field.name() == updates::MASK {
            let fields = names::fields_constant(message);
            let check = format!("UpdateMask(const {{ &{fields} }})");
            let _ = writeln!(statements, "        {}", statement(&check, &field));
        } else {
            for check in Expression::of(&field, patterns)?.checks() {
                let _ = writeln!(statements, "        {}", statement(check, &field));
            }
        }
    }
    let name = names::message(message);
    let _ = write!(
        source,
        "
impl Rules for {name} {{
    fn rules(&self, at: &Path<'_>, found: &mut Violations) {{
{statements}    }}
}}
"
    );
    Ok(())
}

/// Runs the check on a field of `self`.
fn statement(check: &str, field: &FieldDescriptor) -> String {
    let (name, member) = (field.name(), names::member(field.name()));
    format!("{check}.check(&self.{member}, &at.field({name:?}), found);")
}

/// The resource of an update: what lies outside the mask does not count, what the path holds must be there.
fn write_resource(
    update: &updates::Update,
    patterns: &mut Patterns,
    statements: &mut String,
) -> Result<(), Refusal> {
    let (name, member) = (update.resource.name(), names::member(update.resource.name()));
    let always = update.always();
    let _ = writeln!(
        statements,
        "        found.masked(&at.field({name:?}), self.mask(), &{always:?}, |found| {{"
    );
    for check in Expression::of(&update.resource, patterns)?.checks() {
        let _ = writeln!(statements, "            {}", statement(check, &update.resource));
    }
    let _ = writeln!(statements, "        }});");
    if !update.bound.is_empty() {
        let _ = writeln!(statements, "        if let Some(resource) = &self.{member} {{");
        for field in &update.bound {
            let (inner, inner_member) = (field.name(), names::member(field.name()));
            let place = format!("at.field({name:?}).field({inner:?})");
            let _ = writeln!(statements, "            Set.check(&resource.{inner_member}, &{place}, found);");
        }
        let _ = writeln!(statements, "        }}");
    }
    Ok(())
}

fn write_oneof(
    oneof: &OneofDescriptor,
    patterns: &mut Patterns,
    statements: &mut String,
) -> Result<(), Refusal> {
    let (path, member) = (names::oneof(oneof), names::member(oneof.name()));
    let _ = writeln!(statements, "        match &self.{member} {{");
    for field in oneof.fields() {
        let (name, variant) = (field.name(), names::variant(&field));
        let checks = Expression::of(&field, patterns)?;
        if let [check] = checks.checks() {
            let call = format!("{check}.check(value, &at.field({name:?}), found)");
            let _ = writeln!(statements, "            Some({path}::{variant}(value)) => {call},");
        } else {
            let _ = writeln!(statements, "            Some({path}::{variant}(_)) => {{}}");
        }
    }
    if options::oneof_is_required(oneof)? {
        let name = oneof.name();
        let fields = oneof.fields().map(|field| field.name().to_owned()).collect::<Vec<_>>().join(", ");
        let call = format!("found.add(&at.field({name:?}), {:?})", format!("one of {fields} is required"));
        let _ = writeln!(statements, "            None => {call},");
    } else {
        let _ = writeln!(statements, "            None => {{}}");
    }
    let _ = writeln!(statements, "        }}");
    Ok(())
}
