//! Tables on their way in.

use std::collections::HashSet;

use axum::body::{Body, BodyDataStream};
use bytes::{Buf as _, Bytes};
use csv_core::{ReadRecordResult, ReaderBuilder};
use futures::StreamExt as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use super::column::Column;
use crate::{error::Failure, options::BODY_LIMIT};

/// Most cells of a row.
const MOST_CELLS: usize = 1_000;
/// What may stand between cells; the first row tells which does.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// The byte-order mark with which some programs begin a file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads rows as they come: the first names the columns, the others are messages.
pub struct Reader {
    body: BodyDataStream,
    /// What came and is not read yet.
    input: Bytes,
    ended: bool,
    /// Known from the first row on.
    parser: Option<csv_core::Reader>,
    /// The cells of the row that is being read, one after the other, and where they end.
    cells: Vec<u8>,
    ends: Vec<usize>,
    columns: Vec<Column>,
}

/// A row's cells.
type Row = Vec<String>;

impl Reader {
    /// Reads the header of a table whose rows are messages of this type. Without a delimiter given, the table's
    /// first line tells it.
    pub async fn open(body: Body, desc: &MessageDescriptor, delimiter: Option<u8>) -> Result<Self, Failure> {
        let mut reader = Self {
            body: body.into_data_stream(),
            input: Bytes::new(),
            ended: false,
            parser: None,
            cells: vec![0; 1_024],
            ends: vec![0; MOST_CELLS],
            columns: Vec::new(),
        };
        reader.begin(delimiter).await?;
        let mut header = reader.record().await?.transpose().map_err(Failure::invalid)?.unwrap_or_default();
        // Spreadsheets write what once was a column as one that has no name.
        while header.last().is_some_and(|name| name.trim().is_empty()) {
            header.pop();
        }
        let mut seen = HashSet::new();
        for name in &header {
            let wrong = |description: String| Failure::field(name.trim(), description);
            if name.trim().is_empty() {
                return Err(Failure::invalid("a column of the first row has no name"));
            }
            let column = Column::named(desc, name.trim()).map_err(wrong)?;
            if !seen.insert(column.name()) {
                return Err(wrong("given more than once".to_owned()));
            }
            reader.columns.push(column);
        }
        Ok(reader)
    }

    /// The next row that has a cell which is not empty; `None` after the last. The inner error is the row's own.
    pub async fn next(&mut self) -> Result<Option<Result<Row, Failure>>, Failure> {
        loop {
            return Ok(match self.record().await? {
                None => None,
                Some(Err(problem)) => Some(Err(Failure::invalid(problem))),
                Some(Ok(row)) if row.iter().all(|cell| cell.trim().is_empty()) => continue,
                // Nor has what stands below them anything to say.
                Some(Ok(mut row)) if row.len() > self.columns.len() && self.is_blank_beyond(&row) => {
                    row.truncate(self.columns.len());
                    Some(Ok(row))
                }
                Some(Ok(row)) if row.len() != self.columns.len() => {
                    let (there, wanted) = (row.len(), self.columns.len());
                    Some(Err(Failure::invalid(format!("has {there} cells where the header has {wanted}"))))
                }
                Some(Ok(row)) => Some(Ok(row)),
            });
        }
    }

    fn is_blank_beyond(&self, row: &Row) -> bool {
        row[self.columns.len()..].iter().all(|cell| cell.trim().is_empty())
    }

    /// Sets in a message what a row says; an empty cell says nothing.
    pub fn read(&self, row: &Row, message: &mut DynamicMessage) -> Result<(), Failure> {
        let cells = || self.columns.iter().zip(row).filter(|(_, cell)| !cell.trim().is_empty());
        let amounts = cells().filter(|(column, _)| column.is_amount());
        for (column, cell) in cells().filter(|(column, _)| !column.is_amount()).chain(amounts) {
            column.read(cell, message).map_err(|problem| Failure::field(column.field(), problem))?;
        }
        Ok(())
    }

    /// Looks at the first line: it may say what the delimiter is (`sep=;`), and is no row then; else the delimiter
    /// is the one that it has most of.
    async fn begin(&mut self, given: Option<u8>) -> Result<(), Failure> {
        let mut begun = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            begun.extend_from_slice(&chunk);
            if chunk.contains(&b'\n') {
                break;
            }
            if begun.len() > BODY_LIMIT {
                return Err(Failure::too_large());
            }
        }
        let mut begun = Bytes::from(begun);
        if begun.starts_with(MARK) {
            begun.advance(MARK.len());
        }
        let line = begun.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let (delimiter, said) = match (given, said(line)?) {
            (None, Some(said)) => (said, true),
            (Some(given), said) => (given, said.is_some()),
            (None, None) => {
                let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
                // The first of equals.
                let most = DELIMITERS.iter().rev().max_by_key(|delimiter| count(delimiter));
                (*most.unwrap_or(&b','), false)
            }
        };
        if said {
            begun.advance((line.len() + 1).min(begun.len()));
        }
        self.parser = Some(ReaderBuilder::new().delimiter(delimiter).build());
        self.input = begun;
        Ok(())
    }

    /// The next record; the inner error is its own.
    async fn record(&mut self) -> Result<Option<Result<Row, String>>, Failure> {
        let (mut length, mut count) = (0, 0);
        loop {
            if self.input.is_empty() && !self.ended {
                if let Some(chunk) = self.chunk().await? {
                    self.input = chunk;
                }
                continue;
            }
            let Some(parser) = &mut self.parser else { return Ok(None) };
            // No input is how the parser is told that it ends.
            let (result, read, written, cells) =
                parser.read_record(&self.input, &mut self.cells[length..], &mut self.ends[count..]);
            self.input.advance(read);
            (length, count) = (length + written, count + cells);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() > BODY_LIMIT => {
                    return Err(Failure::too_large());
                }
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => {
                    return Err(Failure::invalid(format!("a row has more than {MOST_CELLS} cells")));
                }
                ReadRecordResult::Record => return Ok(Some(self.row(count))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn row(&self, count: usize) -> Result<Row, String> {
        let mut begin = 0;
        let cells = self.ends[..count].iter().map(|end| {
            let cell = &self.cells[begin..*end];
            begin = *end;
            std::str::from_utf8(cell).map(str::to_owned)
        });
        cells.collect::<Result<_, _>>().map_err(|_| "is not UTF-8".to_owned())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.body.next().await {
                None => {
                    self.ended = true;
                    return Ok(None);
                }
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => return Ok(Some(chunk)),
                Some(Err(_)) => return Err(Failure::invalid("the request's body ended too early")),
            }
        }
    }
}

/// The delimiter that a line says there is, as some spreadsheets write and read it: `sep=;`.
fn said(line: &[u8]) -> Result<Option<u8>, Failure> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let Some((_, delimiter)) =
        line.split_at_checked(4).filter(|(name, _)| name.eq_ignore_ascii_case(b"sep="))
    else {
        return Ok(None);
    };
    match delimiter {
        [delimiter] if *delimiter == b'\t' || (delimiter.is_ascii_punctuation() && *delimiter != b'"') => {
            Ok(Some(*delimiter))
        }
        _ => Err(Failure::invalid("the line `sep=` must name one character between cells, such as `sep=;`")),
    }
}
