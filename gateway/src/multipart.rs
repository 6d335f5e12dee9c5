//! `multipart/form-data` (RFC 7578), as forms of web pages send it: a file for what is a `google.api.HttpBody`, and texts
//! that set other fields as the query does.

use bytes::Bytes;
use http::{HeaderMap, header};

use crate::{accept::Media, error::Failure, merge, raw::Raw};

/// Parts that a form may have, and bytes of the head of each.
const MOST_PARTS: usize = 32;
const MOST_HEAD: usize = 4 << 10;
/// The longest boundary (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// A form that was sent.
#[derive(Debug)]
pub struct Form {
    /// Its one file.
    pub file: Raw,
    /// Its other fields, as a query has them.
    pub query: String,
}

/// The form that a body is; none where its type says nothing of that.
pub fn read(headers: &HeaderMap, body: &Bytes) -> Result<Option<Form>, Failure> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(None) };
    if !merge::is(kind, "multipart/form-data") {
        return Ok(None);
    }
    let kind = Media::parse(kind.to_str().map_err(|_| wrong("its type cannot be read"))?);
    let boundary = kind.parameters.into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value);
    let boundary = boundary.filter(|boundary| (1..=LONGEST_BOUNDARY).contains(&boundary.len()));
    let boundary = boundary.ok_or_else(|| wrong("its type names no boundary"))?;
    form(body, boundary.as_bytes()).map(Some)
}

fn wrong(problem: &str) -> Failure {
    Failure::invalid(format!("the request's body is not the form it should be: {problem}"))
}

fn form(body: &Bytes, boundary: &[u8]) -> Result<Form, Failure> {
    let delimiter = [b"\r\n--", boundary].concat();
    // The first one need not begin a line of its own.
    let mut rest =
        body.strip_prefix(&delimiter[2..]).ok_or_else(|| wrong("it does not begin with its boundary"))?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let (mut file, mut parts) = (None, 0);
    loop {
        if rest.starts_with(b"--") {
            break;
        }
        parts += 1;
        if parts > MOST_PARTS {
            return Err(wrong(&format!("it has more than {MOST_PARTS} parts")));
        }
        // White space behind a boundary means nothing.
        let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let after =
            rest[padding..].strip_prefix(b"\r\n").ok_or_else(|| wrong("a boundary is no line of its own"))?;
        let (head, after) = head(after)?;
        let end = find(after, &delimiter).ok_or_else(|| wrong("it has no end"))?;
        let (data, after) = after.split_at(end);
        rest = &after[delimiter.len()..];
        let part = Part::of(head)?;
        match part.file {
            true if file.is_some() => return Err(wrong("it has more than one file")),
            true => file = Some(Raw { content_type: part.kind, data: body.slice_ref(data) }),
            false => {
                let text = std::str::from_utf8(data).map_err(|_| wrong("a text is not UTF-8"))?;
                query.append_pair(&part.name, text);
            }
        }
    }
    let file = file.ok_or_else(|| wrong("it has no file"))?;
    Ok(Form { file, query: query.finish() })
}

/// What comes before the body of a part, and what comes after it.
fn head(rest: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let most = &rest[..rest.len().min(MOST_HEAD)];
    let end = find(most, b"\r\n\r\n").ok_or_else(|| wrong("the head of a part has no end"))?;
    Ok((&rest[..end], &rest[end + 4..]))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == what[0])?;
        if bytes[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// What the head of a part says.
struct Part {
    name: String,
    file: bool,
    kind: String,
}

impl Part {
    fn of(head: &[u8]) -> Result<Self, Failure> {
        let head = std::str::from_utf8(head).map_err(|_| wrong("the head of a part is not UTF-8"))?;
        let field = |wanted: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let said = Media::parse(field("content-disposition").unwrap_or_default());
        let parameter = |wanted: &str| {
            let mut all = said.parameters.iter();
            all.find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        };
        match parameter("name").filter(|_| said.is("form-data")) {
            Some(name) => Ok(Self {
                name,
                file: parameter("filename").is_some(),
                kind: field("content-type").unwrap_or("application/octet-stream").to_owned(),
            }),
            None => Err(wrong("a part has no name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(kind: &'static str, body: &str) -> Result<Option<Form>, String> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        super::read(&headers, &Bytes::from(body.to_owned())).map_err(|failure| failure.message)
    }

    const FORM: &str = "multipart/form-data; boundary=\"-x-\"";
    const TEXT: &str = "---x-\r\ncontent-disposition: form-data; name=\"a.b\"\r\n\r\n1 & 2\r\n";
    const FILE: &str = "---x-  \r\nContent-Type: image/png\r\nContent-Disposition: form-data; name=f; filename=\"a;b.png\"\r\n\r\n\r\n---y\r\n";

    #[test]
    fn a_form_is_a_file_and_texts() {
        let form = read(FORM, &format!("{TEXT}{FILE}---x---\r\nafter")).unwrap().unwrap();
        assert_eq!(form.query, "a.b=1+%26+2");
        assert_eq!((&*form.file.content_type, &*form.file.data), ("image/png", &b"\r\n---y"[..]));
        assert!(read("image/png", "---x-").unwrap().is_none());
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            "",
            "before---x-\r\n",
            "---x---",
            "---x-",
            TEXT,
            FILE,
            &format!("{TEXT}---x---"),
            &format!("{FILE}{FILE}---x---"),
            &format!("{}{FILE}---x---", TEXT.repeat(MOST_PARTS)),
            "---x-\r\ncontent-disposition: form-data\r\n\r\nx\r\n---x---",
            "---x-\r\ncontent-disposition: attachment; name=a; filename=b\r\n\r\nx\r\n---x---",
            &format!("---x-\r\nx: {}\r\n\r\n\r\n---x---", "y".repeat(MOST_HEAD)),
        ] {
            assert!(read(FORM, body).is_err(), "{body}");
        }
        for kind in ["multipart/form-data", "multipart/form-data; boundary=\"\""] {
            assert!(read(kind, "").is_err(), "{kind}");
        }
    }
}
