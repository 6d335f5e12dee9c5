//! Where NATS is, and as whom it is called.

use std::path::PathBuf;

use async_nats::ServerAddr;
use kit::Secret;
use percent_encoding::percent_decode_str;
use url::Url;

use super::Problem;

/// Where NATS is, and as whom it is called.
#[derive(Debug, Clone)]
pub struct Address {
    pub(super) servers: Vec<ServerAddr>,
    /// Without who calls: what logs and errors show.
    pub(super) shown: String,
    pub(super) caller: Caller,
    pub(super) credentials: Option<PathBuf>,
    pub(super) authorities: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub(super) enum Caller {
    Anybody,
    User(String, Secret),
    Token(Secret),
}

impl Address {
    /// Reads URLs, separated by commas, of the servers of one cluster: `nats://` or `tls://`, with `USER:PASSWORD@`,
    /// `TOKEN@` or neither.
    pub fn read(
        urls: &Secret,
        credentials: Option<PathBuf>,
        authorities: Option<PathBuf>,
    ) -> Result<Self, Problem> {
        // Never with the text itself: it may hold a password.
        let bad = |what: &str| Problem::BadAddress(format!("the URL of NATS {what}"));
        let (mut servers, mut shown, mut caller) = (Vec::new(), Vec::new(), Caller::Anybody);
        for text in urls.expose().split(',').map(str::trim) {
            let mut url = Url::parse(text).map_err(|_| bad("cannot be read"))?;
            if !["nats", "tls"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
                return Err(bad("must be nats://HOST:PORT or tls://HOST:PORT"));
            }
            if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
                return Err(bad("must end after its port"));
            }
            let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let secret = |text: &str| Secret::of(plain(text));
            match (url.username(), url.password()) {
                ("", None) => {}
                (token, None) => caller = Caller::Token(secret(token)),
                (user, Some(password)) => caller = Caller::User(plain(user), secret(password)),
            }
            let cleared = url.set_username("").and_then(|()| url.set_password(None));
            cleared.map_err(|()| bad("cannot be read"))?;
            shown.push(url.to_string());
            servers.push(ServerAddr::from_url(url).map_err(|_| bad("cannot be read"))?);
        }
        if credentials.is_some() && !matches!(caller, Caller::Anybody) {
            return Err(bad("has a user or token, and there is a file of credentials"));
        }
        Ok(Self { servers, shown: shown.join(","), caller, credentials, authorities })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(urls: &str) -> Result<Address, Problem> {
        Address::read(&Secret::of(urls.to_owned()), None, None)
    }

    #[test]
    fn who_calls_is_read_of_the_url_and_never_shown() {
        let address = read("nats://ana:hunter%4022@a:4222, tls://ana:hunter%4022@b:4223").unwrap();
        assert_eq!((address.shown.as_str(), address.servers.len()), ("nats://a:4222,tls://b:4223", 2));
        let Caller::User(user, password) = &address.caller else { panic!("a user") };
        assert_eq!((user.as_str(), password.expose()), ("ana", "hunter@22"));
        let token = read("nats://hunter22@a").unwrap();
        assert!(matches!(&token.caller, Caller::Token(token) if token.expose() == "hunter22"));
        for address in [address, token, read("nats://a").unwrap()] {
            assert!(!format!("{address:?}").contains("hunter"), "{address:?}");
        }
    }

    #[test]
    fn what_is_no_url_of_nats_is_refused_without_showing_it() {
        for wrong in [
            "hunter22",
            "http://ana:hunter22@a",
            "nats://",
            "nats://ana:hunter22@a/x",
            "nats://a?token=hunter22",
            "",
        ] {
            let problem = read(wrong).unwrap_err().to_string();
            assert!(problem.starts_with("the URL of NATS") && !problem.contains("hunter"), "{problem}");
        }
        let both = Address::read(&Secret::of("nats://hunter22@a".to_owned()), Some("a.creds".into()), None);
        assert!(!both.unwrap_err().to_string().contains("hunter"));
    }
}
