//! What a caller takes as an answer: `Accept` and `Accept-Encoding` with their quality values (RFC 9110, 12.4.2
//! and 12.5).

use http::{HeaderMap, HeaderValue, header};

/// A media type or range with its parameters.
pub struct Media {
    /// `type/subtype`, as it was sent.
    pub name: String,
    /// Its parameters before the quality, their names in lower case.
    pub parameters: Vec<(String, String)>,
    /// How much it is wanted, in thousandths; 0 is not at all.
    pub quality: u16,
}

/// How much an answer of some type is wanted: by what quality, and named how precisely. The greater one is it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    /// In thousandths, never 0.
    pub quality: u16,
    /// By its name, not by a range such as `text/*`.
    pub named: bool,
}

impl Media {
    /// Reads one; what is broken in it counts as not there.
    pub fn parse(text: &str) -> Self {
        let mut parts = split(text, ';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_owned();
        let mut media = Self { name, parameters: Vec::new(), quality: 1_000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "q" {
                media.quality = quality(value);
                continue;
            }
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            media.parameters.push((name, quoted.unwrap_or(value).to_owned()));
        }
        media
    }

    /// Whether it is this type.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// How precisely it names a type: 3 by its name, 2 as `text/*`, 1 as `*/*`, 0 not at all.
    fn precision(&self, wanted: &str) -> u8 {
        let kind = |name: &str| name.split('/').next().unwrap_or_default().to_ascii_lowercase();
        match self.name.as_str() {
            _ if self.is(wanted) => 3,
            // `*` alone is none of the RFC's, but what some clients send (Java's).
            "*/*" | "*" => 1,
            range if range.ends_with("/*") && kind(range) == kind(wanted) => 2,
            _ => 0,
        }
    }
}

/// A quality value in thousandths; one that cannot be read is as good as none.
fn quality(text: &str) -> u16 {
    let value = text.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value));
    value.map_or(1_000, |value| (value * 1_000.0).round() as u16)
}

/// What `Accept` lists, in its order.
pub fn ranges(headers: &HeaderMap) -> Vec<Media> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| split(line, ',')).map(Media::parse).collect()
}

/// How much a type is wanted: what names it most precisely counts. `None` where it is not wanted.
pub fn wish(ranges: &[Media], wanted: &str) -> Option<Wish> {
    // The most precise range counts, not the first nor the best (RFC 9110, 12.5.1): `text/csv;q=0, */*` refuses
    // CSV.
    let most = ranges.iter().map(|range| (range.precision(wanted), range.quality)).max()?;
    let (precision, quality) = most;
    (precision > 0 && quality > 0).then_some(Wish { quality, named: precision == 3 })
}

/// The same, of a type that must be named.
pub fn named(ranges: &[Media], wanted: &str) -> Option<u16> {
    wish(ranges, wanted).filter(|wish| wish.named).map(|wish| wish.quality)
}

/// Drops what `Accept-Encoding` says against answers that are not compressed (`identity;q=0`, `*;q=0`). Where no
/// coding is left that we have, an answer as it is serves its caller better than none (12.5.3 lets us choose).
pub fn ignore_refusal_of_identity(headers: &mut HeaderMap) {
    let refuses = |offer: &str| {
        let coding = Media::parse(offer);
        (coding.is("identity") || coding.is("*")) && coding.quality == 0
    };
    let lines: Vec<&str> =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
    let offers = || lines.iter().flat_map(|line| line.split(','));
    if !offers().any(refuses) {
        return;
    }
    let kept = offers().filter(|offer| !refuses(offer)).map(str::trim).collect::<Vec<_>>().join(", ");
    headers.remove(header::ACCEPT_ENCODING);
    if let Ok(kept) = HeaderValue::try_from(kept) {
        headers.insert(header::ACCEPT_ENCODING, kept);
    }
}

/// The parts of a header's value between separators that are not quoted.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wished(accept: &'static str, wanted: &str) -> Option<(u16, bool)> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        wish(&ranges(&headers), wanted).map(|wish| (wish.quality, wish.named))
    }

    #[test]
    fn what_names_a_type_most_precisely_says_how_much_it_is_wanted() {
        assert_eq!(wished("text/csv;q=0.2, */*", "text/csv"), Some((200, true)));
        assert_eq!(wished("text/*;q=0.5, */*;q=0.7", "Text/CSV"), Some((500, false)));
        assert_eq!(wished("text/csv;delimiter=tab;q=0.1, text/csv;Q=0.3", "text/csv"), Some((300, true)));
        assert_eq!(wished("text/csv; q=\"x\"", "text/csv"), Some((1_000, true)));
        for refused in ["text/csv;q=0", "text/csv;q=0.000, */*", "application/json", ""] {
            assert_eq!(wished(refused, "text/csv"), None, "{refused}");
        }
    }

    #[test]
    fn answers_as_they_are_cannot_be_refused() {
        for (sent, kept) in [
            ("identity;q=0", Some("")),
            ("br, *;q=0", Some("br")),
            ("gzip;q=0.5, identity; q=0.0, *;q=0", Some("gzip;q=0.5")),
            ("gzip, identity;q=0.1", None),
        ] {
            let value = HeaderValue::from_static(sent);
            let mut headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            ignore_refusal_of_identity(&mut headers);
            assert_eq!(headers[header::ACCEPT_ENCODING], kept.unwrap_or(sent), "{sent}");
        }
    }
}
