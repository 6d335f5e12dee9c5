//! Receivers of webhooks: a client that reaches what is public and nothing of the shop's own network.
//!
//! Names are resolved here, and of their addresses only public ones are given to whoever connects: what is checked is what is
//! connected to, whatever the name leads to a moment later. Addresses in URLs pass no resolver, so they are checked before.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
    redirect::Policy,
};
use url::Host;

use crate::domain::{self, Verdict};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the rest of an answer is waited for, once its status has come.
const BODY: Duration = Duration::from_secs(2);
/// How much of an answer is kept.
const KEPT: usize = 4 << 10;
/// How long a connection is kept for the next event.
const KEEP: Duration = Duration::from_secs(10);

/// What came of sending something.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The answer's status; none where there was no answer.
    pub status: Option<u16>,
    /// The beginning of the answer, or what went wrong.
    pub response: String,
    pub verdict: Verdict,
}

/// Sends to receivers; cheap to clone.
#[derive(Clone)]
pub struct Receivers {
    /// Made for the first event that is sent: it reads the system's certificates, which take memory.
    client: Arc<OnceLock<Client>>,
    /// Whether anything is reached, also by http.
    private: bool,
}

impl Receivers {
    /// `private`: addresses of one's own network are reached, too.
    pub fn new(private: bool) -> Self {
        Self { client: Arc::default(), private }
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(KEEP)
            .pool_max_idle_per_host(8)
            .redirect(Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(Public { private: self.private }))
            .build();
        let client = client.map_err(|error| format!("there can be no connections: {error}"))?;
        // Of two that are made at once, one is kept.
        Ok(self.client.get_or_init(|| client))
    }

    /// Reads a URL, if it may be one of a receiver.
    pub fn check(&self, text: &str) -> Result<Url, &'static str> {
        let url: Url = text.parse().map_err(|_| "is no URL")?;
        match url.scheme() {
            "https" => {}
            "http" if self.private => {}
            _ => return Err("must begin with https://"),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must have no user, password or fragment");
        }
        let address: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err("must have a host"),
        };
        if !self.private && address.is_some_and(|address| !domain::is_public(address)) {
            return Err("must lead to a public address");
        }
        Ok(url)
    }

    /// Sends a signed event.
    pub async fn post(&self, url: &str, id: &str, seconds: i64, signature: &str, body: Vec<u8>) -> Sent {
        let refused =
            |problem: String| Sent { status: None, response: problem, verdict: Verdict::Refused(None) };
        let url = match self.check(url) {
            Ok(url) => url,
            Err(problem) => return refused(format!("the URL {problem}")),
        };
        let client = match self.client() {
            Ok(client) => client,
            Err(problem) => return refused(problem),
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("Feira/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return refused(problem(error)),
        };
        let status = response.status().as_u16();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|text| domain::retry_after(text, kit::Clock::system().now()));
        let mut kept = Vec::new();
        // The status has said it all; what follows is shown to whoever looks for the reason.
        let read = async {
            while kept.len() < KEPT
                && let Ok(Some(chunk)) = response.chunk().await
            {
                kept.extend_from_slice(chunk.get(..KEPT - kept.len()).unwrap_or(&chunk));
            }
        };
        let _ = tokio::time::timeout(BODY, read).await;
        Sent { status: Some(status), response: shown(&kept), verdict: Verdict::of(status, asked) }
    }
}

/// What can be shown and stored of an answer.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // PostgreSQL stores no NUL.
    let mut text: String = text.chars().filter(|letter| *letter != '\0').collect();
    while text.len() > KEPT {
        text.pop();
    }
    text
}

/// Why there is no answer, without the URL, whose query may be secret.
fn problem(error: reqwest::Error) -> String {
    let mut text = match &error {
        error if error.is_timeout() => "there was no answer in time".to_owned(),
        error if error.is_connect() => "there is no connection".to_owned(),
        _ => "the connection broke off".to_owned(),
    };
    let error = error.without_url();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(500).collect()
}

/// Why a name is not resolved.
type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Resolves names to what may be reached.
struct Public {
    private: bool,
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let none = found.is_empty();
            let public: Vec<SocketAddr> =
                found.into_iter().filter(|address| private || domain::is_public(address.ip())).collect();
            match (public.is_empty(), none) {
                (false, _) => Ok::<_, Problem>(Box::new(public.into_iter()) as Addrs),
                (true, true) => Err("the host has no address".into()),
                (true, false) => Err("the host leads to no public address".into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_found_by_https_and_is_no_address_of_ones_own() {
        let strict = Receivers::new(false);
        for good in ["https://example.com/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/x"] {
            assert!(strict.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://ana:secret@example.com/",
            "https://example.com/#part",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/latest",
            "https://10.0.0.1/",
        ] {
            assert!(strict.check(bad).is_err(), "{bad}");
        }
        let private = Receivers::new(true);
        assert!(
            private.check("http://127.0.0.1:8080/").is_ok() && private.check("ftp://127.0.0.1/").is_err()
        );
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_followed() {
        let strict = Receivers::new(false);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let sent = strict.post(&url, "evt_1", 7, "v1,x", b"{}".to_vec()).await;
        assert_eq!((sent.status, sent.verdict), (None, Verdict::Refused(None)));
        assert!(sent.response.contains("no public address"), "{}", sent.response);
        let asked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(asked.is_err(), "nobody connected");
    }

    #[test]
    fn what_is_shown_of_an_answer_is_text_and_no_more_than_is_kept() {
        assert_eq!(shown(b"a\0b\xff"), "ab\u{fffd}");
        assert!(shown(&[0xff; KEPT]).len() <= KEPT);
    }
}
