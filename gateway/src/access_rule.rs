//! Access rules of a contract, where it has any.

use prost_reflect::MethodDescriptor;

use crate::annotation;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// The owner, or staff.
    Owner,
    /// Staff.
    Staff,
    /// Administrators.
    Admin,
    /// Other services.
    Mesh,
}

impl Access {
    /// For a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Access::Public => "everybody",
            Access::SignedIn => "everybody who is signed in",
            Access::Owner => "the owner, and staff",
            Access::Staff => "staff",
            Access::Admin => "administrators",
            Access::Mesh => "other services only",
        }
    }
}

/// Reads a method's access rule.
pub fn access(method: &MethodDescriptor) -> Option<Access> {
    let rule = annotation::message(&method.options(), method.parent_pool(), "feira.access.v1.rule")?;
    let number = annotation::set(&rule, "who")?.as_enum_number()?;
    let who = method.parent_pool().get_enum_by_name("feira.access.v1.Who")?.get_value(number)?;
    Some(match who.name() {
        "WHO_PUBLIC" => Access::Public,
        "WHO_SIGNED_IN" => Access::SignedIn,
        "WHO_SELF" => Access::Owner,
        "WHO_STAFF" => Access::Staff,
        "WHO_ADMIN" => Access::Admin,
        "WHO_MESH" => Access::Mesh,
        _ => return None,
    })
}
