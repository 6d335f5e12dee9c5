//! Columns: where their cells are in a message, and what these look like.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value as Json;

use super::{guard, number};
use crate::{
    draft::Draft,
    fields::dotted,
    json::{self, Tables},
    wire::Raw,
};

const MONEY: &str = "google.type.Money";
/// The one name for units and nanos of money.
pub(super) const AMOUNT: &str = "amount";
/// How far down columns reach; what is deeper is JSON.
const DEPTH_LIMIT: usize = 4;
/// With so many columns the messages that are left are JSON, too: those that hold each other have no end of ways to fields.
const MOST: usize = 1_000;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// The fields down to the cell's; for an amount, to that of the money.
    path: Vec<FieldDescriptor>,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A string: guarded from being taken for a formula.
    Text,
    /// A number, an enum's name, a time, and the like.
    Plain,
    /// An amount of money.
    Amount,
    /// What has no text of its own.
    Json,
}

impl Form {
    fn of(field: &FieldDescriptor) -> Option<Self> {
        match field.kind() {
            _ if field.is_list() || field.is_map() => Some(Form::Json),
            Kind::String => Some(Form::Text),
            Kind::Message(desc) if json::has_text(&desc) => Some(Form::Plain),
            Kind::Message(desc) if json::has_fields(&desc) => None,
            Kind::Message(_) => Some(Form::Json),
            _ => Some(Form::Plain),
        }
    }
}

impl Column {
    /// Every column that a message has, in the order of its fields.
    pub fn all(desc: &MessageDescriptor) -> Vec<Column> {
        let mut columns = Vec::new();
        add(desc, &[], &mut columns);
        columns
    }

    /// The column of a name, whose parts may be in either spelling, and in capitals or not.
    pub fn named(desc: &MessageDescriptor, name: &str) -> Result<Column, String> {
        let mut path: Vec<FieldDescriptor> = Vec::new();
        let mut parts = name.split('.').peekable();
        let mut message = Some(desc.clone());
        while let Some(part) = parts.next() {
            let desc = message.take().ok_or("unknown column")?;
            if desc.full_name() == MONEY
                && part.eq_ignore_ascii_case(AMOUNT)
                && parts.peek().is_none()
                && !path.is_empty()
            {
                return Ok(Column { path, form: Form::Amount });
            }
            let field = field_named(&desc, part).ok_or("unknown column")?;
            if path.len() == DEPTH_LIMIT {
                return Err("lies too deep for a column".to_owned());
            }
            message = match Form::of(&field) {
                None => field.kind().as_message().cloned(),
                Some(_) => None,
            };
            path.push(field);
        }
        match path.last().and_then(Form::of) {
            Some(form) => Ok(Column { path, form }),
            None => Err("is no column; its fields can be".to_owned()),
        }
    }

    /// Its name: the path as in JSON.
    pub fn name(&self) -> String {
        let mut name = self.path.iter().map(FieldDescriptor::json_name).collect::<Vec<_>>().join(".");
        if self.form == Form::Amount {
            name = format!("{name}.{AMOUNT}");
        }
        name
    }

    /// The proto path of its field, for errors.
    pub fn field(&self) -> String {
        match self.form {
            Form::Amount => format!("{}.{AMOUNT}", dotted(&self.path)),
            _ => dotted(&self.path),
        }
    }

    /// Whether its cells can be read only after those of other columns: an amount needs its currency.
    pub fn is_amount(&self) -> bool {
        self.form == Form::Amount
    }

    /// The money that it is a part of, by the fields down to it, and the part's name.
    pub fn of_money(&self) -> Option<(&[FieldDescriptor], &str)> {
        if self.form == Form::Amount {
            return Some((&self.path, AMOUNT));
        }
        let (part, money) = self.path.split_last()?;
        (part.parent_message().full_name() == MONEY && !money.is_empty()).then(|| (money, part.name()))
    }

