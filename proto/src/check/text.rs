//! The rules of strings: what they can be, of a pattern, an e-mail address, a URI.

use std::{fmt, sync::OnceLock};

use regex::Regex;

use super::{
    Path, Rule, Violations,
    rules::{REQUIRED, counted},
};

/// The rules of a string. None holds U+0000, which PostgreSQL cannot store.
pub(crate) struct Text {
    pub required: bool,
    pub constant: Option<&'static str>,
    /// In Unicode characters, as is `max`; CR LF is one where the pattern takes it for a line break.
    pub min: Option<usize>,
    pub max: Option<usize>,
    pub pattern: Option<&'static Pattern>,
    pub within: &'static [&'static str],
    pub not_in: &'static [&'static str],
    pub email: bool,
    pub uri: bool,
}

impl Text {
    pub const ANY: Self = Self {
        required: false,
        constant: None,
        min: None,
        max: None,
        pattern: None,
        within: &[],
        not_in: &[],
        email: false,
        uri: false,
    };
}

impl Rule<String> for Text {
    fn check(&self, value: &String, at: &Path<'_>, found: &mut Violations) {
        let value = value.as_str();
        if self.required && value.is_empty() {
            return found.add(at, REQUIRED);
        }
        if value.as_bytes().contains(&0) {
            return found.add(at, "must not contain the character U+0000");
        }
        if let Some(constant) = self.constant
            && value != constant
        {
            found.add(at, format_args!("must be `{constant}`"));
        }
        // A character has at least one byte, so most strings need no counting.
        if let Some(max) = self.max
            && value.len() > max
            && self.length(value) > max
        {
            found.add(at, format_args!("must have at most {}", counted(max, "character")));
        }
        if let Some(min) = self.min
            && (value.len() < min || self.length(value) < min)
        {
            found.add(at, format_args!("must have at least {}", counted(min, "character")));
        }
        if let Some(pattern) = self.pattern
            && !pattern.matches(value)
        {
            found.add(at, pattern);
        }
        if !self.within.is_empty() && !self.within.contains(&value) {
            found.add(at, format_args!("must be one of {}", quoted(self.within)));
        }
        if self.not_in.contains(&value) {
            found.add(at, format_args!("must not be one of {}", quoted(self.not_in)));
        }
        if self.email && !is_email(value) {
            found.add(at, "must be an e-mail address");
        }
        if self.uri && !is_uri(value) {
            found.add(at, "must be a URI");
        }
    }
}

impl Text {
    /// How long a string is once its line breaks are kept as one character each.
    fn length(&self, value: &str) -> usize {
        let pairs = match self.pattern {
            Some(pattern) if pattern.takes_pairs() => value.matches("\r\n").count(),
            _ => 0,
        };
        value.chars().count() - pairs
    }
}

/// A pattern of the contract, compiled when it is first needed. `buf.validate` means RE2, whose language the
/// crate `regex` shares; only `\d \s \w` know all of Unicode here.
pub(crate) struct Pattern {
    source: &'static str,
    regex: OnceLock<Regex>,
}

impl Pattern {
    pub const fn new(source: &'static str) -> Self {
        Self { source, regex: OnceLock::new() }
    }

    /// Whether it takes CR LF for the line break that LF is.
    fn takes_pairs(&self) -> bool {
        self.source.contains(r"\r?\n")
    }

    /// Whether some part of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        #[allow(clippy::expect_used, reason = "the build compiled it already")]
        self.regex.get_or_init(|| Regex::new(self.source).expect("a valid pattern")).is_match(value)
    }
}

/// What a value that does not match is told.
impl fmt::Display for Pattern {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            r"^\P{Cc}*$" => to.write_str("must not contain control characters"),
            source => write!(to, "must match the pattern {source}"),
        }
    }
}

/// Whether it can be an e-mail address: one `@`, up to 64 characters before it, a domain of two or more
/// labels after it, no space, no control character and none that means something in a mail's header (RFC
/// 5322's specials), and nothing that is not seen: it would make two addresses of what looks like one. Only a
/// message sent there can tell more.
pub(super) fn is_email(value: &str) -> bool {
    if hides_something(value) {
        return false;
    }
    let Some((local, domain)) = value.split_once('@') else {
        return false;
    };
    let local_fits = (1..=64).contains(&local.chars().count())
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"()<>[]:;,\\\"".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    local_fits && domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label)
}

/// Whether a text has characters that are not seen or turn round what is.
fn hides_something(value: &str) -> bool {
    static HIDDEN: Pattern = Pattern::new(r"[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cf}]");
    !value.is_ascii() && HIDDEN.matches(value)
}

/// A label of a host's name (RFC 1123), also an internationalised one.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.chars().all(|c| c.is_alphanumeric() || is_accent(c) || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// An accent that stands apart from its letter, as some keyboards and file systems write it.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Whether it is a URI as far as its characters go (RFC 3986): a scheme, and only what a URI may hold.
pub(super) fn is_uri(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(':') else {
        return false;
    };
    let scheme_fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let escapes_fit = rest
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()));
    scheme_fits
        && escapes_fit
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c))
}

fn quoted(values: &[&str]) -> String {
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}
