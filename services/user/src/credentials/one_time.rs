//! Tokens that are sent by mail: a random id, and an HMAC of it by a key derived from the key file. So the database alone
//! has no token in it, and a mail that is sent again has the same one.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::Secret;
use uuid::Uuid;

use crate::domain::mail::Purpose;

/// Bytes of a tag: 192 bits.
const TAG: usize = 24;

/// Makes and reads them.
pub struct OneTimeTokens(hmac::Key);

impl OneTimeTokens {
    /// By the key file's 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"feira one-time tokens 1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// The token's text.
    pub fn text(&self, purpose: Purpose, id: Uuid) -> Result<Secret, kit::Fault> {
        let mut bytes = id.into_bytes().to_vec();
        let tag = self.tag(purpose, id);
        bytes.extend(tag.as_ref().iter().take(TAG));
        let text = format!("{}{}", purpose.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        text.parse().map_err(kit::Fault::internal)
    }

    /// The id of a token that this house has made for a purpose.
    pub fn read(&self, purpose: Purpose, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(purpose.prefix())?).ok()?;
        let (id, tag) = bytes.split_first_chunk::<16>()?;
        let id = Uuid::from_bytes(*id);
        let expected = self.tag(purpose, id);
        let expected = expected.as_ref().get(..TAG)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(tag, expected).is_ok().then_some(id)
    }

    fn tag(&self, purpose: Purpose, id: Uuid) -> hmac::Tag {
        hmac::sign(&self.0, &[purpose.prefix().as_bytes(), id.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_its_key_for_its_purpose_and_no_other() {
        let (tokens, id) = (OneTimeTokens::new(&[7; 32]), Uuid::now_v7());
        let text = tokens.text(Purpose::ConfirmEmail, id).unwrap();
        let text = text.expose();
        assert_eq!(tokens.read(Purpose::ConfirmEmail, text), Some(id));
        assert_eq!(tokens.read(Purpose::ConfirmEmail, &format!(" {text}\n")), Some(id), "as it is pasted");
        assert_eq!(tokens.read(Purpose::ResetPassword, text), None);
        assert_eq!(tokens.read(Purpose::ResetPassword, &text.replace("fec_", "fpr_")), None);
        assert_eq!(OneTimeTokens::new(&[8; 32]).read(Purpose::ConfirmEmail, text), None);
        for bad in ["", "fec_", "fec_AAAA", &text[..text.len() - 4], &format!("{text}AAAA")] {
            assert_eq!(tokens.read(Purpose::ConfirmEmail, bad), None, "{bad}");
        }
    }
}
