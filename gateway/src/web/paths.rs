//! Which paths a page routes itself: its file `paths.txt`.
//!
//! A line is a path, `*` in it standing for a segment; or the first segment of all paths that begin with it. Behind a
//! path may stand that of the API whose answer says whether there is such a page: `/articles/* /v1/articles/*`.

/// The paths of a page.
pub struct Paths(Vec<Pattern>);

struct Pattern {
    segments: Vec<String>,
    /// Whether everything below belongs to it.
    below: bool,
    subject: Option<String>,
}

/// In the extensions of a page: the API's path to what it is about. Where that is missing, so is the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(pub String);

impl Paths {
    /// Reads the file.
    pub fn read(text: &str) -> Self {
        let pattern = |line: &str| {
            let mut words = line.split_whitespace();
            let path = words.next()?;
            Some(Pattern {
                segments: segments(path).map(str::to_owned).collect(),
                below: !path.starts_with('/'),
                subject: words.next().map(str::to_owned),
            })
        };
        Self(text.lines().filter_map(pattern).collect())
    }

    /// Whether a path is one of the page's, and what it is about, if the file says so.
    pub fn find(&self, path: &str) -> Option<Option<Subject>> {
        let given: Vec<&str> = segments(path).collect();
        let pattern = self.0.iter().find(|pattern| pattern.fits(&given))?;
        let variables = pattern.segments.iter().zip(&given).filter(|(segment, _)| *segment == "*");
        let mut variables = variables.map(|(_, given)| *given);
        let subject = pattern.subject.as_deref().map(|subject| {
            let filled: Vec<&str> = segments(subject)
                .map(|segment| if segment == "*" { variables.next().unwrap_or_default() } else { segment })
                .collect();
            Subject(format!("/{}", filled.join("/")))
        });
        Some(subject)
    }
}

impl Pattern {
    fn fits(&self, given: &[&str]) -> bool {
        let long_enough = match self.below {
            true => given.len() >= self.segments.len(),
            false => given.len() == self.segments.len(),
        };
        let mut pairs = self.segments.iter().zip(given);
        long_enough && pairs.all(|(segment, given)| segment == given || (segment == "*" && !given.is_empty()))
    }
}

/// A path's segments; one at its end that is empty is none.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').trim_end_matches('/').split('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_or_begins_with_a_segment() {
        let paths = Paths::read("/articles\n/articles/*  /v1/articles/*\n\n/orders/*/pay\nstaff\n");
        for (path, subject) in [
            ("/articles", None),
            ("/articles/", None),
            ("/articles/art_1", Some("/v1/articles/art_1")),
            ("/orders/ord_1/pay", None),
            ("/staff", None),
            ("/staff/orders/ord_1", None),
        ] {
            let expected = subject.map(|subject| Subject(subject.to_owned()));
            assert_eq!(paths.find(path), Some(expected), "{path}");
        }
        for path in ["/", "/articles/a/b", "/orders", "/orders/ord_1", "/orders//pay", "/nowhere", "/staffs"]
        {
            assert_eq!(paths.find(path), None, "{path}");
        }
    }
}
