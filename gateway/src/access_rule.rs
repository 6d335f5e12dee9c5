//! Access rules of a contract, where it has any.

use prost_reflect::{DynamicMessage, MethodDescriptor};

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
    fn in_words(self) -> &'static str {
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

/// Who may call a method, for a sentence: staff by their permissions.
pub fn in_words(access: Access, method: &MethodDescriptor) -> String {
    let names = permissions(method);
    let staff = match names.as_slice() {
        [] => return access.in_words().to_owned(),
        [only] => format!("the permission {only}"),
        names => format!("one of the permissions {}", names.join(", ")),
    };
    match access {
        Access::Staff | Access::Admin => format!("{} with {staff}", access.in_words()),
        Access::Owner => format!("the owner, and staff with {staff}"),
        // What staff see more of is said where it matters.
        _ => access.in_words().to_owned(),
    }
}

/// Whether a method takes API keys.
pub fn takes_keys(method: &MethodDescriptor) -> bool {
    rule(method).is_none_or(|rule| !annotation::flag(&rule, "no_keys"))
}

fn permissions(method: &MethodDescriptor) -> Vec<String> {
    let kind = method.parent_pool().get_enum_by_name("feira.access.v1.Permission");
    let (Some(rule), Some(kind)) = (rule(method), kind) else { return Vec::new() };
    let numbers = annotation::list(&rule, "permissions");
    let values = numbers.iter().filter_map(|number| kind.get_value(number.as_enum_number()?));
    let name = |text: &str| text.trim_start_matches("PERMISSION_").to_ascii_lowercase();
    values.map(|value| format!("`{}`", name(value.name()))).collect()
}

fn rule(method: &MethodDescriptor) -> Option<DynamicMessage> {
    annotation::message(&method.options(), method.parent_pool(), "feira.access.v1.rule")
}

/// Reads a method's access rule.
pub fn access(method: &MethodDescriptor) -> Option<Access> {
    let rule = rule(method)?;
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
