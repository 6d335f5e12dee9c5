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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(list: &[(&str, &'static str)]) -> Routes<&'static str> {
        let mut routes = Routes::default();
        for (method, template) in list {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            routes.add(method, &Template::parse(template).unwrap(), *template).unwrap();
        }
        routes
    }

    fn shop() -> Routes<&'static str> {
        routes(&[
            ("GET", "/v1/orders/{id}"),
            ("DELETE", "/v1/orders/{id}"),
            ("GET", "/v1/orders/open"),
            ("GET", "/v1/orders/{id}:watch"),
            ("POST", "/v1/orders/{id}:cancel"),
            ("GET", "/v1/{kind}/open/x"),
            ("GET", "/v1/files/{path=**}"),
            ("GET", "/v1/files/{a}/{b}"),
        ])
    }

    fn found<'r>(routes: &'r Routes<&'static str>, method: Method, path: &str) -> Result<&'r str, String> {
        match routes.find(&method, path) {
            Found::Route(name, _) => Ok(name),
            Found::OtherMethods(methods) => Err(format!("{methods:?}")),
            Found::Nothing => Err("nothing".to_owned()),
            Found::Malformed => Err("malformed".to_owned()),
        }
    }

    #[test]
    fn literal_segments_beat_variables_segment_by_segment() {
        let routes = shop();
        assert_eq!(found(&routes, Method::GET, "/v1/orders/open"), Ok("/v1/orders/open"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/o%70en"), Ok("/v1/orders/open"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/ord_1"), Ok("/v1/orders/{id}"));
        assert_eq!(found(&routes, Method::DELETE, "/v1/orders/open"), Ok("/v1/orders/{id}"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/open/x"), Ok("/v1/{kind}/open/x"));
        assert_eq!(found(&routes, Method::GET, "/v1/files/x/y"), Ok("/v1/files/{a}/{b}"));
        assert_eq!(found(&routes, Method::GET, "/v1/files/x/y/z"), Ok("/v1/files/{path=**}"));
        assert_eq!(found(&routes, Method::GET, "/v1/files"), Ok("/v1/files/{path=**}"));
    }

    #[test]
    fn a_verb_needs_a_route_of_its_own() {
        let routes = shop();
        assert_eq!(found(&routes, Method::GET, "/v1/orders/a:watch"), Ok("/v1/orders/{id}:watch"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/a%3Awatch"), Ok("/v1/orders/{id}"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/a:b:watch"), Ok("/v1/orders/{id}:watch"));
        assert_eq!(found(&routes, Method::GET, "/v1/orders/a:cancel"), Err("[POST]".to_owned()));
        assert_eq!(found(&routes, Method::POST, "/v1/orders/a:watch"), Err("[GET]".to_owned()));
    }

    #[test]
    fn a_colon_that_starts_no_verb_is_data() {
        let routes = shop();
        for path in ["a:other", "a:", ":a", "urn:isbn:1", "2001:db8::1", ":watch", "a:watch:"] {
            let path = format!("/v1/orders/{path}");
            assert_eq!(found(&routes, Method::GET, &path), Ok("/v1/orders/{id}"), "{path}");
        }
        assert_eq!(found(&routes, Method::GET, "/v1/files/a:b/c:d/e:f"), Ok("/v1/files/{path=**}"));
        assert_eq!(found(&routes, Method::GET, "/v1/nothing:x"), Err("nothing".to_owned()));
    }

    #[test]
    fn head_and_options_can_have_routes_of_their_own() {
        let routes = routes(&[
            ("HEAD", "/a/{id}"),
            ("GET", "/a/{id}"),
            ("GET", "/b"),
            ("OPTIONS", "/b"),
            ("HEAD", "/c"),
        ]);
        for (index, path) in ["/a/1", "/b", "/c"].into_iter().enumerate() {
            match routes.find(&Method::HEAD, path) {
                Found::Route(_, _) => {}
                other => panic!("{index}: {other:?}"),
            }
        }
        let methods = |path| routes.methods(path).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(methods("/a/1"), ["GET", "HEAD", "OPTIONS"]);
        assert_eq!(methods("/b"), ["GET", "HEAD", "OPTIONS"]);
        assert_eq!(methods("/c"), ["HEAD", "OPTIONS"]);
        assert_eq!(found(&routes, Method::OPTIONS, "/b"), Ok("/b"));
        assert!(found(&routes, Method::OPTIONS, "/a/1").is_err());
    }

    #[test]
    fn the_methods_of_a_path_are_known() {
        let routes = shop();
        assert_eq!(found(&routes, Method::PATCH, "/v1/orders/open"), Err("[GET, GET, DELETE]".to_owned()));
        assert_eq!(routes.methods("/v1/orders/open"), ["DELETE", "GET", "HEAD", "OPTIONS"]);
        assert_eq!(routes.methods("/v1/orders/x:cancel"), ["OPTIONS", "POST"]);
        assert!(routes.methods("/v2").is_empty());
    }

    #[test]
    fn empty_segments_lead_nowhere() {
        let routes = shop();
        for path in [
            "/",
            "/v1/orders/",
            "/v1/orders/open/",
            "//v1/orders/open",
            "/v1//open",
            "/v1/files/a//b",
            "/v1/files/a/",
        ] {
            assert_eq!(found(&routes, Method::GET, path), Err("nothing".to_owned()), "{path}");
        }
        assert_eq!(found(&routes, Method::GET, "/v1/orders/%zz"), Err("malformed".to_owned()));
    }

    #[test]
    fn two_routes_that_no_path_tells_apart_are_refused() {
        let mut routes = shop();
        let again = Template::parse("/v1/orders/{order_id=*}").unwrap();
        assert!(routes.add(Method::GET, &again, "again").is_err());
        assert!(routes.add(Method::PUT, &again, "put").is_ok());
    }

    proptest! {
        #[test]
        fn finding_never_panics(path in "/?([a-z/:%*.]|%[0-9a-f]{2}){0,40}", any in ".*") {
            let routes = shop();
            let _ = routes.find(&Method::GET, &path);
            let _ = routes.find(&Method::POST, &any);
            let _ = routes.methods(&path);
        }
    }
}
