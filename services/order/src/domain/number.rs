//! The number by which people know an order.

use kit::id::OrderId;

/// Its length.
const LENGTH: usize = 8;

/// The number of an order: the last eight characters of its id, in capitals. Where another order has that already,
/// the order gets another id.
pub fn number_of(id: OrderId) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(LENGTH)..).unwrap_or_default().to_ascii_uppercase()
}

/// Reads a number as people type it: with or without `#` and blanks, in any case, `O` for `0`, `I` or `L` for `1`
/// (numbers have none of these letters, as Crockford's base32 has none). `None` where it can be none.
pub fn read(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('#').unwrap_or(text);
    let number = text.chars().filter(|sign| !matches!(sign, ' ' | '-')).map(|sign| match sign {
        'o' | 'O' => Some('0'),
        'i' | 'I' | 'l' | 'L' => Some('1'),
        'u' | 'U' => None,
        sign => sign.is_ascii_alphanumeric().then(|| sign.to_ascii_uppercase()),
    });
    let number: String = number.collect::<Option<_>>()?;
    (number.len() == LENGTH).then_some(number)
}

#[cfg(test)]
mod tests {
    use kit::id::Id;

    use super::*;

    #[test]
    fn a_number_is_read_as_people_type_it() {
        for text in ["0K1Z9ABC", "ok1z9abc", " #OKIZ 9ABC", "0kLz-9abc"] {
            assert_eq!(read(text).as_deref(), Some("0K1Z9ABC"), "{text}");
        }
        for text in ["", "0K1Z9AB", "0K1Z9ABCD", "0K1Z9AB_", "0K1Z9ABU", "äääääääa"] {
            assert_eq!(read(text), None, "{text}");
        }
        let number = number_of(OrderId::new());
        assert_eq!(read(&number), Some(number));
    }
}
