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
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

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
    /// Reads the header of a table whose rows are messages of this type.
    pub async fn open(body: Body, desc: &MessageDescriptor) -> Result<Self, Failure> {
        let mut reader = Self {
            body: body.into_data_stream(),
            input: Bytes::new(),
            ended: false,
            parser: None,
            cells: vec![0; 1_024],
            ends: vec![0; MOST_CELLS],
            columns: Vec::new(),
        };
        reader.choose_delimiter().await?;
        let header = reader.record().await?.transpose().map_err(Failure::invalid)?.unwrap_or_default();
        let mut seen = HashSet::new();
        for name in &header {
            let wrong = |description: String| Failure::field(name.trim(), description);
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
                Some(Ok(row)) if row.len() != self.columns.len() => {
                    let (there, wanted) = (row.len(), self.columns.len());
                    Some(Err(Failure::invalid(format!("has {there} cells where the header has {wanted}"))))
                }
                Some(Ok(row)) => Some(Ok(row)),
            });
        }
    }

    /// Sets in a message what a row says; an empty cell says nothing.
    pub fn read(&self, row: &Row, message: &mut DynamicMessage) -> Result<(), Failure> {
        for (column, cell) in self.columns.iter().zip(row) {
            if !cell.trim().is_empty() {
                column.read(cell, message).map_err(|problem| Failure::field(column.field(), problem))?;
            }
        }
        Ok(())
    }

    /// Looks which delimiter the first line has most of.
    async fn choose_delimiter(&mut self) -> Result<(), Failure> {
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
        let line = begun.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
        // The first of equals.
        let delimiter = DELIMITERS.iter().rev().max_by_key(|delimiter| count(delimiter)).unwrap_or(&b',');
        self.parser = Some(ReaderBuilder::new().delimiter(*delimiter).build());
        self.input = begun.into();
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
