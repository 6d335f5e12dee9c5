//! Writes what is known of each reason of a failure: its name on the wire, its code, what its comment says.

use std::fmt::Write as _;

use heck::ToUpperCamelCase as _;
use prost_reflect::{DescriptorPool, EnumValueDescriptor, Value};

use super::Refusal;

const REASON: &str = "feira.errors.v1.Reason";
/// What the names in the contract begin with, as an enum's must.
const PREFIX: &str = "REASON_";
/// What the part of a comment begins with that is for the caller to do.
const REMEDY: &str = "Do: ";

struct Reason {
    variant: String,
    name: String,
    code: String,
    http_status: Option<i32>,
    cause: String,
    remedy: String,
}

/// Writes them; nothing where the contracts have no reasons.
pub fn write(pool: &DescriptorPool, out: &mut String) -> Result<(), Refusal> {
    let Some(all) = pool.get_enum_by_name(REASON) else { return Ok(()) };
    let reasons = all.values().filter(|value| value.number() != 0).map(|value| read(&value));
    let reasons = reasons.collect::<Result<Vec<_>, _>>()?;
    let mut arms = |head: &str, value: &dyn Fn(&Reason) -> String, unspecified: &str| {
        let _ = writeln!(out, "{head} {{\n        match self {{");
        for reason in &reasons {
            let _ = writeln!(out, "            Self::{} => {},", reason.variant, value(reason));
        }
        let _ = writeln!(out, "            Self::Unspecified => {unspecified},\n        }}\n    }}");
    };
    let quoted = |text: &str| format!("{text:?}");
    let mut list = String::new();
    for reason in &reasons {
        let _ = write!(list, "Self::{}, ", reason.variant);
    }
    arms(
        "impl Reason {\n    /// Its name, as it is in `ErrorInfo`.\n    pub const fn as_str(self) -> &'static str",
        &|it| quoted(&it.name),
        "\"\"",
    );
    arms(
        "    /// The code that it comes with.\n    pub const fn code(self) -> Code",
        &|it| format!("Code::{}", it.code),
        "Code::Unknown",
    );
    arms(
        "    /// Its HTTP status, where that is not the code's own.\n    const fn own_http_status(self) -> Option<u16>",
        &|it| format!("{:?}", it.http_status),
        "None",
    );
    arms(
        "    /// What brings it about, and what its `ErrorInfo` tells.\n    pub const fn cause(self) -> &'static str",
        &|it| quoted(&it.cause),
        "\"\"",
    );
    arms(
        "    /// What a caller can do about it.\n    pub const fn remedy(self) -> &'static str",
        &|it| quoted(&it.remedy),
        "\"\"",
    );
    let _ = writeln!(
        out,
        "    /// All reasons, in the order of the contract.\n    pub const ALL: &[Self] = &[{list}];\n}}"
    );
    Ok(())
}

fn read(value: &EnumValueDescriptor) -> Result<Reason, Refusal> {
    let place = value.full_name();
    let Some(name) = value.name().strip_prefix(PREFIX) else {
        return Refusal::new(place, format_args!("does not begin with {PREFIX}"));
    };
    let comment = comment(value);
    let Some((cause, remedy)) = comment.split_once(REMEDY) else {
        return Refusal::new(place, format_args!("its comment says nothing after `{REMEDY}`"));
    };
    let (cause, remedy) = (cause.trim().to_owned(), sentence(remedy.trim()));
    if cause.is_empty() || remedy.is_empty() {
        return Refusal::new(place, "its comment says no cause, or nothing to do about it");
    }
    let option = |name: &str| {
        let options = value.options();
        let found = options.extensions().find(|(it, _)| it.full_name() == format!("feira.errors.v1.{name}"));
        found.map(|(it, value)| (it, value.clone()))
    };
    let code = match option("code") {
        Some((code, Value::EnumNumber(number))) => {
            let known = code.kind().as_enum().and_then(|codes| codes.get_value(number));
            known.map(|code| code.name().to_upper_camel_case())
        }
        _ => None,
    };
    let Some(code) = code else { return Refusal::new(place, "has no code") };
    let http_status = match option("http_status") {
        Some((_, Value::I32(status))) => Some(status),
        _ => None,
    };
    Ok(Reason {
        variant: name.to_upper_camel_case(),
        name: name.to_owned(),
        code,
        http_status,
        cause,
        remedy,
    })
}

/// The same, beginning with a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The comment before a value, its lines joined.
fn comment(value: &EnumValueDescriptor) -> String {
    let parent = value.parent_enum();
    let file = parent.parent_file();
    let source = file.file_descriptor_proto().source_code_info.as_ref();
    let found = source.into_iter().flat_map(|source| &source.location).find(|it| it.path == value.path());
    let lines = found.map(|it| it.leading_comments().lines().map(str::trim)).into_iter().flatten();
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
