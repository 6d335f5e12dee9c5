//! What is wrong with a request, and how its sender is told.

use std::{collections::HashMap, error::Error, fmt};

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::Path;
use crate::{
    errors::{DOMAIN, Reason},
    mask::Mask,
};

/// How many violations are reported; the others are counted. Details travel as a header: what is too much for
/// a client is left out where it comes in.
const REPORTED: usize = 250;

/// One thing that is wrong with a request. It never holds a value that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's proto path, such as `lines[0].quantity`.
    pub path: String,
    /// What it must be, such as `must be at least 1`.
    pub description: String,
}

/// Everything that is wrong with a request: the first ones told, the others counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    list: Vec<Violation>,
    more: usize,
    scope: Option<Scope>,
}

/// In an update, the part of the resource that violations count in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    resource: String,
    mask: Mask,
    always: &'static [&'static str],
}

impl Violations {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that what stands at `at` is not what `description` says.
    #[cold]
    pub fn add(&mut self, at: &Path<'_>, description: impl fmt::Display) {
        if self.list.len() >= REPORTED && self.scope.is_none() {
            self.more += 1;
            return;
        }
        let path = at.to_string();
        if self.scope.as_ref().is_some_and(|scope| !scope.covers(&path)) {
            return;
        }
        if self.list.len() < REPORTED {
            self.list.push(Violation { path, description: description.to_string() });
        } else {
            self.more += 1;
        }
    }

    /// While `check` runs on the resource of an update, drops what lies outside `mask`, but not what is
    /// wrong with the fields that `always` names.
    pub(crate) fn masked(
        &mut self,
        resource: &Path<'_>,
        mask: Mask,
        always: &'static [&'static str],
        check: impl FnOnce(&mut Self),
    ) {
        self.scope = Some(Scope { resource: resource.to_string(), mask, always });
        check(self);
        self.scope = None;
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What is wrong, in the order of the fields; not more than 250.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.list.iter()
    }

    /// `Err` if something is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl Scope {
    fn covers(&self, path: &str) -> bool {
        let Some(inside) = path.strip_prefix(&self.resource).and_then(|rest| rest.strip_prefix('.')) else {
            return true;
        };
        self.always.contains(&inside) || self.mask.touches(inside)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.list.first() else {
            return to.write_str("nothing is wrong");
        };
        write!(to, "{}: {}", first.path, first.description)?;
        match self.list.len() - 1 + self.more {
            0 => Ok(()),
            more => write!(to, " (and {more} more)"),
        }
    }
}

impl Error for Violations {}

impl From<Violations> for Status {
    fn from(violations: Violations) -> Self {
        let message = violations.to_string();
        let mut details = ErrorDetails::with_error_info(Reason::Validation.as_str(), DOMAIN, HashMap::new());
        for violation in violations.list {
            details.add_bad_request_violation(violation.path, violation.description);
        }
        Status::with_error_details(Reason::Validation.code(), message, details)
    }
}

/// The refusal of a request that cannot even be read.
#[cold]
pub(crate) fn malformed(error: &prost::DecodeError) -> Status {
    let details = ErrorDetails::with_error_info(Reason::Validation.as_str(), DOMAIN, HashMap::new());
    Status::with_error_details(Reason::Validation.code(), error.to_string(), details)
}
