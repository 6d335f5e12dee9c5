//! What a postal address must be wherever one is given, beyond what its contract says of its fields.

mod countries;
mod phone;

use contracts::user::Address;

use crate::text::hides_something;

pub use countries::is_country;
pub use phone::is_phone;

/// What is told of a text that hides something.
const HIDDEN: &str = "has characters that are not seen";

/// What is wrong with an address: the field, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress {
    /// Its path within the address.
    pub field: String,
    pub problem: &'static str,
}

/// Refuses an address that nobody could deliver to.
pub fn check(address: &Address) -> Result<(), BadAddress> {
    let bad = |field: &str, problem| Err(BadAddress { field: field.to_owned(), problem });
    let blank = |text: &str| text.trim().is_empty();
    let Address { recipient, postal_code, city, region, .. } = address;
    let names = [("recipient", recipient), ("postal_code", postal_code), ("city", city), ("region", region)];
    if let Some((field, _)) = names.into_iter().find(|(_, text)| hides_something(text)) {
        return bad(field, HIDDEN);
    }
    if let Some(place) = address.lines.iter().position(|line| hides_something(line)) {
        return bad(&format!("lines[{place}]"), HIDDEN);
    }
    if blank(&address.recipient) {
        return bad("recipient", "must not be blank");
    }
    if address.lines.is_empty() {
        return bad("lines", "must not be blank");
    }
    if let Some(place) = address.lines.iter().position(|line| blank(line)) {
        return bad(&format!("lines[{place}]"), "must not be blank");
    }
    if blank(&address.city) {
        return bad("city", "must not be blank");
    }
    if !is_country(&address.country_code) {
        return bad("country_code", "is no country's code");
    }
    if !blank(&address.phone) && !is_phone(&address.phone, &address.country_code) {
        return bad("phone", "is no phone number of that country, nor an international one with + before it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        Address {
            recipient: "Ana".to_owned(),
            lines: vec!["Rua Augusta 1".to_owned()],
            city: "Lisboa".to_owned(),
            country_code: "PT".to_owned(),
            ..Address::default()
        }
    }

    #[test]
    fn each_bad_field_is_named_by_its_path() {
        assert_eq!(check(&address()), Ok(()));
        for (field, bad) in [
            ("recipient", Address { recipient: " \u{a0}".to_owned(), ..address() }),
            ("lines", Address { lines: vec![], ..address() }),
            ("lines[1]", Address { lines: vec!["1".to_owned(), " ".to_owned()], ..address() }),
            ("city", Address { city: String::new(), ..address() }),
            ("country_code", Address { country_code: "XX".to_owned(), ..address() }),
            ("recipient", Address { recipient: "Ana\u{202e}".to_owned(), ..address() }),
            ("lines[0]", Address { lines: vec!["Rua\u{200b} 1".to_owned()], ..address() }),
            ("region", Address { region: "\u{feff}Norte".to_owned(), ..address() }),
            ("phone", Address { phone: "call me".to_owned(), ..address() }),
        ] {
            assert_eq!(check(&bad).unwrap_err().field, field);
        }
    }
}
