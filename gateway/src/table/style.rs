//! How a caller wants a table written: by parameters of the media type in `Accept`
//! (`text/csv; delimiter=semicolon; bom=none; header=absent`), or by query parameters where it sends links only
//! (`csvDelimiter=semicolon&csvBom=none&csvHeader=absent`).

use super::MEDIA_TYPE;
use crate::{accept::Media, error::Failure, percent::pairs};

/// The query parameters, and the media type's parameters that each stands for.
pub const PARAMETERS: [(&str, &str, &[&str]); 3] = [
    ("csvDelimiter", "delimiter", &["comma", "semicolon", "tab", "pipe"]),
    ("csvBom", "bom", &["utf-8", "none"]),
    ("csvHeader", "header", &["present", "absent"]),
];

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// What stands between cells.
    pub delimiter: u8,
    /// Whether it begins with a byte-order mark.
    pub mark: bool,
    /// Whether its first row names the columns.
    pub header: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { delimiter: b',', mark: true, header: true }
    }
}

impl Style {
    /// As `Accept` and the query have it; the query counts where both say something.
    pub fn asked(accepted: &[Media], query: Option<&str>) -> Result<Self, Failure> {
        let mut style = Self::default();
        let tables = accepted.iter().filter(|range| range.is(MEDIA_TYPE) && range.quality > 0);
        // Of those that are wanted as much, the first.
        let wanted = tables.reduce(|best, range| if range.quality > best.quality { range } else { best });
        for (name, value) in wanted.iter().flat_map(|range| &range.parameters) {
            style
                .set(name, value)
                .map_err(|problem| Failure::invalid(format!("accept: {name} {problem}")))?;
        }
        for pair in pairs(query.unwrap_or_default()) {
            let (name, value) = pair?;
            if let Some((_, parameter, _)) = PARAMETERS.iter().find(|(ours, ..)| *ours == name) {
                style.set(parameter, &value).map_err(|problem| Failure::field(name, problem))?;
            }
        }
        Ok(style)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.to_ascii_lowercase();
        match (name, value.as_str()) {
            ("delimiter", value) => self.delimiter = delimiter(value).ok_or_else(|| expected(name))?,
            ("bom", "utf-8" | "utf8" | "present" | "true" | "yes" | "1") => self.mark = true,
            ("bom", "none" | "absent" | "false" | "no" | "0") => self.mark = false,
            ("header", "present") => self.header = true,
            ("header", "absent") => self.header = false,
            ("bom" | "header", _) => return Err(expected(name)),
            _ => {}
        }
        Ok(())
    }
}

/// The delimiter that a body's content type says it has. A body without a header says nothing.
pub fn delimiter_of_body(content_type: &str) -> Result<Option<u8>, Failure> {
    let mut style = Style::default();
    let mut given = None;
    for (name, value) in Media::parse(content_type).parameters {
        let wrong = |problem| Failure::invalid(format!("content-type: {name} {problem}"));
        style.set(&name, &value).map_err(wrong)?;
        if name == "delimiter" {
            given = Some(style.delimiter);
        }
    }
    match style.header {
        true => Ok(given),
        false => Err(Failure::invalid("the table's first row must name its columns")),
    }
}

fn delimiter(value: &str) -> Option<u8> {
    Some(match value {
        "comma" | "," => b',',
        "semicolon" | ";" => b';',
        "tab" | "\t" | "\\t" => b'\t',
        "pipe" | "|" => b'|',
        _ => return None,
    })
}

fn expected(name: &str) -> String {
    let choices =
        PARAMETERS.iter().find(|(_, parameter, _)| *parameter == name).map(|(.., choices)| *choices);
    format!("must be one of {}", choices.unwrap_or_default().join(", "))
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;
    use crate::accept;

    fn asked(accept: &str, query: &str) -> Result<Style, String> {
        let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
        Style::asked(&accept::ranges(&headers), Some(query)).map_err(|failure| failure.bad_field().1)
    }

    #[test]
    fn a_style_is_asked_for_by_media_type_or_query() {
        let usual = Style::default();
        let semicolons = Style { delimiter: b';', ..usual };
        let bare = Style { mark: false, ..usual };
        assert_eq!(asked("text/csv", ""), Ok(usual));
        assert_eq!(asked("text/csv; q=0.9; charset=utf-8", "query=x"), Ok(usual));
        for accept in ["text/csv;delimiter=semicolon", "*/*, Text/CSV ; Delimiter=\";\" ; header=present"] {
            assert_eq!(asked(accept, ""), Ok(semicolons), "{accept}");
        }
        let wanted =
            "text/csv;delimiter=comma;q=0.3, text/csv;delimiter=semicolon;q=0.5, text/csv;delimiter=x;q=0";
        assert_eq!(asked(wanted, ""), Ok(semicolons));
        assert_eq!(asked("text/csv;bom=none", ""), Ok(bare));
        assert_eq!(asked("text/csv;delimiter=tab", "csvDelimiter=%3B"), Ok(semicolons));
        assert_eq!(asked("text/csv", "a=b&csvBom=none"), Ok(bare));
        assert_eq!(asked("text/csv;header=absent", ""), Ok(Style { header: false, ..usual }));
        assert_eq!(asked("text/html;delimiter=x", ""), Ok(usual), "another type's is no matter of ours");
        for (accept, query) in
            [("text/csv;delimiter=x", ""), ("text/csv;bom=", ""), ("text/csv", "csvHeader=1")]
        {
            assert!(asked(accept, query).unwrap_err().contains("must be one of"), "{accept} {query}");
        }
    }

    #[test]
    fn a_body_says_what_stands_between_its_cells() {
        let of = |content_type| delimiter_of_body(content_type).map_err(|failure| failure.bad_field().1);
        assert_eq!(of("text/csv; charset=utf-8"), Ok(None));
        assert_eq!(of("text/csv;delimiter=\"|\";header=present"), Ok(Some(b'|')));
        assert!(of("text/csv;header=absent").is_err());
        assert!(of("text/csv;delimiter=ab").is_err());
    }
}
