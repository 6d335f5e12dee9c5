//! How mails to shoppers are sent.

use std::{sync::Arc, time::Duration};

use lettre::message::Mailbox;
use url::Url;

use crate::{Secret, SecretSource, StartError};

use super::{
    notifier::{Log, Notifier},
    smtp::Smtp,
};

crate::secret_setting! {
    /// The password at the mail server.
    pub SmtpPasswordSetting: "smtp-password", "FEIRA_SMTP_PASSWORD", "PASSWORD",
        "Password at the mail server",
        "File whose first line is the password at the mail server";
}

/// Options of the mails to shoppers.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Mail")]
pub struct MailOptions {
    /// Server by which mails to shoppers leave: smtps://HOST, smtp://HOST?tls=required (STARTTLS), or smtp://HOST
    /// without encryption, each with :PORT where that is another than 465, 587 or 25. Without a server the log
    /// says what would have been sent
    #[arg(long, env = "FEIRA_SMTP_URL", value_name = "URL")]
    pub smtp_url: Option<String>,

    /// User name at the mail server
    #[arg(long, env = "FEIRA_SMTP_USER", value_name = "NAME", requires = "smtp_url")]
    pub smtp_user: Option<String>,

    #[command(flatten)]
    pub smtp_password: SecretSource<SmtpPasswordSetting>,

    /// Who writes to shoppers: "Our shop <shop@example.com>"
    #[arg(long, env = "FEIRA_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,

    /// How long a mail is tried before it is given up
    #[arg(long, env = "FEIRA_MAIL_GIVE_UP", value_name = "TIME", default_value = "3d", value_parser = crate::some_time)]
    pub mail_give_up: Duration,

    /// Mails to one account within a day at the most, of each service that sends any; 0 is without limit
    #[arg(long, env = "FEIRA_MAILS_PER_DAY", value_name = "COUNT", default_value_t = 100)]
    pub mails_per_day: u32,
}

fn wrong(problem: impl std::fmt::Display) -> StartError {
    StartError::Settings(problem.to_string())
}

impl MailOptions {
    /// Finds what is wrong with the options.
    pub fn check(&self) -> Result<(), StartError> {
        self.notifier().map(|_| ())
    }

    /// The way that the options name.
    pub fn notifier(&self) -> Result<Arc<dyn Notifier>, StartError> {
        // Looked at also where nothing uses them: a file that is not there is a mistake.
        let (from, password) = (self.from()?, self.password()?);
        let Some(url) = &self.smtp_url else {
            return Ok(Arc::new(Log));
        };
        let from = from.ok_or_else(|| wrong("--smtp-url needs --mail-from: who writes to the shoppers"))?;
        let url = self.server(url)?;
        let login = match (&self.smtp_user, password) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            (None, None) => None,
            _ => return Err(wrong("--smtp-user and its password go together: give both or none")),
        };
        if login.is_some() && !is_encrypted(&url) && !is_loopback(&url) {
            return Err(wrong(
                "--smtp-url would send the password for all to read: use smtps:// or ?tls=required",
            ));
        }
        Ok(Arc::new(Smtp::new(&url, login, from).map_err(wrong)?))
    }

    /// Who signs the mails: the sender's name.
    pub fn signature(&self) -> String {
        let from = self.from().ok().flatten();
        from.map_or_else(String::new, |from| from.name.unwrap_or_else(|| from.email.to_string()))
    }

    fn from(&self) -> Result<Option<Mailbox>, StartError> {
        let parse = |text: &String| {
            text.parse().map_err(|problem| wrong(format!("--mail-from {text:?} is no address: {problem}")))
        };
        self.mail_from.as_ref().map(parse).transpose()
    }

    /// The server's URL. It is not repeated in errors: it may hold a password where none belongs.
    fn server(&self, text: &str) -> Result<Url, StartError> {
        let url = Url::parse(text).map_err(|problem| wrong(format!("--smtp-url is no URL: {problem}")))?;
        if !matches!(url.scheme(), "smtp" | "smtps") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("--smtp-url must begin with smtp:// or smtps:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "--smtp-url holds a user or a password: give them by --smtp-user and FEIRA_SMTP_PASSWORD or FEIRA_SMTP_PASSWORD_FILE",
            ));
        }
        let known = match (url.scheme(), url.query()) {
            (_, None) => true,
            ("smtp", Some(query)) => matches!(query, "tls=required" | "tls=opportunistic"),
            _ => false,
        };
        if !known || !matches!(url.path(), "" | "/") {
            return Err(wrong(
                "--smtp-url takes nothing after the host but ?tls=required or ?tls=opportunistic",
            ));
        }
        Ok(url)
    }

    fn password(&self) -> Result<Option<Secret>, StartError> {
        Ok(self.smtp_password.read()?.map(|(_, secret)| secret))
    }
}

fn is_encrypted(url: &Url) -> bool {
    url.scheme() == "smtps" || url.query() == Some("tls=required")
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Of a scheme that it does not know the URL's parser takes an address of four numbers for a name.
        Some(url::Host::Domain(name)) => {
            name == "localhost"
                || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        }
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> MailOptions {
        MailOptions {
            smtp_url: Some(url.to_owned()),
            mail_from: Some("Loja <loja@shop.example>".to_owned()),
            ..Default::default()
        }
    }

    fn problem(options: &MailOptions) -> String {
        match options.notifier() {
            Ok(_) => "none".to_owned(),
            Err(error) => {
                assert_eq!(error.exit(), crate::Exit::Settings);
                error.to_string()
            }
        }
    }

    #[tokio::test]
    async fn servers_are_named_by_url_and_secrets_are_not() {
        for fine in [
            "smtps://mail.example",
            "smtp://mail.example:2525",
            "smtp://mail.example?tls=required",
            "smtp://[::1]:25/",
        ] {
            assert_eq!(problem(&options(fine)), "none", "{fine}");
        }
        for wrong in ["mail.example:25", "http://mail.example", "smtps://", "smtp://h?tls=no", "smtps://h/x"]
        {
            assert_ne!(problem(&options(wrong)), "none", "{wrong}");
        }
        let told = problem(&options("smtps://me:hunter22@mail.example"));
        assert!(told.contains("--smtp-user") && !told.contains("hunter22"), "{told}");
    }

    #[tokio::test]
    async fn a_password_never_travels_for_all_to_read() {
        let with_login = |url: &str| MailOptions {
            smtp_user: Some("me".to_owned()),
            smtp_password: SecretSource::text("hunter22".parse().unwrap()),
            ..options(url)
        };
        assert!(problem(&with_login("smtp://mail.example")).contains("for all to read"));
        assert!(problem(&with_login("smtp://mail.example?tls=opportunistic")).contains("for all to read"));
        for fine in ["smtps://mail.example", "smtp://mail.example?tls=required", "smtp://127.0.0.1:25"] {
            assert_eq!(problem(&with_login(fine)), "none", "{fine}");
        }
        let half = MailOptions { smtp_user: Some("me".to_owned()), ..options("smtps://mail.example") };
        assert!(problem(&half).contains("go together"));
    }

    #[tokio::test]
    async fn who_writes_must_be_an_address() {
        let without = MailOptions { mail_from: None, ..options("smtp://h") };
        assert!(problem(&without).contains("--mail-from"));
        let bad = MailOptions { mail_from: Some("not one".to_owned()), ..options("smtp://h") };
        assert!(problem(&bad).contains("is no address"));
        assert_eq!(options("smtp://h").signature(), "Loja");
    }
}
