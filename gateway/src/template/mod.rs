//! Path templates, as `google.api.http` defines them: `/v1/{name=shelves/*/books/*}:verb`.

mod parser;
mod path;

use std::{borrow::Cow, fmt};

use self::parser::Parser;
pub use self::path::{Path, Piece, split};
use crate::percent::encode;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What the path's segments must be, one by one.
    pub segments: Vec<Segment>,
    /// What the path sets in the request.
    pub variables: Vec<Variable>,
    /// What stands behind the `:` of the last segment.
    pub verb: Option<String>,
}

/// What one segment of a path must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this, once decoded.
    Literal(String),
    /// `*`: any one segment that is not empty.
    Any,
    /// `**`: all that is left, which may be nothing.
    Rest,
}

/// A variable: the dotted path of a request's field, and the segments that make its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The field's path in the request, as the template spells it.
    pub field: String,
    /// The first of [`Template::segments`] that belongs to it.
    pub from: usize,
    /// The first one that no longer does.
    pub to: usize,
}

/// A template that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at character {at}")]
pub struct Error {
    problem: &'static str,
    at: usize,
}

impl Template {
    /// Parses a template. `/` alone is the path without segments.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0, template: Self::empty() };
        parser.expect(b'/', "a template starts with `/`")?;
        if text.len() > 1 {
            parser.segments(false)?;
            if parser.eat(b':') {
                let verb = parser.literal()?;
                parser.template.verb = Some(verb);
            }
        }
        if parser.at < text.len() {
            return Err(parser.error("unexpected character"));
        }
        Ok(parser.template)
    }

    fn empty() -> Self {
        Self { segments: Vec::new(), variables: Vec::new(), verb: None }
    }

    /// The value that a path gives a variable. The path must match this template.
    ///
    /// A value of one segment is decoded completely; in one of several, `%2F` stays as it was sent, so that it
    /// can be distinguished from the slashes between segments.
    pub fn value<'p>(&self, variable: &Variable, path: &[Piece<'p>]) -> Cow<'p, str> {
        let rest = matches!(self.segments.get(variable.from..variable.to), Some([.., Segment::Rest]));
        let to = if rest { path.len() } else { variable.to };
        match path.get(variable.from..to).unwrap_or_default() {
            [one] if !rest => one.text.clone(),
            several => several.iter().map(Piece::with_slashes).collect::<Vec<_>>().join("/").into(),
        }
    }
}

impl Template {
    /// The path to a thing whose variables have these values; nothing where one of them is not just one segment.
    pub fn fill(&self, value: impl Fn(usize) -> Option<String>) -> Option<String> {
        let mut path = String::new();
        for (index, segment) in self.segments.iter().enumerate() {
            path.push('/');
            match segment {
                Segment::Literal(text) => path.push_str(&encode(text)),
                Segment::Rest => return None,
                Segment::Any => {
                    let only = |variable: &Variable| variable.from == index && variable.to == index + 1;
                    let text = value(self.variables.iter().position(only)?)?;
                    path.push_str(&encode(&text));
                }
            }
        }
        if let Some(verb) = &self.verb {
            path.push(':');
            path.push_str(&encode(verb));
        }
        Some(path)
    }
}

impl fmt::Display for Template {
    /// Writes the template anew; `{name=*}` becomes `{name}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for (index, segment) in self.segments.iter().enumerate() {
            f.write_str("/")?;
            if let Some(variable) = self.variables.iter().find(|variable| variable.from == index) {
                write!(f, "{{{}", variable.field)?;
                if self.segments.get(variable.from..variable.to) == Some(&[Segment::Any]) {
                    f.write_str("}")?;
                    continue;
                }
                f.write_str("=")?;
            }
            match segment {
                Segment::Literal(text) => f.write_str(&encode(text))?,
                Segment::Any => f.write_str("*")?,
                Segment::Rest => f.write_str("**")?,
            }
            if self.variables.iter().any(|variable| variable.to == index + 1) {
                f.write_str("}")?;
            }
        }
        match &self.verb {
            Some(verb) => write!(f, ":{}", encode(verb)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(template: &str, path: &str) -> String {
        let template = Template::parse(template).unwrap();
        let path = split(path).unwrap();
        template.value(&template.variables[0], &path.segments).into_owned()
    }

    #[test]
    fn every_form_of_a_template_is_understood() {
        for text in [
            "/",
            "/v1/users",
            "/v1/users/{id}",
            "/v1/users/{user.id}:disable",
            "/v1/{name=shelves/*/books/*}",
            "/v1/{name=shelves/**}:read",
            "/v1/*/x/**",
            "/.well-known/jwks.json",
            "/v1/a%3Ab:c",
        ] {
            assert_eq!(Template::parse(text).map(|template| template.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Template::parse("/{name=*}"), Template::parse("/{name}"));
    }

    #[test]
    fn malformed_templates_are_refused() {
        for text in [
            "", "v1", "//", "/v1/", "/v1//x", "/{", "/{}", "/{a", "/{a=}", "/{a..b}", "/{a={b}}", "/**/x",
            "/***", "/x:", "/x:y:z", "/x:y/z", "/{a}/{a}", "/%zz", "/a{b}", "/{a}b", "/x?y", "/x#y", "/a b",
            "/é", "/a\\b", "/a^", "/a|b", "/\"a\"", "/<a>", "/`a`", "/a[0]", "/a\tb", "/a\u{7f}", "/a:b c",
            "/{a=b c}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_of_several_segments_keeps_its_encoded_slashes() {
        assert_eq!(value("/v1/{id}", "/v1/a%2Fb%3Ac"), "a/b:c");
        assert_eq!(value("/v1/{name=a/*/b/*}", "/v1/a/x%2fy/b/%C3%A9"), "a/x%2fy/b/é");
        assert_eq!(value("/v1/{rest=**}", "/v1/a%2Fb%20c"), "a%2Fb c");
        assert_eq!(value("/v1/{rest=**}", "/v1/a/b"), "a/b");
        assert_eq!(value("/v1/{rest=**}", "/v1"), "");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = Template::parse(&text);
            let _ = split(&text);
        }

        #[test]
        fn what_is_encoded_comes_back(text in "\\PC+") {
            let path = format!("/v1/{}", encode(&text));
            prop_assert_eq!(value("/v1/{id}", &path), text);
        }

        #[test]
        fn a_template_written_anew_is_the_same(text in "(/([a-z]{1,3}|\\*|\\{[a-z]{1,9}(=[a-z]{1,3}/\\*)?\\})){1,4}(:[a-z]{1,4})?") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(Template::parse(&template.to_string()), Ok(template));
            }
        }
    }

    #[test]
    fn a_template_has_so_many_segments_at_most() {
        assert!(Template::parse(&"/a".repeat(100)).is_ok());
        assert!(Template::parse(&"/a".repeat(101)).is_err());
        assert!(Template::parse(&format!("/{{name={}}}", vec!["*"; 101].join("/"))).is_err());
    }
}
