//! Contracts whose documentation would have no end, or would be made without end.

use prost_reflect::DescriptorPool;
use protox::{
    Compiler, Error,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};
use serde_json::Value;

use super::{all, describe};

/// One file of this text.
struct Source(String);

impl FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        if name == "a.proto" { File::from_source(name, &self.0) } else { Err(Error::file_not_found(name)) }
    }
}

/// The document of a service whose method takes and answers these, by this rule.
fn document(rule: &str, takes: &str, answers: &str, messages: &str) -> Value {
    let source = format!(
        "syntax = \"proto3\"; package a.v1;
        import \"google/api/annotations.proto\"; import \"buf/validate/validate.proto\";
        service S {{ rpc Get({takes}) returns ({answers}) {{ option (google.api.http) = {{{rule}}}; }} }}
        message Q {{ string id = 1; }}
        {messages}"
    );
    describe(&pool(&source), "a.v1.")
}

/// The contract of a file.
pub fn pool(source: &str) -> DescriptorPool {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Source(source.to_owned()));
    resolver.add(IncludeFileResolver::new(format!("{}/../proto", env!("CARGO_MANIFEST_DIR")).into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true).open_file("a.proto").unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

/// So many messages, each with fields of those that `next` gives.
fn messages(count: usize, next: impl Fn(usize) -> Vec<usize>) -> String {
    let one = |number: usize| {
        let fields = next(number).into_iter().enumerate();
        let fields = fields.map(|(index, next)| format!("M{next} f{index} = {};", index + 2));
        format!("message M{number} {{ string id = 1; {} }}\n", fields.collect::<String>())
    };
    (0..count).map(one).collect()
}

fn count(document: &Value) -> usize {
    let mut count = 0;
    all(document, &mut |_| count += 1);
    count
}

#[test]
fn a_long_chain_of_messages_needs_no_stack() {
    let length = 3_000;
    let chain = messages(length, |number| if number + 1 < length { vec![number + 1] } else { Vec::new() });
    let document = document("get: \"/x/{id}\"", "Q", "M0", &chain);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(schemas.contains_key("M0") && schemas.contains_key("M2999"));
    assert!(schemas.values().all(Value::is_object), "each is described");
}

#[test]
fn messages_that_hold_each_other_are_shown_up_to_a_bound() {
    let net = messages(12, |_| (0..12).collect());
    let ways = document("get: \"/x/{id}\"", "Q", "M0", &net);
    assert!((100..10_000).contains(&count(&ways["paths"])), "{}", count(&ways["paths"]));
    let doubled = messages(30, |number| if number < 29 { vec![number + 1; 2] } else { Vec::new() });
    let ways = document("get: \"/x/{id}\"", "Q", "M0", &doubled);
    assert!((100..10_000).contains(&count(&ways["paths"])), "{}", count(&ways["paths"]));
}

#[test]
fn a_query_is_described_as_far_down_as_it_is_not_too_wide() {
    let net = messages(12, |_| (0..12).collect());
    let wide = document("get: \"/x/{id}\"", "M0", "Q", &net);
    let names: Vec<_> = wide["paths"]["/x/{id}"]["get"]["parameters"].as_array().unwrap().iter().collect();
    let has = |name: &str| names.iter().any(|it| it["in"] == "query" && it["name"] == name);
    assert!(has("f0.id") && has("f11.id"), "what is near is all there");
    assert!(names.len() < 1_100, "{}", names.len());
}

#[test]
fn rules_may_ask_for_any_length() {
    let largest = u64::MAX;
    let field = |number: usize, rules: &str| {
        format!("string t{number} = {number} [(buf.validate.field).string = {{{rules}}}];")
    };
    let fields = [
        field(1, &format!("min_len: {largest}")),
        field(2, &format!("max_len: {largest}")),
        field(3, "pattern: \"^((a{1000}){1000}){1000}$\""),
        field(4, "pattern: \"^(((){1000}){1000}){1000}$\""),
        field(5, "min_len: 20"),
    ];
    let message = format!("message M {{ {} }}", fields.concat());
    let document = document("post: \"/x\" body: \"*\"", "M", "M", &message);
    let example =
        &document["paths"]["/x"]["post"]["responses"]["200"]["content"]["application/json"]["example"];
    assert!(example["t1"].as_str().unwrap().len() <= 1_000);
    assert!(example["t3"].as_str().unwrap().len() <= 1_000);
    assert_eq!(example["t5"].as_str().unwrap().len(), 20);
}
