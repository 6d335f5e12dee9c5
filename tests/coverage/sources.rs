//! What the sources of the tests say: which tests there are, over which edge each runs, which functions they
//! say they cover, and what they call, directly or through what the tests stand on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{Attribute, Expr, ItemFn, visit::Visit};

/// One test.
#[derive(Debug)]
pub struct Test {
    /// Where it is: `orders::staff_place_an_order_for_a_user`, or the file's name where it is no Rust.
    pub name: String,
    /// Its file, relative to `tests/`.
    pub file: String,
    pub covers: Vec<String>,
    rest: bool,
    grpc: bool,
    /// What it calls, by the bare names: at first directly, in the end also through others.
    calls: BTreeSet<String>,
}

/// The tests that call an RPC, over each edge.
#[derive(Debug, Default)]
pub struct Edges {
    pub rest: Vec<String>,
    pub grpc: Vec<String>,
}

/// All black-box tests.
#[derive(Debug, Default)]
pub struct Suite {
    pub tests: Vec<Test>,
    /// What each function of the suite calls, by its name and its file.
    calls: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

impl Suite {
    /// Reads `tests/`.
    pub fn read(tests: &Path) -> Self {
        let mut suite = Self::default();
        suite.folder(tests, &tests.join("shop"));
        for folder in ["clients", "drills", "manifests"] {
            suite.scripts(tests, &tests.join(folder));
        }
        let reached: Vec<_> = suite.tests.iter().map(|test| suite.reach(test)).collect();
        for (test, calls) in suite.tests.iter_mut().zip(reached) {
            test.calls = calls;
        }
        suite.tests.sort_by(|a, b| a.name.cmp(&b.name));
        suite
    }

    /// The tests that say that they cover a function.
    pub fn covering(&self, key: &str) -> Vec<&Test> {
        self.tests.iter().filter(|test| test.covers.iter().any(|it| it == key)).collect()
    }

    /// The tests that call a function of the clients, by its name.
    pub fn edges(&self, function: &str) -> Edges {
        let mut edges = Edges::default();
        for test in self.tests.iter().filter(|test| test.calls.contains(function)) {
            if test.rest {
                edges.rest.push(test.name.clone());
            }
            if test.grpc {
                edges.grpc.push(test.name.clone());
            }
        }
        edges
    }

    /// Adds to what a test calls directly what it calls through functions of the suite. A name means the
    /// function of the same file, else the only one of that name; calls of others are not followed.
    fn reach(&self, test: &Test) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<(&str, &String)> =
            test.calls.iter().map(|name| (test.file.as_str(), name)).collect();
        while let Some((file, name)) = open.pop() {
            reached.insert(name.clone());
            let Some(files) = self.calls.get(name) else { continue };
            let only = || files.iter().next().filter(|_| files.len() == 1);
            let Some((found, calls)) = files.get_key_value(file).or_else(only) else { continue };
            open.extend(
                calls.iter().filter(|next| !reached.contains(*next)).map(|next| (found.as_str(), next)),
            );
        }
        reached
    }

    fn folder(&mut self, tests: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.folder(tests, &path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                self.file(tests, &path);
            }
        }
    }

    fn file(&mut self, tests: &Path, path: &Path) {
        let source = syn::parse_file(&fs::read_to_string(path).unwrap()).unwrap();
        let file = path.strip_prefix(tests).unwrap().to_string_lossy().into_owned();
        let module = file
            .trim_start_matches("shop/")
            .trim_end_matches(".rs")
            .trim_end_matches("/mod")
            .replace('/', "::");
        let mut found = Found::default();
        found.visit_file(&source);
        for (name, function) in found.functions {
            self.calls.entry(name.clone()).or_default().insert(file.clone(), function.calls.clone());
            let (rest, grpc) = match found.listed.get(&name) {
                Some(edges) => *edges,
                None if function.is_test => (false, false),
                None => continue,
            };
            let rest = rest || function.calls.contains("Rest");
            let name = format!("{module}::{name}");
            self.tests.push(Test {
                name,
                file: file.clone(),
                covers: function.covers,
                rest,
                grpc,
                calls: function.calls,
            });
        }
    }

    /// Tests in other languages say what they cover in a comment too.
    fn scripts(&mut self, tests: &Path, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                self.scripts(tests, &path);
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let covers: Vec<String> =
                text.lines().map(|line| line.trim_start_matches(['#', '/', ' '])).flat_map(covered).collect();
            if !covers.is_empty() {
                let name = path.strip_prefix(tests).unwrap().to_string_lossy().into_owned();
                let (file, calls) = (name.clone(), BTreeSet::new());
                self.tests.push(Test { name, file, covers, rest: false, grpc: false, calls });
            }
        }
    }
}

/// What a line says after `Covers:`.
fn covered(line: &str) -> Vec<String> {
    let Some(keys) = line.trim().strip_prefix("Covers:") else { return Vec::new() };
    keys.trim().trim_end_matches('.').split(',').map(|key| key.trim().to_owned()).collect()
}

/// What a file has.
#[derive(Default)]
struct Found {
    functions: BTreeMap<String, Function>,
    /// Tests listed by a macro, with whether they run over REST and over gRPC.
    listed: BTreeMap<String, (bool, bool)>,
}

struct Function {
    is_test: bool,
    covers: Vec<String>,
    calls: BTreeSet<String>,
}

impl Found {
    fn function(&mut self, name: String, attributes: &[Attribute], calls: Calls) {
        let is_test =
            attributes.iter().any(|it| it.path().segments.last().is_some_and(|it| it.ident == "test"));
        let covers = attributes.iter().filter_map(comment).flat_map(|line| covered(&line)).collect();
        let function = Function { is_test, covers, calls: calls.0 };
        match self.functions.get_mut(&name) {
            Some(same) => same.calls.extend(function.calls),
            None => drop(self.functions.insert(name, function)),
        }
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let mut calls = Calls::default();
        calls.visit_block(&item.block);
        self.function(item.sig.ident.to_string(), &item.attrs, calls);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let mut calls = Calls::default();
        calls.visit_block(&item.block);
        self.function(item.sig.ident.to_string(), &item.attrs, calls);
    }

    /// `tests!(a, b)`, `on_both_edges!(…)`, `each!(module: setup; a, b)`: the names stand last.
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let Some(name) = item.mac.path.get_ident().map(ToString::to_string) else { return };
        let tokens = item.mac.tokens.to_string();
        let edges = match name.as_str() {
            "on_both_edges" => (true, true),
            "tests" | "on_every_database" | "each" => (tokens.contains("Rest"), true),
            _ => return,
        };
        let names = tokens.rsplit(';').find(|part| !part.trim().is_empty()).unwrap_or_default();
        for test in names.split(',').map(str::trim).filter(|test| !test.is_empty()) {
            let known = self.listed.entry(test.to_owned()).or_default();
            *known = (known.0 || edges.0, known.1 || edges.1);
        }
    }
}

fn comment(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| text.value())
}

/// The bare names of everything that is called or named by a path; within macros, every name.
#[derive(Default)]
struct Calls(BTreeSet<String>);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.0.insert(call.method.to_string());
        syn::visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(last) = path.path.segments.last() {
            self.0.insert(last.ident.to_string());
        }
        syn::visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, inner: &'ast syn::Macro) {
        let text = inner.tokens.to_string();
        let names = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        self.0.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
}
