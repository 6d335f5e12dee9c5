//! Tables on their way in.

use std::{collections::HashSet, sync::Arc};

use axum::body::{Body, BodyDataStream};
use bytes::{Buf as _, Bytes};
use csv_core::{ReadRecordResult, ReaderBuilder};
use futures::StreamExt as _;
use prost_reflect::MessageDescriptor;

use super::{column::Column, first, money::Money};
use crate::{
    draft::Draft,
    error::{BODY_LIMIT, Failure},
    json::Tables,
};

/// Most cells of a row.
const MOST_CELLS: usize = 1_000;
/// The byte-order mark with which some programs begin a file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads rows as they come: the first names the columns, the others are messages.
pub struct Reader {
    body: BodyDataStream,
    tables: Arc<Tables>,
    /// What came and is not read yet.
    input: Bytes,
    ended: bool,
    /// Known from the first row on.
    parser: Option<csv_core::Reader>,
    /// The cells of the row that is being read, one after the other, and where they end.
    cells: Vec<u8>,
    ends: Vec<usize>,
    columns: Vec<Column>,
    /// What of them is money.
    money: Vec<Money>,
}

/// A row.
#[derive(Debug)]
pub struct Row {
    cells: Vec<String>,
    /// What is wrong with it as a whole.
    problem: Option<String>,
}

impl Reader {
    /// Reads the header of a table whose rows are messages of this type, of a contract with these tables. Without a
    /// delimiter given, the table's first line shows it.
    pub async fn open(
        body: Body,
        (desc, tables): (&MessageDescriptor, &Arc<Tables>),
        delimiter: Option<u8>,
    ) -> Result<Self, Failure> {
        let mut reader = Self {
            body: body.into_data_stream(),
            tables: tables.clone(),
            input: Bytes::new(),
            ended: false,
            parser: None,
            cells: vec![0; 1_024],
            ends: vec![0; MOST_CELLS],
            columns: Vec::new(),
            money: Vec::new(),
        };
        reader.begin(delimiter).await?;
        let mut header = match reader.record().await? {
            Some(Row { problem: Some(problem), .. }) => return Err(Failure::invalid(problem)),
            Some(row) => row.cells,
            None => Vec::new(),
        };
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
        let wrong = |(name, problem): (String, String)| Failure::field(name, problem);
        reader.money = Money::all(&reader.columns).map_err(wrong)?;
        Ok(reader)
    }

    /// The next row that has a cell which is not empty; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Row>, Failure> {
        while let Some(mut row) = self.record().await? {
            let wanted = self.columns.len();
            if row.problem.is_none() && row.cells.iter().all(|cell| is_blank(cell)) {
                continue;
            }
            // Nor has what stands below columns without names anything to say.
            if row.cells.len() > wanted && row.cells[wanted..].iter().all(|cell| is_blank(cell)) {
                row.cells.truncate(wanted);
            }
            if row.cells.len() != wanted {
                let there = row.cells.len();
                row.problem.get_or_insert(format!("has {there} cells where the header has {wanted}"));
                // A cell too few or too many may be any but the first.
                row.cells.truncate(1);
            }
            return Ok(Some(row));
        }
        Ok(None)
    }

    /// Sets in a message what a row says; an empty cell says nothing. What can be read is, also where something is
    /// wrong.
    pub fn read(&self, row: &Row, message: &mut Draft) -> Result<(), Failure> {
        let mut wrong = row.problem.clone().map(Failure::invalid);
        let cells = || self.columns.iter().zip(&row.cells).filter(|(_, cell)| !is_blank(cell));
        let amounts = cells().filter(|(column, _)| column.is_amount());
        for (column, cell) in cells().filter(|(column, _)| !column.is_amount()).chain(amounts) {
            if let Err(problem) = column.read(&self.tables, cell, message) {
                wrong.get_or_insert_with(|| Failure::field(column.field(), problem));
            }
        }
        for money in &self.money {
            if let Err((field, problem)) = money.settle(&row.cells, message) {
                wrong.get_or_insert_with(|| Failure::field(field, problem));
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    /// Looks at the first line: it may say what the delimiter is (`sep=;`), and is no row then; else the delimiter
    /// is the one that it has most of.
    async fn begin(&mut self, given: Option<u8>) -> Result<(), Failure> {
        let mut begun = Vec::new();
        while let Some(mut chunk) = self.chunk().await? {
            if begun.is_empty() {
                // Blank lines before the first row are none.
                chunk.advance(chunk.iter().take_while(|byte| ends_line(byte)).count());
            }
            begun.extend_from_slice(&chunk);
            if chunk.iter().any(ends_line) {
                break;
            }
            if begun.len() > BODY_LIMIT {
                return Err(Failure::too_large(BODY_LIMIT));
            }
        }
        let mut begun = Bytes::from(begun);
        if begun.starts_with(MARK) {
            begun.advance(MARK.len());
        }
        let line = begun.split(ends_line).next().unwrap_or_default();
        let (delimiter, is_said) = match (given, first::said(line)?) {
            (None, Some(said)) => (said, true),
            (Some(given), said) => (given, said.is_some()),
            (None, None) => (first::most(line), false),
        };
        if is_said {
            begun.advance((line.len() + 1).min(begun.len()));
        }
        self.parser = Some(ReaderBuilder::new().delimiter(delimiter).build());
        self.input = begun;
        Ok(())
    }

    /// The next record.
    async fn record(&mut self) -> Result<Option<Row>, Failure> {
        let (mut length, mut count) = (0, 0);
        loop {
            if self.input.is_empty() && !self.ended {
                if let Some(chunk) = self.chunk().await? {
                    self.input = chunk;
                }
                continue;
            }
            let Some(parser) = &mut self.parser else { return Ok(None) };
            // The parser takes an empty input for the end.
            let (result, read, written, cells) =
                parser.read_record(&self.input, &mut self.cells[length..], &mut self.ends[count..]);
            self.input.advance(read);
            (length, count) = (length + written, count + cells);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() > BODY_LIMIT => {
                    return Err(Failure::too_large(BODY_LIMIT));
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

    fn row(&self, count: usize) -> Row {
        let (mut begin, mut problem) = (0, None);
        let cells = self.ends[..count].iter().map(|end| {
            let cell = &self.cells[begin..*end];
            begin = *end;
            std::str::from_utf8(cell).map(str::to_owned).unwrap_or_else(|_| {
                problem = Some("is not UTF-8".to_owned());
                String::new()
            })
        });
        let cells = cells.collect();
        Row { cells, problem }
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

fn is_blank(cell: &str) -> bool {
    cell.trim().is_empty()
}

/// Line feed, carriage return, or one after the other.
fn ends_line(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
