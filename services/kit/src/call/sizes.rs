//! How large a request can be that keeps to its rules (`buf.validate`): what is larger need not be read.

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage, Value,
};

/// The largest message or body that is taken at all.
pub const LARGEST: usize = 4 << 20;
/// What every request may have, whatever its rules: room for blanks and for fields that are refused with their names.
const LEAST: usize = 64 << 10;
/// Bytes at most of a character as JSON has it: two escapes of six.
const CHARACTER: usize = 12;
/// Bytes of a text that a pattern bounds.
const BY_PATTERN: usize = 1 << 10;
/// Bytes of what a client sends back as it was answered.
const ANSWERED: usize = 4 << 10;
/// Bytes of a number, a name of an enum's value, a time.
const SCALAR: usize = 64;
const DEPTH: usize = 8;

/// Bytes that a request of this type may have: 64 KiB, or more where its rules allow more, but never more than 4 MiB.
/// Without a rule that bounds it, it is that.
pub fn of(message: &MessageDescriptor) -> usize {
    let rules = Rules::of(message.parent_pool());
    let most = rules.message(message, 0).unwrap_or(LARGEST);
    most.clamp(LEAST, LARGEST).checked_next_power_of_two().unwrap_or(LARGEST)
}

struct Rules {
    field: Option<ExtensionDescriptor>,
    behavior: Option<ExtensionDescriptor>,
}

impl Rules {
    fn of(pool: &DescriptorPool) -> Self {
        Self {
            field: pool.get_extension_by_name("buf.validate.field"),
            behavior: pool.get_extension_by_name("google.api.field_behavior"),
        }
    }

    /// `None` where nothing bounds it.
    fn message(&self, message: &MessageDescriptor, depth: usize) -> Option<usize> {
        match message.full_name() {
            "google.type.Money" => return Some(4 * SCALAR),
            "google.protobuf.FieldMask" => return Some(ANSWERED),
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.Empty" => {
                return Some(SCALAR);
            }
            _ if depth == DEPTH => return None,
            _ => {}
        }
        message.fields().try_fold(2, |sum: usize, field| {
            let one = self.field(&field, depth)?.checked_add(field.json_name().len() + 6)?;
            sum.checked_add(one).filter(|sum| *sum <= LARGEST)
        })
    }

    fn field(&self, field: &FieldDescriptor, depth: usize) -> Option<usize> {
        let rules = self.field.as_ref().map(|rules| field.options().get_extension(rules).into_owned());
        let rules = rules.as_ref().and_then(Value::as_message);
        let within = |name: &str| rules.and_then(|rules| inner(rules, name));
        if field.is_map() {
            return None;
        }
        if field.is_list() {
            let Some(repeated) = within("repeated") else {
                return self.is_answered(field).then_some(ANSWERED);
            };
            let items = inner(&repeated, "items");
            let one = self.one(field, items.as_ref(), depth)?.checked_add(1)?;
            return one.checked_mul(number(&repeated, "max_items")?);
        }
        self.one(field, rules, depth)
    }

    /// One value of a field.
    fn one(&self, field: &FieldDescriptor, rules: Option<&DynamicMessage>, depth: usize) -> Option<usize> {
        match field.kind() {
            Kind::Message(message) => self.message(&message, depth + 1),
            Kind::String => {
                let text = rules.and_then(|rules| inner(rules, "string"));
                let bound = text.and_then(|text| {
                    let characters = number(&text, "max_len").or_else(|| number(&text, "len"));
                    // Whoever allows any length says so by the largest number.
                    let bytes = number(&text, "max_bytes").map(|bytes| bytes.saturating_mul(6));
                    let characters = characters.map(|count| count.saturating_mul(CHARACTER));
                    characters.or(bytes).or_else(|| by_pattern(&text))
                });
                bound.or_else(|| self.is_answered(field).then_some(ANSWERED))
            }
            Kind::Bytes => {
                let bytes = rules.and_then(|rules| inner(rules, "bytes"));
                bytes.and_then(|bytes| number(&bytes, "max_len")).map(|most| most.saturating_mul(2))
            }
            _ => Some(SCALAR),
        }
    }

    /// Whether a field is the service's to fill, so that what comes in it is what was answered.
    fn is_answered(&self, field: &FieldDescriptor) -> bool {
        const OUTPUT_ONLY: i32 = 3;
        if matches!(field.name(), "etag" | "page_token") {
            return true;
        }
        let Some(behavior) = &self.behavior else { return false };
        let options = field.options();
        let given = options.get_extension(behavior);
        given.as_list().is_some_and(|all| all.iter().any(|it| it.as_enum_number() == Some(OUTPUT_ONLY)))
    }
}

