//! What types are called in the document: short where that is unambiguous, and by one name for each form that a
//! message has there.

use std::collections::{BTreeSet, HashMap};

use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};

use super::{schema::Part, types::Types};

/// The names of a document's types.
#[derive(Default)]
pub struct Names {
    /// What types are called in full.
    types: Types,
    /// What each type is called.
    plain: HashMap<String, String>,
    /// The types that answers are made of: they may get more fields, so their readers must not mind.
    answered: BTreeSet<String>,
    /// What each form of a message is called, by its full name.
    forms: HashMap<(String, Form), String>,
    /// All names so far.
    taken: BTreeSet<String>,
}

/// The forms of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    Answer,
    Request,
    Update,
    /// Without these fields.
    Without(BTreeSet<u32>),
}

impl Names {
    /// Names the types that requests and answers reach.
    pub fn new(requests: &[&MessageDescriptor], answers: &[&MessageDescriptor]) -> Self {
        let types = Types::of(requests.iter().chain(answers).map(|message| message.parent_pool()));
        let answered = reachable(&types, answers);
        let full_names: BTreeSet<_> = reachable(&types, requests).union(&answered).cloned().collect();
        let short = |full: &str| full.rsplit('.').next().unwrap_or_default().to_owned();
        let mut counts: HashMap<String, usize> = HashMap::new();
        for full in &full_names {
            *counts.entry(short(full)).or_default() += 1;
        }
        let plain: HashMap<_, _> = full_names
            .into_iter()
            .map(|full| match short(&full) {
                // `Error` is what failures look like.
                short if counts.get(&short) == Some(&1) && short != "Error" => (full, short),
                _ => (full.clone(), full),
            })
            .collect();
        let taken = plain.values().cloned().collect();
        Self { types, plain, answered, forms: HashMap::new(), taken }
    }

    /// What an enum is called.
    pub fn of_enum(&self, values: &EnumDescriptor) -> String {
        self.plain(&self.types.name(values.parent_pool(), values.full_name()))
    }

    fn plain(&self, full: &str) -> String {
        self.plain.get(full).cloned().unwrap_or_else(|| full.to_owned())
    }

    /// What a part of a message is called. What is answered has the plain name, and so has what is only sent: what is
    /// answered is more than what may be sent, and less is required of it.
    pub fn of(&mut self, message: &MessageDescriptor, part: Part<'_>) -> String {
        let full = self.types.name(message.parent_pool(), message.full_name());
        let plain = self.plain(&full);
        let form = match part {
            Part::Answer => Form::Answer,
            Part::Without(set) if !set.is_empty() => Form::Without(set.clone()),
            Part::Request | Part::Without(_) => Form::Request,
            Part::Update => Form::Update,
        };
        let wanted = match &form {
            Form::Answer => return plain,
            Form::Request if !self.answered.contains(&full) => return plain,
            Form::Request => format!("{plain}Input"),
            Form::Update => format!("{plain}Update"),
            Form::Without(_) => format!("{}Body", plain.strip_suffix("Request").unwrap_or(&plain)),
        };
        let key = (full, form);
        if let Some(name) = self.forms.get(&key) {
            return name.clone();
        }
        // A contract may call a type of its own so, or have the message by several paths.
        let numbered = (2..).map(|number| format!("{wanted}{number}"));
        let mut free =
            std::iter::once(wanted.clone()).chain(numbered).filter(|name| !self.taken.contains(name));
        let name = free.next().unwrap_or(wanted);
        self.taken.insert(name.clone());
        self.forms.insert(key, name.clone());
        name
    }
}

/// The messages and enums that some messages are made of, and these themselves.
fn reachable(types: &Types, roots: &[&MessageDescriptor]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<MessageDescriptor> = roots.iter().map(|root| (*root).clone()).collect();
    while let Some(message) = queue.pop() {
        if !found.insert(types.name(message.parent_pool(), message.full_name())) {
            continue;
        }
        for field in message.fields() {
            match field.kind() {
                Kind::Message(next) => queue.push(next),
                Kind::Enum(next) => {
                    found.insert(types.name(next.parent_pool(), next.full_name()));
                }
                _ => {}
            }
        }
    }
    found
}