    /// Sets in a message what a cell says.
    pub fn read(&self, tables: &Tables, cell: &str, message: &mut Draft) -> Result<(), String> {
        if let Some(other) = message.excluded_by(&self.path) {
            return Err(format!("excludes `{}`", other.name()));
        }
        let (target, field) = message.slot(&self.path).ok_or("cannot be set by a cell")?;
        let cell = if self.form == Form::Text { cell } else { cell.trim() };
        let value = match (self.form, field.kind()) {
            (Form::Amount, kind) => {
                let money = target.within(field).ok_or("is no money")?;
                return set_amount(kind.as_message().ok_or("is no money")?, cell, money);
            }
            (Form::Text, _) => tables.field_of_text(field, &guard::unguard(cell))?,
            // Spreadsheets write TRUE and FALSE.
            (Form::Plain, Kind::Bool) => tables.field_of_text(field, &cell.to_ascii_lowercase())?,
            (Form::Plain, kind) => {
                let kind = kind.as_message().map_or(Some(kind.clone()), json::wrapped_kind);
                let is_number = || cell.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let whole = |kind: Kind| is_whole(&kind) || matches!(kind, Kind::Enum(_)) && is_number();
                if kind.is_some_and(whole) {
                    number::whole(cell)?;
                }
                tables.field_of_text(field, cell)?
            }
            (Form::Json, _) => match tables.field_of_json(field, cell.as_bytes()) {
                // Null, or a list of nothing.
                Ok(value) if value.is_empty() => return Ok(()),
                Ok(value) => value,
                Err(json::Error::Syntax(problem)) => return Err(format!("is not JSON: {problem}")),
                Err(json::Error::Field(bad) | json::Error::Rule(bad)) => return Err(bad.description),
            },
        };
        target.set(field, &value);
        Ok(())
    }

    /// The cell of a message's JSON.
    pub fn write(&self, message: &Json) -> String {
        let mut there = Some(message);
        for field in &self.path {
            there = there.and_then(|message| message.get(field.json_name()));
        }
        match (there, self.form) {
            (None | Some(Json::Null), _) => String::new(),
            (Some(money), Form::Amount) => decimal(money),
            (Some(Json::String(text)), Form::Text) => guard::guard(text).into_owned(),
            (Some(Json::String(text)), Form::Plain) => text.clone(),
            (Some(value), Form::Json) => guard::guard_json(&value.to_string()),
            (Some(value), _) => value.to_string(),
        }
    }
}

fn add(desc: &MessageDescriptor, way: &[FieldDescriptor], columns: &mut Vec<Column>) {
    for field in desc.fields() {
        let path = [way, std::slice::from_ref(&field)].concat();
        let kind = field.kind();
        match (Form::of(&field), kind.as_message()) {
            (Some(form), _) => columns.push(Column { path, form }),
            (None, Some(money)) if money.full_name() == MONEY => {
                columns.push(Column { path: path.clone(), form: Form::Amount });
                if let Some(code) = money.get_field_by_name("currency_code") {
                    columns.push(Column { path: [path, vec![code]].concat(), form: Form::Text });
                }
            }
            (None, Some(inner)) if path.len() < DEPTH_LIMIT && columns.len() < MOST => {
                add(inner, &path, columns)
            }
            _ => columns.push(Column { path, form: Form::Json }),
        }
    }
}

/// A message's field of a name; capitals matter only where there is one of exactly that name.
fn field_named(desc: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let exactly = || desc.get_field_by_json_name(name).or_else(|| desc.get_field_by_name(name));
    let alike = |field: &FieldDescriptor| {
        field.json_name().eq_ignore_ascii_case(name) || field.name().eq_ignore_ascii_case(name)
    };
    exactly().or_else(|| desc.fields().find(alike))
}

/// Whether values of a kind are whole numbers.
fn is_whole(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Double
            | Kind::Float
            | Kind::Bool
            | Kind::String
            | Kind::Bytes
            | Kind::Enum(_)
            | Kind::Message(_)
    )
}

/// Sets an amount of money, whose currency is known already.
fn set_amount(desc: &MessageDescriptor, cell: &str, money: &mut Draft) -> Result<(), String> {
    let field = |name: &str| desc.get_field_by_name(name).ok_or("is no money");
    let currency = match money.get(&[field("currency_code")?]) {
        Some(Raw::Bytes(code)) => String::from_utf8_lossy(code).into_owned(),
        _ => String::new(),
    };
    let (units, nanos) = number::amount(cell, &currency)?;
    money.set_whole(&field("units")?, units);
    money.set_whole(&field("nanos")?, nanos.into());
    Ok(())
}

/// Money's units and nanos as a decimal number, with two decimals where it has any.
fn decimal(money: &Json) -> String {
    let number = |name: &str| match money.get(name) {
        Some(Json::String(text)) => text.parse().unwrap_or_default(),
        Some(value) => value.as_i64().unwrap_or_default(),
        None => 0i64,
    };
    let (units, nanos) = (number("units"), number("nanos"));
    let sign = if units < 0 || nanos < 0 { "-" } else { "" };
    let decimals = format!("{:09}", nanos.unsigned_abs());
    let decimals = match decimals.trim_end_matches('0') {
        "" => String::new(),
        some => format!(".{some:0<2}"),
    };
    format!("{sign}{}{decimals}", units.unsigned_abs())
}
