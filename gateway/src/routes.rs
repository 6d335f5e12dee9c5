//! The edge's own router: finds the route of a method and a path.
//!
//! A verb is matched before anything else; then literal segments beat variables, segment by segment, so
//! that the order in which routes are added never matters. What could be a verb, and is none that a route at this path
//! has, is a part of its segment: `urn:isbn:1`.

use std::collections::HashMap;

use http::Method;

use crate::template::{Path, Piece, Segment, Template, split};

/// Routes to values of `T`.
#[derive(Debug)]
pub struct Routes<T> {
    root: Node,
    values: Vec<T>,
}

/// What a request's method and path lead to.
#[derive(Debug)]
pub enum Found<'r, 'p, T> {
    /// A route, and the path's segments, of which its template makes the variables' values.
    Route(&'r T, Vec<Piece<'p>>),
    /// The path is there, with these methods only.
    OtherMethods(Vec<Method>),
    /// No such path.
    Nothing,
    /// A percent encoding in the path is broken.
    Malformed,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    any: Option<Box<Node>>,
    rest: Option<Box<Node>>,
    ends: Vec<End>,
}

#[derive(Debug)]
struct End {
    verb: Option<String>,
    methods: Vec<(Method, usize)>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { root: Node::default(), values: Vec::new() }
    }
}

impl<T> Routes<T> {
    /// Adds a route. One with the same method and the same segments is given back as the error: no path
    /// could distinguish the two.
    pub fn add(&mut self, method: Method, template: &Template, value: T) -> Result<(), &T> {
        let mut node = &mut self.root;
        for segment in &template.segments {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Any => node.any.get_or_insert_default(),
                Segment::Rest => node.rest.get_or_insert_default(),
            };
        }
        let index = self.values.len();
        match node.ends.iter_mut().find(|end| end.verb == template.verb) {
            Some(end) => {
                if let Some((_, taken)) = end.methods.iter().find(|(there, _)| *there == method) {
                    return Err(&self.values[*taken]);
                }
                end.methods.push((method, index));
            }
            None => node.ends.push(End { verb: template.verb.clone(), methods: vec![(method, index)] }),
        }
        self.values.push(value);
        Ok(())
    }

    /// Finds the route of a request. HEAD is answered as GET is, where it has no route of its own.
    pub fn find<'p>(&self, method: &Method, path: &'p str) -> Found<'_, 'p, T> {
        self.search(Some(method), path)
    }

    /// The methods that a path has, HEAD and OPTIONS among them; none where there is no such path.
    pub fn methods(&self, path: &str) -> Vec<Method> {
        match self.search(None, path) {
            Found::OtherMethods(methods) => with_implied(methods),
            Found::Route(..) | Found::Nothing | Found::Malformed => Vec::new(),
        }
    }

    fn search<'p>(&self, method: Option<&Method>, path: &'p str) -> Found<'_, 'p, T> {
        let Some(Path { mut segments, verb }) = split(path) else { return Found::Malformed };
        let mut allowed = Vec::new();
        if let (Some((before, verb)), Some(last)) = (verb, segments.last_mut()) {
            let whole = std::mem::replace(last, before);
            match self.root.find(&segments, Some(&verb), method, &mut allowed) {
                Some(index) => return Found::Route(&self.values[index], segments),
                // The verb is there, by other methods.
                None if !allowed.is_empty() => return Found::OtherMethods(allowed),
                None => _ = segments.pop(),
            }
            segments.push(whole);
        }
        match self.root.find(&segments, None, method, &mut allowed) {
            Some(index) => Found::Route(&self.values[index], segments),
            None if allowed.is_empty() => Found::Nothing,
            None => Found::OtherMethods(allowed),
        }
    }

    /// All routes, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter()
    }
}

impl Node {
    fn find(
        &self,
        segments: &[Piece<'_>],
        verb: Option<&str>,
        method: Option<&Method>,
        allowed: &mut Vec<Method>,
    ) -> Option<usize> {
        let Some((first, left)) = segments.split_first() else {
            let rest = self.rest.as_deref();
            return self.end(verb, method, allowed).or_else(|| rest?.end(verb, method, allowed));
        };
        if first.text.is_empty() {
            // An empty segment, such as a trailing slash, belongs to no path.
            return None;
        }
        if let Some(node) = self.literals.get(&*first.text)
            && let Some(found) = node.find(left, verb, method, allowed)
        {
            return Some(found);
        }
        if let Some(node) = &self.any
            && let Some(found) = node.find(left, verb, method, allowed)
        {
            return Some(found);
        }
        let rest = self.rest.as_deref()?;
        if left.iter().any(|segment| segment.text.is_empty()) {
            None
        } else {
            rest.end(verb, method, allowed)
        }
    }

    fn end(&self, verb: Option<&str>, method: Option<&Method>, allowed: &mut Vec<Method>) -> Option<usize> {
        let end = self.ends.iter().find(|end| end.verb.as_deref() == verb)?;
        let of = |method: &Method| end.methods.iter().find(|(there, _)| there == method);
        let found = match method {
            Some(&Method::HEAD) => of(&Method::HEAD).or_else(|| of(&Method::GET)),
            Some(method) => of(method),
            None => None,
        };
        if found.is_none() {
            allowed.extend(end.methods.iter().map(|(method, _)| method.clone()));
        }
        found.map(|(_, index)| *index)
    }
}

/// Adds what every path answers to as well, and sorts.
pub fn with_implied(mut methods: Vec<Method>) -> Vec<Method> {
    if methods.is_empty() {
        return methods;
    }
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    methods.push(Method::OPTIONS);
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    methods.dedup();
    methods
}

#[cfg(test)]
mod tests;
