//! What the contract shows.

use contracts::event::Event;

use crate::{remote::Contents, store::event};

/// An event, with what it is about.
pub fn event(event: &event::Model, contents: &Contents) -> Event {
    Event {
        id: event.id.to_string(),
        r#type: event.kind.clone(),
        position: event.position,
        subject: event.subject.clone(),
        create_time: Some(event.create_time.into()),
        data: contents.of(event).cloned(),
    }
}
