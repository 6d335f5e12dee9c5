//! The idempotency key of a call.

use std::sync::Arc;

use tonic::metadata::MetadataMap;

use crate::{
    Fault,
    headers::{self, IDEMPOTENCY_KEY},
};

/// The key that metadata have: 1 to 255 visible ASCII characters, given once.
pub(super) fn idempotency_key(metadata: &MetadataMap) -> Result<Option<Arc<str>>, Fault> {
    let bad = |problem| Err(Fault::invalid(IDEMPOTENCY_KEY, problem));
    let mut keys = metadata.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return bad("must be given once");
    }
    match key.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) && headers::is_visible(text) => Ok(Some(Arc::from(text))),
        _ => bad("must be 1 to 255 visible ASCII characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_is_given_once_and_visible() {
        let mut metadata = MetadataMap::new();
        assert_eq!(idempotency_key(&metadata).unwrap(), None);
        metadata.insert(IDEMPOTENCY_KEY, "a-1".parse().unwrap());
        assert_eq!(idempotency_key(&metadata).unwrap().as_deref(), Some("a-1"));
        metadata.append(IDEMPOTENCY_KEY, "a-2".parse().unwrap());
        assert!(idempotency_key(&metadata).is_err());
        for bad in ["", "a b", &"x".repeat(256)] {
            metadata.insert(IDEMPOTENCY_KEY, bad.parse().unwrap());
            assert!(idempotency_key(&metadata).is_err(), "{bad}");
        }
    }
}
