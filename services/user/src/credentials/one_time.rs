//! Tokens that are sent by mail: a random id, and an HMAC of it by a key derived from one of the key file's. So the database alone
//! has no token in it, and a mail that is sent again has the same one.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::Secret;
use uuid::Uuid;

use super::key_file::{Key, KeyFile};
use crate::domain::mail::Purpose;

/// Bytes of a tag: 192 bits.
const TAG: usize = 24;

/// Makes and reads them.
pub struct OneTimeTokens(KeyFile);

impl OneTimeTokens {
    /// By the keys of the key file.
    pub fn new(file: KeyFile) -> Self {
        Self(file)
    }

    /// The token's text.
    pub fn text(&self, purpose: Purpose, id: Uuid) -> Result<Secret, kit::Fault> {
        let mut bytes = id.into_bytes().to_vec();
        let tag = tag(self.0.keys().first(), purpose, id);
        bytes.extend(tag.as_ref().iter().take(TAG));
        let text = format!("{}{}", purpose.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        text.parse().map_err(kit::Fault::internal)
    }

    /// The id of a token that this house has made for a purpose, by a key that is in the file still.
    pub fn read(&self, purpose: Purpose, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(purpose.prefix())?).ok()?;
        let (id, given) = bytes.split_first_chunk::<16>()?;
        let id = Uuid::from_bytes(*id);
        let is_by = |key: &Key| {
            let expected = tag(key, purpose, id);
            let expected = expected.as_ref().get(..TAG);
            expected.is_some_and(|tag| verify_slices_are_equal(given, tag).is_ok())
        };
        self.0.keys().all().iter().any(is_by).then_some(id)
    }
}

fn tag(key: &Key, purpose: Purpose, id: Uuid) -> hmac::Tag {
    hmac::sign(&key.one_time, &[purpose.prefix().as_bytes(), id.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_its_key_for_its_purpose_and_no_other() {
        let by = |keys: &[[u8; 32]]| OneTimeTokens::new(KeyFile::of(keys));
        let (tokens, id) = (by(&[[7; 32]]), Uuid::now_v7());
        let text = tokens.text(Purpose::ConfirmEmail, id).unwrap();
        let text = text.expose();
        assert_eq!(tokens.read(Purpose::ConfirmEmail, text), Some(id));
        assert_eq!(tokens.read(Purpose::ConfirmEmail, &format!(" {text}\n")), Some(id), "as it is pasted");
        assert_eq!(tokens.read(Purpose::ResetPassword, text), None);
        assert_eq!(tokens.read(Purpose::ResetPassword, &text.replace("fec_", "fpr_")), None);
        assert_eq!(by(&[[8; 32]]).read(Purpose::ConfirmEmail, text), None);
        assert_eq!(by(&[[8; 32], [7; 32]]).read(Purpose::ConfirmEmail, text), Some(id), "by the key before");
        for bad in ["", "fec_", "fec_AAAA", &text[..text.len() - 4], &format!("{text}AAAA")] {
            assert_eq!(tokens.read(Purpose::ConfirmEmail, bad), None, "{bad}");
        }
    }
}
