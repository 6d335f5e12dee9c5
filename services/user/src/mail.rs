//! What mails to users say: English, plain text, and nothing that a user wrote. Anybody can register somebody else's
//! address.

use kit::{Fault, Secret};

use crate::domain::mail::MailKind;

/// A mail's words.
pub struct Text {
    pub subject: &'static str,
    pub body: String,
}

/// What mails are written with.
#[derive(Debug, Clone, Default)]
pub struct Words {
    /// Who signs.
    pub signature: String,
    /// Where the front end is, for links; without one the token is to be pasted.
    pub public_url: Option<String>,
}

impl Words {
    /// Writes a mail.
    pub fn write(&self, kind: MailKind, token: Option<&Secret>) -> Result<Text, Fault> {
        let with = |token: Option<&Secret>, page: &str, lasts: &str| {
            let token = token.ok_or_else(|| Fault::internal("a mail without its token"))?.expose();
            let link = self.public_url.as_ref().map(|url| url.trim_end_matches('/'));
            // Behind the #, so that it is in no server's log.
            let link = link.map(|url| format!("\n\n  {url}/{page}#{token}\n\nor paste this token there:"));
            Ok::<_, Fault>(format!(
                "{}\n\n  {token}\n\nIt works once, for {lasts}.",
                link.unwrap_or_default()
            ))
        };
        let (subject, text) = match kind {
            MailKind::ConfirmEmail => (
                "Confirm your e-mail address",
                format!(
                    "somebody, you most likely, gave this address for an account with us. Confirm that it is yours:{}\n\n\
                     If it was not you, do nothing: we write no more.",
                    with(token, "confirm-email", "a day")?
                ),
            ),
            MailKind::ResetPassword => (
                "Set a new password",
                format!(
                    "somebody, you most likely, asked for a new password for your account. Set it here:{}\n\n\
                     If it was not you, do nothing: your password stays as it is.",
                    with(token, "reset-password", "half an hour")?
                ),
            ),
            MailKind::EmailChanged => (
                "Your e-mail address was changed",
                "your account has another e-mail address now; this one gets no more mail.".to_owned()
                    + NOT_YOU,
            ),
            MailKind::PasswordChanged => {
                (
                    "Your password was changed",
                    "your account has a new password. Whoever was signed in elsewhere is not any more. API keys may \
                     still count: look at them in your account, and revoke what you do not know."
                        .to_owned()
                        + NOT_YOU,
                )
            }
            MailKind::SecondFactorAdded => (
                "Signing in takes a code now",
                "your account has a second factor now: signing in takes a code of your authenticator."
                    .to_owned()
                    + NOT_YOU,
            ),
            MailKind::SecondFactorRemoved => (
                "Signing in takes no code any more",
                "the second factor of your account was removed: signing in takes the password alone."
                    .to_owned()
                    + NOT_YOU,
            ),
            MailKind::KeyAdded => (
                "Your account has another API key",
                "your account has another API key, or another secret of one: programs that have it act as you until it \
                 is revoked."
                    .to_owned()
                    + NOT_YOU,
            ),
            MailKind::UsernameChanged => (
                "Your username was changed",
                "your account has another username: sign in by that one, or by this e-mail address.".to_owned()
                    + NOT_YOU,
            ),
            MailKind::CodesTried => (
                "Somebody has your password",
                "somebody signed in to your account by your password, and then gave wrong codes of your authenticator until they \
                 were stopped."
                    .to_owned()
                    + NOT_YOU,
            ),
            MailKind::AlreadySetUp => (
                "Look at your account",
                "your address is confirmed. The account has an API key, a passkey or a second factor already, which was set up before. If \
                 it was not you who did, then set a new password by mail, which ends all API keys, remove what is not yours, and tell us."
                    .to_owned(),
            ),
            MailKind::PasskeyAdded => (
                "Your account has another passkey",
                "your account has another passkey: who has it signs in without your password. A new password does not \
                 change that."
                    .to_owned()
                    + NOT_YOURS,
            ),
            MailKind::PasskeyRemoved => (
                "A passkey of your account was removed",
                "a passkey of your account was removed: nobody signs in by it any more.".to_owned() + NOT_YOU,
            ),
            MailKind::WebhookDisabled => (
                "A webhook of the shop was disabled",
                "a webhook took nothing of what it was sent for three days, or said that it is gone: nothing more is sent to \
                 it. Staff's page about webhooks says which one and what it answered. Once its receiver is mended, enable it \
                 there, and send again what it has missed."
                    .to_owned(),
            ),
        };
        let signature = match self.signature.as_str() {
            "" => String::new(),
            signature => format!("\n-- \n{}\n", kit::mail::plain::line(signature)),
        };
        Ok(Text { subject, body: format!("Hello,\n\n{text}\n{signature}") })
    }
}

const NOT_YOU: &str = "\n\nIf it was not you, set a new password at once and tell us.";
const NOT_YOURS: &str =
    "\n\nIf it was not you, remove it where you set how you sign in, set a new password at once and tell us.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_behind_a_link_and_to_be_pasted() {
        let token: Secret = "fec_abc".parse().unwrap();
        let words = Words { signature: "Loja".into(), public_url: Some("https://shop.test/x/".into()) };
        let body = words.write(MailKind::ConfirmEmail, Some(&token)).unwrap().body;
        assert!(body.contains("  https://shop.test/x/confirm-email#fec_abc\n"), "{body}");
        assert!(body.contains("\n  fec_abc\n") && body.ends_with("\n-- \nLoja\n"), "{body}");
        let body = Words::default().write(MailKind::ResetPassword, Some(&token)).unwrap().body;
        assert!(!body.contains('#') && body.contains("\n  fec_abc\n"), "{body}");
        assert!(Words::default().write(MailKind::ResetPassword, None).is_err());
    }
}
