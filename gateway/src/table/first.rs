//! What a table's first line shows: the delimiter.

use crate::error::Failure;

/// What may stand between cells; the first row shows which does.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The one that a row has most of, and the first of equals.
pub fn most(line: &[u8]) -> u8 {
    let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
    *DELIMITERS.iter().rev().max_by_key(|delimiter| count(delimiter)).unwrap_or(&b',')
}

/// The delimiter that a line says there is, as some spreadsheets write and read it: `sep=;`. Others take it for a row
/// as long as all, and write what separates its empty cells after it; that is then what separates all cells.
pub fn said(line: &[u8]) -> Result<Option<u8>, Failure> {
    let quoted = line.strip_prefix(b"\"");
    let Some((_, rest)) =
        quoted.unwrap_or(line).split_at_checked(4).filter(|(name, _)| name.eq_ignore_ascii_case(b"sep="))
    else {
        return Ok(None);
    };
    let named = |byte: &u8| *byte == b'\t' || (byte.is_ascii_punctuation() && *byte != b'"');
    let cells =
        rest.split_first().filter(|(delimiter, _)| named(delimiter)).and_then(|(delimiter, cells)| {
            let cells = if quoted.is_some() { cells.strip_prefix(b"\"")? } else { cells };
            match cells.split_first() {
                None => Some(*delimiter),
                Some((one, others)) if DELIMITERS.contains(one) && others.iter().all(|byte| byte == one) => {
                    Some(*one)
                }
                Some(_) => None,
            }
        });
    let wrong = || Failure::invalid("the line `sep=` must name one character between cells, such as `sep=;`");
    cells.map(Some).ok_or_else(wrong)
}
