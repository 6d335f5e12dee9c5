//! Tables on their way out.

use prost_reflect::MessageDescriptor;
use serde_json::Value as Json;

use super::{column::Column, style::Style};

/// By which spreadsheets know UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Writes messages of one type as rows, every column of theirs.
#[derive(Debug, Clone)]
pub struct Writer {
    columns: Vec<Column>,
    style: Style,
}

impl Writer {
    /// A writer of messages of this type.
    pub fn new(desc: &MessageDescriptor, style: Style) -> Self {
        Self { columns: Column::all(desc), style }
    }

    /// What comes before the messages: a byte-order mark, and a row with the columns' names.
    pub fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        if self.style.mark {
            header.extend_from_slice(MARK);
        }
        if self.style.header {
            header.append(&mut self.join(self.columns.iter().map(Column::name)));
        }
        header
    }

    /// The row of a message's JSON.
    pub fn row(&self, message: &Json) -> Vec<u8> {
        self.join(self.columns.iter().map(|column| column.write(message)))
    }

    fn join(&self, cells: impl Iterator<Item = String>) -> Vec<u8> {
        let mut row = Vec::new();
        for (place, cell) in cells.enumerate() {
            if place > 0 {
                row.push(self.style.delimiter);
            }
            // Whatever separates cells somewhere is quoted, so that quotes begin and end where cells do.
            if cell.contains(['"', ',', ';', '|', '\t', '\r', '\n']) {
                row.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
            } else {
                row.extend_from_slice(cell.as_bytes());
            }
        }
        row.extend_from_slice(b"\r\n");
        row
    }
}