fn inner(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    let field = message.descriptor().get_field_by_name(name)?;
    message.has_field(&field).then(|| message.get_field(&field).as_message().cloned())?
}

fn number(message: &DynamicMessage, name: &str) -> Option<usize> {
    let field = message.descriptor().get_field_by_name(name)?;
    let value = message.has_field(&field).then(|| message.get_field(&field).as_u64())?;
    value.and_then(|value| usize::try_from(value).ok())
}

/// A pattern without endless repetition bounds a text, and so does a list of what it may be.
fn by_pattern(text: &DynamicMessage) -> Option<usize> {
    let listed = text.get_field_by_name("in");
    if listed.is_some_and(|listed| listed.as_list().is_some_and(|all| !all.is_empty())) {
        return Some(BY_PATTERN);
    }
    let field = text.descriptor().get_field_by_name("pattern")?;
    let value = text.get_field(&field);
    let pattern = value.as_str().filter(|pattern| pattern.starts_with('^') && pattern.ends_with('$'))?;
    let endless = pattern.contains(['*', '+']) || pattern.contains(",}");
    (!endless).then_some(BY_PATTERN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(name: &str) -> usize {
        of(&contracts::pool().get_message_by_name(name).unwrap())
    }

    #[test]
    fn most_requests_are_small_and_files_are_large() {
        for small in [
            "feira.user.v1.SignInRequest",
            "feira.user.v1.CreateAddressRequest",
            "feira.order.v1.AddLineRequest",
            "feira.payment.v1.RefundPaymentRequest",
            // It has lists that are the service's to fill.
            "feira.user.v1.UpdateUserRequest",
        ] {
            assert_eq!(size(small), LEAST, "{small}");
        }
        let order = size("feira.order.v1.CreateOrderRequest");
        assert!((LEAST..=512 << 10).contains(&order), "{order}");
    }

    #[test]
    fn what_anybody_may_call_is_small_but_for_what_providers_send() {
        let rules = crate::access::Methods::read(contracts::pool()).unwrap();
        let methods = contracts::pool().services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let large = methods.filter(|method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            let public = rules.get(&path).is_some_and(|rule| rule.who == contracts::access::Who::Public);
            public && of(&method.input()) > 512 << 10
        });
        let large = large.map(|method| method.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(large, ["ReceiveProviderEvent"]);
    }

    /// A list becomes parameters of a statement, of which SQLite takes 32,766, others twice as many; and rows of several
    /// columns each.
    #[test]
    fn no_request_has_a_list_that_a_statement_could_not_take() {
        fn lists(
            rules: &Rules,
            message: &MessageDescriptor,
            path: &str,
            depth: usize,
            found: &mut Vec<String>,
        ) {
            let ours = message.full_name().starts_with("feira.");
            for field in message.fields().filter(|_| ours && depth < DEPTH) {
                let here = format!("{path}.{}", field.name());
                let most = || {
                    let options = field.options();
                    let rule = options.get_extension(rules.field.as_ref()?).into_owned();
                    number(&inner(rule.as_message()?, "repeated")?, "max_items")
                };
                if rules.is_answered(&field) {
                    continue;
                }
                if field.is_list() && most().is_none_or(|most| most > 2_000) {
                    found.push(here.clone());
                }
                if let Kind::Message(inside) = field.kind() {
                    lists(rules, &inside, &here, depth + 1, found);
                }
            }
        }
        let (rules, mut found) = (Rules::of(contracts::pool()), Vec::new());
        let services = contracts::pool().services().filter(|it| it.full_name().starts_with("feira."));
        for method in services.flat_map(|service| service.methods().collect::<Vec<_>>()) {
            lists(&rules, &method.input(), method.input().name(), 0, &mut found);
        }
        assert_eq!(found, Vec::<String>::new());
    }

    /// However the rules are read: what the contract lets in fits.
    #[test]
    fn what_keeps_to_the_rules_fits() {
        let text = "\u{1F375}".repeat(5_000);
        let article = serde_json::json!({"description": text, "name": "\u{1F375}".repeat(200)}).to_string();
        assert!(article.len() < size("feira.article.v1.CreateArticleRequest"));
        let line = serde_json::json!({"articleId": "a".repeat(30), "quantity": 1_000}).to_string();
        assert!((line.len() + 1) * 100 < size("feira.order.v1.CreateOrderRequest"));
    }
}
