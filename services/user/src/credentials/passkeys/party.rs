//! Whom passkeys are made for: the shop's host, and the origin of its pages.

use url::{Host, Url};
use webauthn_rp::{
    request::{AsciiDomain, RpId},
    response::Origin,
};

/// A host, and the origin that browsers show of it.
#[derive(Debug)]
pub struct Party {
    id: RpId,
    origins: [OwnOrigin; 1],
}

/// An origin, compared to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOrigin(String);

impl PartialEq<Origin<'_>> for OwnOrigin {
    fn eq(&self, other: &Origin<'_>) -> bool {
        self.0 == *other.0
    }
}

impl Party {
    /// Of a shop that is reached by a URL; none where browsers make no passkeys for it: they want `https` and a name, but
    /// for `localhost`.
    pub fn at(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let Host::Domain(host) = url.host()? else { return None };
        let is_local = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !(is_local && url.scheme() == "http") {
            return None;
        }
        let id = RpId::Domain(AsciiDomain::try_from(host.to_owned()).ok()?);
        Some(Self { id, origins: [OwnOrigin(url.origin().ascii_serialization())] })
    }

    /// What authenticators know the shop by.
    pub fn id(&self) -> &RpId {
        &self.id
    }

    /// Where its pages are.
    pub fn origins(&self) -> &[OwnOrigin] {
        &self.origins
    }

    /// The host, and the origin of its pages.
    pub fn names(&self) -> (&str, &str) {
        let [origin] = &self.origins;
        (self.id.as_ref(), &origin.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_belong_to_a_name_that_is_reached_by_tls_and_to_localhost() {
        for (url, names) in [
            ("https://shop.example/api", Some(("shop.example", "https://shop.example"))),
            ("https://Shop.example:8443/", Some(("shop.example", "https://shop.example:8443"))),
            (
                "https://loja.münchen.example",
                Some(("loja.xn--mnchen-3ya.example", "https://loja.xn--mnchen-3ya.example")),
            ),
            ("https://shop.example:443", Some(("shop.example", "https://shop.example"))),
            ("http://localhost:8080", Some(("localhost", "http://localhost:8080"))),
            ("http://shop.localhost", Some(("shop.localhost", "http://shop.localhost"))),
            ("http://shop.example", None),
            ("http://127.0.0.1:8080", None),
            ("https://203.0.113.7", None),
            ("https://[::1]", None),
            ("http://evil-localhost", None),
        ] {
            assert_eq!(Party::at(url).as_ref().map(Party::names), names, "{url}");
        }
    }
}
