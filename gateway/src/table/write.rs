//! Tables on their way out.

use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::column::Column;
use crate::json;

/// Writes messages of one type as rows, every column of theirs.
#[derive(Debug, Clone)]
pub struct Writer {
    columns: Vec<Column>,
}

impl Writer {
    /// A writer of messages of this type.
    pub fn new(desc: &MessageDescriptor) -> Self {
        Self { columns: Column::all(desc) }
    }

    /// The first row: the columns' names.
    pub fn header(&self) -> Vec<u8> {
        row(self.columns.iter().map(Column::name))
    }

    /// A message's row.
    pub fn row(&self, message: &DynamicMessage) -> Result<Vec<u8>, String> {
        let json = json::encode_value(message)?;
        Ok(row(self.columns.iter().map(|column| column.write(&json))))
    }
}

fn row(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let cells = cells.map(|cell| match cell.contains(['"', ',', ';', '\t', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    });
    let mut row = cells.collect::<Vec<_>>().join(",").into_bytes();
    row.extend_from_slice(b"\r\n");
    row
}
