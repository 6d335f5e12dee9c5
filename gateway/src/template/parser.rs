//! Reads a template from left to right.

use super::{Error, Segment, Template, Variable};
use crate::percent::decode;

/// Segments that a template may have. Routes are found segment by segment, each a step deeper.
const MOST: usize = 100;

/// A template as far as it has been read.
pub struct Parser<'t> {
    pub text: &'t str,
    pub at: usize,
    pub template: Template,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), Error> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(problem)) }
    }

    pub fn error(&self, problem: &'static str) -> Error {
        Error { problem, at: self.at }
    }

    pub fn segments(&mut self, in_variable: bool) -> Result<(), Error> {
        loop {
            if matches!(self.template.segments.last(), Some(Segment::Rest)) {
                return Err(self.error("nothing but a verb may follow `**`"));
            }
            match self.peek() {
                Some(b'{') if in_variable => return Err(self.error("a variable within a variable")),
                Some(b'{') => self.variable()?,
                Some(b'*') => {
                    self.at += 1;
                    let segment = if self.eat(b'*') { Segment::Rest } else { Segment::Any };
                    self.template.segments.push(segment);
                }
                _ => {
                    let literal = self.literal()?;
                    self.template.segments.push(Segment::Literal(literal));
                }
            }
            if self.template.segments.len() > MOST {
                return Err(self.error("more than 100 segments"));
            }
            if !self.eat(b'/') {
                return Ok(());
            }
        }
    }

    fn variable(&mut self) -> Result<(), Error> {
        self.at += 1;
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')) {
            self.at += 1;
        }
        let field = self.text.get(start..self.at).unwrap_or_default().to_owned();
        if field.split('.').any(str::is_empty) {
            return Err(self.error("expected a field's name"));
        }
        if self.template.variables.iter().any(|variable| variable.field == field) {
            return Err(self.error("a variable that is there already"));
        }
        let from = self.template.segments.len();
        if self.eat(b'=') {
            self.segments(true)?;
        } else {
            self.template.segments.push(Segment::Any);
        }
        self.expect(b'}', "expected `}`")?;
        let to = self.template.segments.len();
        self.template.variables.push(Variable { field, from, to });
        Ok(())
    }

    pub fn literal(&mut self) -> Result<String, Error> {
        let start = self.at;
        while let Some(byte) = self.peek().filter(|byte| !b"/{}*:=".contains(byte)) {
            if !may_stand(byte) {
                return Err(self.error("a character that may not stand in a path"));
            }
            self.at += 1;
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        match decode(raw) {
            Some(text) if !text.is_empty() => Ok(text.into_owned()),
            Some(_) => Err(self.error("expected a segment")),
            None => Err(self.error("a broken percent encoding")),
        }
    }
}

/// Whether a byte may stand in a segment as it is (RFC 3986), or begins an encoding.
fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;@%".contains(&byte)
}
