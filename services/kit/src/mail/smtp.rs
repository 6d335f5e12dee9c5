//! Mail by SMTP (RFC 5321), in the format of RFC 5322.

use std::time::Duration;

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{Error, PoolConfig, authentication::Credentials, extension::ClientId},
};
use url::Url;

use crate::Secret;

use super::{
    AT_ONCE,
    notifier::{Failure, Mail, Notifier},
};

/// How long the server may take for one command.
const COMMAND: Duration = Duration::from_secs(30);
/// How long a whole mail may take: less than its claim lasts.
const WHOLE: Duration = Duration::from_secs(60);
/// Answers that are about us, not about the mail: sign in first, wrong password, too weak (RFC 4954).
const SIGN_IN: [u16; 4] = [530, 534, 535, 538];
/// The longest name that goes into a header, in characters.
const LONGEST_NAME: usize = 100;

/// A mail server.
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// A server by its URL, which is connected to when there is something to send.
    pub fn new(url: &Url, login: Option<(String, Secret)>, from: Mailbox) -> Result<Self, String> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(|problem| format!("--smtp-url: {problem}"))?
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(COMMAND))
            .pool_config(PoolConfig::new().max_size(AT_ONCE as u32));
        let server = match login {
            Some((user, password)) => {
                server.credentials(Credentials::new(user, password.expose().to_owned()))
            }
            None => server,
        };
        Ok(Self { server: server.build(), from })
    }

    fn message(&self, mail: &Mail) -> Result<Message, String> {
        let address: Address = mail.address.parse().map_err(|_| "the address is none".to_owned())?;
        // RFC 3834: a machine writes, let no machine answer.
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(in_a_header(&mail.name), address))
            .subject(mail.subject.clone())
            .date(mail.date)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| error.to_string())
    }
}

/// A name as it may stand in a header: one line, no link, without what controls terminals, and not endless.
fn in_a_header(name: &str) -> Option<String> {
    let name: String = super::plain::plain(name).chars().take(LONGEST_NAME).collect();
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[async_trait::async_trait]
impl Notifier for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), Failure> {
        let message = self.message(mail).map_err(Failure::Final)?;
        match tokio::time::timeout(WHOLE, self.server.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Passing("the mail server took too long".to_owned())),
        }
    }

    async fn reach(&self) -> Result<(), String> {
        match self.server.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("it does not answer as a mail server".to_owned()),
            Err(error) => Err(failure(&error).to_string()),
        }
    }

    fn is_remote(&self) -> bool {
        true
    }
}

fn failure(error: &Error) -> Failure {
    let code = error.status().map(u16::from);
    let problem = without_addresses(&match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    });
    match code {
        Some(code) if SIGN_IN.contains(&code) => Failure::Passing(problem),
        _ if error.is_permanent() => Failure::Final(problem),
        _ => Failure::Passing(problem),
    }
}

/// Servers like to repeat whom they refuse; a log is no place for that.
fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains('@') { "…" } else { word });
    words.collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn written(name: &str, subject: &str, text: &str) -> String {
        let url = Url::parse("smtp://localhost").unwrap();
        let from = "Loja <loja@shop.example>".parse().unwrap();
        let smtp = Smtp::new(&url, None, from).unwrap();
        let mail = Mail {
            id: "placed.ord_1.4".to_owned(),
            date: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400),
            name: name.to_owned(),
            address: "ada@home.example".to_owned(),
            subject: subject.to_owned(),
            text: text.to_owned(),
        };
        String::from_utf8(smtp.message(&mail).unwrap().formatted()).unwrap()
    }

    #[tokio::test]
    async fn the_same_mail_always_looks_the_same() {
        let once = written("Ada", "Your order", "Hello\n");
        assert_eq!(once, written("Ada", "Your order", "Hello\n"));
        for line in [
            "From: Loja <loja@shop.example>\r\n",
            "To: Ada <ada@home.example>\r\n",
            "Date: Fri, 02 Jan 1970 00:00:00 +0000\r\n",
            "Message-ID: <placed.ord_1.4@shop.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ] {
            assert!(once.contains(line), "{line} is in:\n{once}");
        }
    }

    #[tokio::test]
    async fn a_name_cannot_write_headers() {
        let tricks = [
            "Ada\r\nBcc: everybody@other.example",
            "Ada\nBcc: everybody@other.example",
            "\"Ada\" <eve@other.example>, \"",
            "Ada\u{2028}Bcc: x@other.example",
            "Inês \u{1b}[31m\r\n\r\nbody",
        ];
        for name in tricks {
            let text = written(name, "Your order", "Hello\n");
            let (headers, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(body, "Hello\r\n", "{name:?}");
            let starts = headers.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
            let names: Vec<&str> = starts.map(|line| line.split(':').next().unwrap()).collect();
            assert!(!names.contains(&"Bcc"), "{name:?}:\n{headers}");
            let parsed = mail_parser::MessageParser::default().parse(text.as_bytes()).unwrap();
            let to: Vec<_> = parsed.to().unwrap().iter().map(|to| to.address().unwrap().to_owned()).collect();
            assert_eq!(to, ["ada@home.example"], "{name:?}");
        }
    }

    #[tokio::test]
    async fn a_name_is_no_link_in_a_header() {
        for (name, read) in [
            ("You won! https://evil.com/?a=1", "You won! https: //evil. com/?a=1"),
            ("evil\u{200d}.com", "evil\u{200d}. com"),
            ("write to x@evil.com", "write to x@ evil. com"),
        ] {
            let text = written(name, "Your order", "Hello\n");
            let parsed = mail_parser::MessageParser::default().parse(text.as_bytes()).unwrap();
            let to = parsed.to().unwrap().first().unwrap();
            assert_eq!((to.name(), to.address()), (Some(read), Some("ada@home.example")));
        }
    }

    #[test]
    fn logs_hear_no_addresses() {
        assert_eq!(
            without_addresses("550 5.1.1 <ada@home.example>: user\nunknown"),
            "550 5.1.1 … user unknown"
        );
    }
}
