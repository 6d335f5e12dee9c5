//! Entity tags and the conditions that name them (RFC 9110, 8.8.3 and 13.1).
//!
//! A compressed answer is another representation than the plain one, so it has a tag of its own: the plain one's
//! with the ending of its coding. A caller may send any of them back: all mean the same version.
//!
//! A version alone is a tag only where it distinguishes all representations that one URL can have: where the contract
//! says that nothing in the message changes without it (an article's stock does), and the path names the thing by its
//! id (`/users/me` is each caller's own). Elsewhere a digest of the answer follows it: `"2.0c3f…"`.

use std::hash::{DefaultHasher, Hasher as _};

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What the tag of a compressed answer ends with, by its coding.
const ENDINGS: [(&str, &str); 3] = [("gzip", "-gz"), ("br", "-br"), ("zstd", "-zst")];
/// Letters of the digest that follows a version and a dot.
const DIGEST: usize = 16;
/// Tags that one condition may list: each is a try at the service.
const MOST: usize = 16;

/// One entity tag, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Whether it says only that two representations mean the same.
    pub weak: bool,
    /// What is between the quotes.
    pub text: String,
}

/// What `If-Match` or `If-None-Match` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever there is.
    Any,
    /// These.
    Listed(Vec<Tag>),
}

/// The tags of a condition, all its lines together; `Ok(None)` where it is not there. The error says what is wrong
/// with it.
pub fn condition(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, String> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let wrong = |problem: &str| {
        format!("the header `{name}` must be `*` or a list of entity tags in quotes: {problem}")
    };
    // Several lines of a list mean the same as one line (RFC 9110, 5.3).
    let mut text = String::new();
    for line in lines {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(line.to_str().map_err(|_| wrong("it has other than visible ASCII characters"))?);
    }
    if text.trim() == "*" {
        return Ok(Some(Tags::Any));
    }
    let tags = parse(&text).ok_or_else(|| wrong("it is neither"))?;
    match tags.len() {
        0 => Err(wrong("it is empty")),
        1..=MOST => Ok(Some(Tags::Listed(tags))),
        _ => Err(wrong(&format!("it has more than {MOST}"))),
    }
}

/// Reads `"a", W/"b"`: the tags may hold commas, and members of the list may be empty.
fn parse(text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (inner, after) = quoted.strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { weak, text: inner.to_owned() });
        let after = after.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    Some(tags)
}

impl Tag {
    /// The strong tag that a header's value is.
    fn of(value: &HeaderValue) -> Option<String> {
        let text = value.to_str().ok()?;
        let text = text.strip_prefix("W/").unwrap_or(text);
        Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    }

    /// The same, for a comparison that is weak.
    pub fn strong(&self) -> Self {
        Self { weak: false, text: self.text.clone() }
    }

    /// The etags of a service that it can mean, the likeliest first. A weak one means none (13.1.1: the comparison is
    /// strong), nor does one that says nothing; a version
    /// that no service gives stands for that.
    pub fn versions(&self) -> Vec<String> {
        if self.weak || self.text.is_empty() {
            return vec![format!("W/\"{}\"", self.text)];
        }
        // A service's own etag may end as ours do, so what is left without our endings is only the likeliest
        // reading.
        let plain = plain(&self.text);
        let version = version_in(plain.unwrap_or(&self.text));
        [version, plain, Some(&self.text)].into_iter().flatten().map(str::to_owned).collect()
    }
}

/// The text of a tag for this version of a thing; where that does not distinguish all of them, with a digest of what is answered.
pub fn text(version: &str, answer: Option<&[u8]>) -> String {
    let Some(answer) = answer else { return version.to_owned() };
    // Its keys are fixed, so all replicas make the same digest. Another release of Rust may make another: then each
    // reader fetches once more. It guards against no adversary, who would have to forge the service's own answer.
    let mut hasher = DefaultHasher::new();
    hasher.write(answer);
    format!("{version}.{:0DIGEST$x}", hasher.finish())
}

