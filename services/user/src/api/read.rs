//! Requests, as the domain has them, and what an address must be beyond what the contract says of its fields.

use contracts::{
    Mask,
    user::{Address, Role as WireRole, User},
};
use kit::postal;

use crate::domain::{
    Invalid,
    address::Fields,
    names,
    roles::{Role, RoleSet},
};

/// Characters of a name at most: of a person, a role, a key. The contract says so, too.
pub const NAME_LENGTH: usize = 100;

/// What is to become of a user, as it is stored: the fields that the mask has.
pub fn changes(mut user: User, mask: &Mask) -> Result<User, Invalid> {
    if mask.has("username") {
        names::check_username(&user.username, "user.username")?;
    }
    if mask.has("email") {
        user.email = names::email(&user.email, "user.email")?;
    }
    for (field, name) in [("first_name", &mut user.first_name), ("last_name", &mut user.last_name)] {
        if mask.has(field) {
            *name = names::name(name, &format!("user.{field}"), NAME_LENGTH)?;
        }
    }
    Ok(user)
}

/// A role; none where the number is of none.
pub fn role(number: i32) -> Option<Role> {
    match WireRole::try_from(number).ok()? {
        WireRole::Customer => Some(Role::Customer),
        WireRole::Staff => Some(Role::Staff),
        WireRole::Admin => Some(Role::Admin),
        WireRole::Unspecified => None,
    }
}

/// Roles; numbers that are no roles were refused before.
pub fn roles(numbers: &[i32]) -> RoleSet {
    let has = |wanted: Role| numbers.iter().any(|number| role(*number) == Some(wanted));
    RoleSet { customer: has(Role::Customer), staff: has(Role::Staff), admin: has(Role::Admin) }
}

impl From<Address> for Fields {
    fn from(address: Address) -> Self {
        let Address { recipient, lines, postal_code, city, region, country_code, phone, .. } = address;
        Self { recipient, lines, postal_code, city, region, country_code, phone }
    }
}

impl Fields {
    /// Refuses an address that nobody could deliver to. `field` is its proto path.
    pub fn check(&self, field: &str) -> Result<(), Invalid> {
        let Fields { recipient, lines, postal_code, city, region, country_code, phone } = self.clone();
        let address = Address {
            recipient,
            lines,
            postal_code,
            city,
            region,
            country_code,
            phone,
            ..Address::default()
        };
        postal::check(&address).map_err(|bad| Invalid::new(format!("{field}.{}", bad.field), bad.problem))
    }

    /// These fields with those of `newer` that the mask has.
    #[must_use]
    pub fn changed(self, newer: Fields, mask: &Mask) -> Self {
        let pick = |name: &str, old: String, new: String| if mask.has(name) { new } else { old };
        Self {
            recipient: pick("recipient", self.recipient, newer.recipient),
            lines: if mask.has("lines") { newer.lines } else { self.lines },
            postal_code: pick("postal_code", self.postal_code, newer.postal_code),
            city: pick("city", self.city, newer.city),
            region: pick("region", self.region, newer.region),
            country_code: pick("country_code", self.country_code, newer.country_code),
            phone: pick("phone", self.phone, newer.phone),
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Masked, user::UpdateAddressRequest};

    use proptest::prelude::*;

    use super::*;
    use crate::api::render;

    fn address() -> Address {
        Address {
            recipient: "Ana".to_owned(),
            lines: vec!["Rua Augusta 1".to_owned()],
            postal_code: "1100-048".to_owned(),
            city: "Lisboa".to_owned(),
            country_code: "PT".to_owned(),
            ..Address::default()
        }
    }

    #[test]
    fn each_blank_field_is_named_by_its_path() {
        assert_eq!(Fields::from(address()).check("address"), Ok(()));
        for (field, bad) in [
            ("address.recipient", Address { recipient: " \u{a0}".to_owned(), ..address() }),
            ("address.lines", Address { lines: vec![], ..address() }),
            ("address.lines[1]", Address { lines: vec!["1".to_owned(), " ".to_owned()], ..address() }),
            ("address.city", Address { city: String::new(), ..address() }),
            ("address.country_code", Address { country_code: "XX".to_owned(), ..address() }),
        ] {
            assert_eq!(Fields::from(bad).check("address").unwrap_err().field, field);
        }
    }

    #[test]
    fn an_update_changes_what_it_names_and_nothing_else() {
        let newer = Address { city: "Porto".to_owned(), ..Address::default() };
        let request = UpdateAddressRequest { address: Some(newer.clone()), update_mask: None };
        let changed = Fields::from(address()).changed(newer.into(), &request.mask());
        assert_eq!(changed, Fields { city: "Porto".to_owned(), ..address().into() });
    }

    proptest! {
        #[test]
        fn roles_survive_the_way_to_numbers_and_back(customer: bool, staff: bool, admin: bool) {
            let set = RoleSet { customer, staff, admin };
            let numbers = render::roles(set);
            prop_assert!(numbers.is_sorted());
            prop_assert_eq!(roles(&numbers), set);
        }
    }
}
