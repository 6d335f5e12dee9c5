//! What staff may do: the permissions of the contract (`feira.access.v1.Permission`), and what of it an API key may.

use contracts::access::Permission;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Beside the permissions, what a key may be limited to.
const READ: &str = "read";
const PREFIX: &str = "PERMISSION_";
/// All permissions there are, by their numbers in the contract, which are those of their bits.
const EACH: [Permission; 10] = [
    Permission::Catalogue,
    Permission::Stock,
    Permission::Fulfilment,
    Permission::Adjustments,
    Permission::Payments,
    Permission::Refunds,
    Permission::Customers,
    Permission::Staff,
    Permission::Reports,
    Permission::Operations,
];

/// A name that is of no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no permission")]
pub struct Unknown(String);

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);
    /// What administrators have.
    pub const ALL: Self = Self((1 << 11) - 2);
    /// To manage who is staff, and what they may do.
    pub const STAFF: Self = Self(1 << Permission::Staff as u32);
    /// What the role STAFF has.
    pub const OF_STAFF: Self = Self(Self::ALL.0 & !Self::STAFF.0);

    /// Of one.
    pub fn of(permission: Permission) -> Self {
        Self((1 << permission as u32) & Self::ALL.0)
    }

    /// By names; unknown ones are an error.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Unknown> {
        names.into_iter().try_fold(Self::NONE, |set, name| {
            let one = EACH.into_iter().find(|one| name_of(*one) == name);
            one.map(|one| set.and(Self::of(one))).ok_or_else(|| Unknown(name.to_owned()))
        })
    }

    /// By the bits that a database keeps; those of no permission are left out.
    pub fn of_bits(bits: i64) -> Self {
        Self((bits & i64::from(Self::ALL.0)) as u32)
    }

    /// For a database.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether any is in both.
    pub fn meets(self, other: Self) -> bool {
        !self.within(other).is_empty()
    }

    /// Whether all of these are in the other.
    pub fn are_within(self, other: Self) -> bool {
        self.within(other) == self
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Their names, in the contract's order.
    pub fn names(self) -> Vec<String> {
        EACH.into_iter().filter(|one| self.meets(Self::of(*one))).map(name_of).collect()
    }
}

fn name_of(permission: Permission) -> String {
    permission.as_str_name().trim_start_matches(PREFIX).to_ascii_lowercase()
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A newer user service may know more; what is not known here is asked for nowhere here.
        let names = Vec::<String>::deserialize(deserializer)?;
        let known = names.iter().filter_map(|name| Self::named([name.as_str()]).ok());
        Ok(known.fold(Self::NONE, Self::and))
    }
}

/// What an API key is limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    /// To read whatever its user may read.
    pub read: bool,
    /// To all that these permissions are for.
    pub permissions: Permissions,
}

impl Scopes {
    /// By names: those of permissions, and `read`.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Unknown> {
        let (mut read, mut permissions) = (false, Vec::new());
        for name in names {
            if name == READ { read = true } else { permissions.push(name) }
        }
        Ok(Self { read, permissions: Permissions::named(permissions)? })
    }

    /// By the bits that a database keeps.
    pub fn of_bits(bits: i64) -> Self {
        Self { read: bits & 1 == 1, permissions: Permissions::of_bits(bits) }
    }

    /// For a database.
    pub fn bits(self) -> i64 {
        self.permissions.bits() | i64::from(self.read)
    }

    /// Whether the key may do all that its user may: none is named.
    pub fn are_all(self) -> bool {
        self == Self::default()
    }

    /// Their names, in the contract's order.
    pub fn names(self) -> Vec<String> {
        self.read.then(|| READ.to_owned()).into_iter().chain(self.permissions.names()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_permission_of_the_contract_is_known_by_its_name() {
        let of_contract = contracts::pool().get_enum_by_name("feira.access.v1.Permission").unwrap();
        let names: Vec<String> = of_contract
            .values()
            .filter(|value| value.number() != 0)
            .map(|value| value.name().trim_start_matches(PREFIX).to_ascii_lowercase())
            .collect();
        assert_eq!(Permissions::ALL.names(), names);
        assert!(!Permissions::OF_STAFF.names().contains(&"staff".to_owned()));
        assert_eq!(Permissions::named(["nothing"]), Err(Unknown("nothing".to_owned())));
        assert_eq!(Permissions::of(Permission::Unspecified), Permissions::NONE);
    }

    proptest! {
        #[test]
        fn sets_survive_names_bits_and_tokens(bits in 0_i64..1 << 11) {
            let scopes = Scopes::of_bits(bits);
            let names = scopes.names();
            prop_assert_eq!(Scopes::named(names.iter().map(String::as_str)), Ok(scopes));
            prop_assert_eq!(scopes.bits(), bits);
            let json = serde_json::to_string(&scopes.permissions).unwrap();
            prop_assert_eq!(serde_json::from_str::<Permissions>(&json).unwrap(), scopes.permissions);
        }
    }
}