/// The text of a tag without the ending of a coding, if it has one.
fn plain(text: &str) -> Option<&str> {
    ENDINGS.iter().find_map(|(_, ending)| text.strip_suffix(ending))
}

/// The version in the text of a tag that has a digest.
fn version_in(text: &str) -> Option<&str> {
    let (version, digest) = text.rsplit_once('.')?;
    (digest.len() == DIGEST && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(version)
}

/// The version of the thing that has this tag.
pub fn version(tag: &HeaderValue) -> Option<String> {
    let text = Tag::of(tag)?;
    Some(version_in(&text).unwrap_or(&text).to_owned())
}

/// Whether the answer with this tag may be given to a reader who wants only what `If-Match` lists.
pub fn is_wanted(tags: &Tags, etag: Option<&HeaderValue>) -> bool {
    let Tags::Listed(tags) = tags else { return true };
    let etag = etag.filter(|etag| !etag.as_bytes().starts_with(b"W/")).and_then(Tag::of);
    let Some(etag) = etag else { return false };
    let version = version_in(&etag).unwrap_or(&etag);
    let of_it = |text: &str| text == etag || text == version;
    tags.iter().filter(|tag| !tag.weak).any(|tag| of_it(&tag.text) || plain(&tag.text).is_some_and(of_it))
}

/// The tag by which the reader has the answer already: its `If-None-Match` lists it, strong or weak (13.1.2). One
/// that cannot be read is as good as none.
pub fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> Option<HeaderValue> {
    let version = Tag::of(etag)?;
    match condition(headers, &header::IF_NONE_MATCH).ok()?? {
        Tags::Any => Some(etag.clone()),
        Tags::Listed(tags) => {
            let known = tags.iter().map(Tag::strong).find(|tag| tag.versions().contains(&version))?;
            let weak = if etag.as_bytes().starts_with(b"W/") { "W/" } else { "" };
            HeaderValue::try_from(format!("{weak}\"{}\"", known.text)).ok()
        }
    }
}

/// Whether a change of the thing with this tag is not to be made: its version is one that `If-None-Match` lists, by
/// whatever answer its caller knows it.
pub fn is_excluded(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(now) = version(etag) else { return false };
    match condition(headers, &header::IF_NONE_MATCH) {
        Ok(Some(Tags::Any)) => true,
        Ok(Some(Tags::Listed(tags))) => tags.iter().any(|tag| tag.strong().versions().contains(&now)),
        Ok(None) | Err(_) => false,
    }
}

/// Gives a compressed answer a tag of its own.
pub fn tell_compressed(headers: &mut HeaderMap) {
    let Some(coding) = headers.get(header::CONTENT_ENCODING) else { return };
    let Some((_, ending)) = ENDINGS.iter().find(|(name, _)| *coding == *name) else { return };
    let own = headers.get(header::ETAG).and_then(|value| {
        let text = value.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?;
        plain(text).is_none().then(|| HeaderValue::try_from(format!("\"{text}{ending}\"")).ok())?
    });
    if let Some(own) = own {
        headers.insert(header::ETAG, own);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(lines: &[&str]) -> Result<Option<Tags>, String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_str(line).unwrap());
        }
        condition(&headers, &header::IF_MATCH)
    }

    fn tag(weak: bool, text: &str) -> Tag {
        Tag { weak, text: text.to_owned() }
    }

    #[test]
    fn a_condition_is_a_star_or_a_list_of_tags() {
        assert_eq!(tags(&[]), Ok(None));
        assert_eq!(tags(&[" * "]), Ok(Some(Tags::Any)));
        let two = Ok(Some(Tags::Listed(vec![tag(false, "a,b"), tag(true, "c")])));
        for lines in [&["\"a,b\", W/\"c\""][..], &["\"a,b\",,W/\"c\" ,"], &["\"a,b\"", "W/\"c\""]] {
            assert_eq!(tags(lines), two, "{lines:?}");
        }
        for wrong in ["", ",", "a", "\"a", "\"a\" \"b\"", "w/\"a\"", "*, \"a\"", "\"a\";q=1"] {
            assert!(tags(&[wrong]).is_err(), "{wrong}");
        }
        assert!(tags(&[&"\"a\",".repeat(MOST)]).is_ok() && tags(&[&"\"a\",".repeat(MOST + 1)]).is_err());
    }

    #[test]
    fn a_weak_tag_matches_no_version_and_that_of_a_compressed_answer_its_own() {
        assert_eq!(tag(false, "2").versions(), ["2"]);
        assert_eq!(tag(false, "2-gz").versions(), ["2", "2-gz"]);
        assert_eq!(tag(false, "2-zst").versions(), ["2", "2-zst"]);
        assert_eq!(tag(true, "2").versions(), ["W/\"2\""]);
        let listed = |text: &str| tags(&[text]).unwrap().unwrap();
        let etag = HeaderValue::from_static("\"2\"");
        assert!(is_wanted(&listed("\"1\", \"2-gz\""), Some(&etag)) && is_wanted(&Tags::Any, None));
        assert!(!is_wanted(&listed("W/\"2\""), Some(&etag)) && !is_wanted(&listed("\"2\""), None));
    }

    #[test]
    fn a_digest_tells_apart_what_a_version_does_not() {
        let (one, other) = (text("2", Some(b"a")), text("2", Some(b"b")));
        assert!(one != other && one.starts_with("2.") && text("2", None) == "2");
        assert_eq!(tag(false, &format!("{one}-gz")).versions(), ["2", &one, &format!("{one}-gz")]);
        let now = HeaderValue::try_from(format!("\"{one}\"")).unwrap();
        assert_eq!(version(&now).as_deref(), Some("2"));
        let has = |known: &str| {
            let known = HeaderValue::try_from(known).unwrap();
            has_already(&HeaderMap::from_iter([(header::IF_NONE_MATCH, known)]), &now).is_some()
        };
        assert!(has(&format!("W/\"{one}\"")) && has(&format!("\"1\", \"{one}-gz\"")));
        assert!(!has(&format!("\"{other}\"")) && !has("\"2\""));
        let excluded = |known: &str| {
            let known = HeaderValue::try_from(known).unwrap();
            is_excluded(&HeaderMap::from_iter([(header::IF_NONE_MATCH, known)]), &now)
        };
        assert!(excluded("\"2\"") && excluded(&format!("W/\"{other}-gz\"")) && !excluded("\"3\", \"22\""));
        let wanted = |known: &str| is_wanted(&tags(&[&format!("\"{known}\"")]).unwrap().unwrap(), Some(&now));
        assert!(wanted("2") && wanted(&one) && wanted("2-gz") && !wanted(&other) && !wanted("3"));
    }

    #[test]
    fn a_weak_tag_stays_weak() {
        let there = |known: &'static str| {
            let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(known))]);
            has_already(&known, &HeaderValue::from_static("W/\"2\""))
        };
        for known in ["W/\"2\"", "\"2\"", "*"] {
            assert_eq!(there(known).unwrap(), "W/\"2\"", "{known}");
        }
        assert_eq!(there("W/\"3\""), None);
    }

    #[test]
    fn a_compressed_answer_has_a_tag_of_its_own() {
        for (coding, etag, told) in [
            ("", "\"2\"", "\"2\""),
            ("gzip", "\"2\"", "\"2-gz\""),
            ("br", "\"2\"", "\"2-br\""),
            ("zstd", "\"2.x\"", "\"2.x-zst\""),
            ("gzip", "\"2-gz\"", "\"2-gz\""),
            ("br", "W/\"2\"", "W/\"2\""),
        ] {
            let mut headers = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static(etag))]);
            if !coding.is_empty() {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            tell_compressed(&mut headers);
            assert_eq!(headers[header::ETAG], told, "{coding}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
