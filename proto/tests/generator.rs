//! What the generator writes, and above all what it refuses.

#![allow(clippy::expect_used, reason = "tests")]

#[path = "../generate/mod.rs"]
mod generate;

use std::collections::HashMap;

use prost_reflect::DescriptorPool;
use protox::{
    Compiler, Error,
    file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver},
};

/// Files that stand only in a test, before those of the contracts.
struct Sources(HashMap<&'static str, String>);

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        match self.0.get(name) {
            Some(source) => File::from_source(name, source),
            None => Err(Error::file_not_found(name)),
        }
    }
}

const RULES: &str = "buf/validate/validate.proto";

/// Compiles a contract with these definitions; `more` are further files.
fn pool(definitions: &str, more: &[(&'static str, String)]) -> DescriptorPool {
    let imports = [
        "buf/validate/validate.proto",
        "google/api/annotations.proto",
        "google/api/field_behavior.proto",
        "google/protobuf/empty.proto",
        "google/protobuf/field_mask.proto",
        "google/protobuf/struct.proto",
        "google/type/money.proto",
    ];
    let imports = imports.map(|name| format!("import \"{name}\";\n")).concat();
    let source = format!("syntax = \"proto3\";\npackage shop.v1;\n{imports}\n{definitions}");
    let mut sources = HashMap::from([("shop.proto", source)]);
    sources.extend(more.iter().cloned());
    let mut resolver = ChainFileResolver::new();
    resolver.add(Sources(sources));
    resolver.add(IncludeFileResolver::new(env!("CARGO_MANIFEST_DIR").into()));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file("shop.proto").expect("the test's contract compiles");
    compiler.descriptor_pool()
}

/// A method that takes `Request`, whose fields these are.
fn request(fields: &str) -> DescriptorPool {
    pool(
        &format!(
            "{SERVICE} message Request {{ {fields} }} message Answer {{}} enum Colour {{ RED = 0; BLUE = 2; }}"
        ),
        &[],
    )
}

const SERVICE: &str = "service Shop { rpc Do(Request) returns (Answer); }";

fn source(pool: &DescriptorPool) -> String {
    generate::generate(pool).expect("nothing to refuse").source
}

fn refusal(pool: &DescriptorPool) -> String {
    generate::generate(pool).err().expect("a refusal").to_string()
}

/// The contracts' own rules with a line more in a message of theirs.
fn extended(message: &str, line: &str) -> (&'static str, String) {
    let own = include_str!("../buf/validate/validate.proto");
    let open = format!("message {message} {{");
    assert!(own.contains(&open));
    (RULES, own.replace(&open, &format!("{open}\n{line}")))
}

#[test]
fn a_rule_becomes_one_line() {
    let source =
        source(&request("int32 number = 1 [(buf.validate.field).int32 = {gte: 1 lte: 2147483647}];"));
    let line = r#"Integer { lte: Some(2147483647), gte: Some(1), ..Integer::ANY }.check(&self.number, &at.field("number"), found);"#;
    assert!(source.contains(line), "{source}");
}

#[test]
fn words_of_rust_are_escaped() {
    let source = source(&request("string type = 1; oneof match { string in = 2; }"));
    assert!(source.contains("&self.r#type, &at.field(\"type\")"), "{source}");
    assert!(source.contains("&self.r#match") && source.contains("request::Match::In(value)"), "{source}");
}

#[test]
fn a_pattern_is_compiled_once() {
    let pattern = "[(buf.validate.field).string.pattern = \"^a$\"]";
    let source = source(&request(&format!("string one = 1 {pattern}; string two = 2 {pattern};")));
    assert_eq!(source.matches("Pattern::new").count(), 1);
}

#[test]
fn a_message_cannot_be_both_request_and_answer() {
    let pool = pool(
        "service Shop { rpc Do(Thing) returns (Other); rpc Undo(Other) returns (Thing); } \
         message Thing {} message Other {}",
        &[],
    );
    assert!(
        refusal(&pool).starts_with("shop.v1.Other: is a request of one method and the answer of another")
    );
}

#[test]
fn empty_can_be_both() {
    let pool = pool("service Shop { rpc Do(google.protobuf.Empty) returns (google.protobuf.Empty); }", &[]);
    assert!(!source(&pool).contains("impl"));
}

#[test]
fn other_messages_of_google_cannot_travel_by_themselves() {
    let pool = pool("service Shop { rpc Do(google.protobuf.Empty) returns (google.protobuf.Struct); }", &[]);
    assert!(refusal(&pool).contains("google.protobuf.Struct cannot travel by itself"));
}

#[test]
fn cel_is_refused() {
    let definitions = format!(
        "{SERVICE} message Request {{ string a = 1 [(buf.validate.field).cel = \"this != ''\"]; }} message Answer {{}}"
    );
    let pool = pool(&definitions, &[extended("FieldRules", "repeated string cel = 23;")]);
    assert_eq!(refusal(&pool), "shop.v1.Request.a: unknown rule `cel`");
}

#[test]
fn rules_that_the_generator_does_not_know_are_refused() {
    let cases = [
        (
            "StringRules",
            "optional string prefix = 7;",
            "string a = 1 [(buf.validate.field).string.prefix = \"x\"];",
            "prefix",
        ),
        (
            "FieldRules",
            "optional int32 ignore = 27;",
            "string a = 1 [(buf.validate.field).ignore = 3];",
            "ignore",
        ),
        (
            "RepeatedRules",
            "optional bool sorted = 9;",
            "repeated string a = 1 [(buf.validate.field).repeated.sorted = true];",
            "sorted",
        ),
        (
            "EnumRules",
            "repeated int32 example = 5;",
            "Answer.Colour a = 1 [(buf.validate.field).enum.example = 1];",
            "example",
        ),
        (
            "Int32Rules",
            "repeated int32 example = 8;",
            "int32 a = 1 [(buf.validate.field).int32.example = 1];",
            "example",
        ),
    ];
    for (message, line, field, rule) in cases {
        let definitions = format!(
            "{SERVICE} message Request {{ {field} }} message Answer {{ enum Colour {{ RED = 0; }} }}"
        );
        let pool = pool(&definitions, &[extended(message, line)]);
        assert_eq!(refusal(&pool), format!("shop.v1.Request.a: unknown rule `{rule}`"));
    }
}

#[test]
fn rules_of_a_whole_message_are_refused() {
    let (name, rules) = extended("OneofRules", "");
    let rules = format!(
        "{rules}\nmessage MessageRules {{ repeated string cel = 3; }}\n\
         extend google.protobuf.MessageOptions {{ optional MessageRules message = 1159; }}"
    );
    let definitions = format!(
        "{SERVICE} message Request {{ option (buf.validate.message).cel = \"x\"; }} message Answer {{}}"
    );
    assert_eq!(
        refusal(&pool(&definitions, &[(name, rules)])),
        "shop.v1.Request: unknown rules (buf.validate.message)"
    );
}

#[test]
fn rules_known_only_by_number_are_refused() {
    // Field 23 of FieldRules (`cel`) as it looks to those whose copy does not have it.
    let with_cel = pool(
        &format!(
            "{SERVICE} message Request {{ string a = 1 [(buf.validate.field).cel = \"x\"]; }} message Answer {{}}"
        ),
        &[extended("FieldRules", "repeated string cel = 23;")],
    );
    let without = request("string a = 1;");
    let mut mixed = DescriptorPool::new();
    let shop = |file: &prost_reflect::FileDescriptor| file.name() == "shop.proto";
    for file in without.files().filter(|file| !shop(file)).chain(with_cel.files().filter(shop)) {
        mixed.decode_file_descriptor_proto(file.encode_to_vec().as_slice()).expect("it fits together");
    }
    assert_eq!(refusal(&mixed), "shop.v1.Request.a: unknown rule or option, number 23");
}

#[test]
fn rules_must_fit_their_fields() {
    let cases = [
        ("int32 a = 1 [(buf.validate.field).string.min_len = 1];", "rules of `string` do not fit"),
        ("int64 a = 1 [(buf.validate.field).int32.gt = 1];", "rules of `int32` do not fit"),
        ("string a = 1 [(buf.validate.field).repeated.min_items = 1];", "rules of `repeated` do not fit"),
        (
            "repeated string a = 1 [(buf.validate.field).string.min_len = 1];",
            "rules of `string` on a repeated",
        ),
        (
            "repeated string a = 1 [(buf.validate.field).repeated.items.required = true];",
            "cannot be required",
        ),
        ("repeated Answer a = 1 [(buf.validate.field).repeated.unique = true];", "only items that are plain"),
        ("string a = 1 [(buf.validate.field).string.pattern = \"(\"];", "its pattern is none"),
        ("Colour a = 1 [(buf.validate.field).enum.const = 1];", "shop.v1.Colour has no value 1"),
        (
            "oneof b { string a = 1 [(buf.validate.field).required = true]; }",
            "only the oneof can be required",
        ),
        ("map<string, string> a = 1;", "maps in requests"),
        ("google.protobuf.Struct a = 1;", "google.protobuf.Struct in requests"),
        (
            "string a = 1 [(google.api.field_behavior) = OUTPUT_ONLY, (buf.validate.field).string.min_len = 1];",
            "requests ignore it",
        ),
    ];
    for (field, problem) in cases {
        let refusal = refusal(&request(field));
        assert!(refusal.starts_with("shop.v1.Request.a: ") && refusal.contains(problem), "{refusal}");
    }
}

#[test]
fn lists_in_requests_have_bounds() {
    let bounded = "[(buf.validate.field).repeated.max_items = 7]";
    let within = |field: &str| {
        pool(
            &format!(
                "{SERVICE} message Request {{ Inner a = 1; repeated Inner b = 2 {bounded}; string c = 3; }} \
                 message Inner {{ {field} repeated int32 e = 5 {bounded}; Inner f = 6; }} message Answer {{}}"
            ),
            &[],
        )
    };
    let missing = "shop.v1.Inner.d: a list in a request needs `max_items`";
    assert_eq!(refusal(&within("repeated string d = 4;")), missing);
    let ignored = "repeated string d = 4 [(google.api.field_behavior) = OUTPUT_ONLY];";
    let source = source(&within(ignored));
    for line in [
        "number: 2, name: \"b\", most: Some(7), packed: false, within: Some(&BOUNDS_SHOP_V1_INNER)",
        "number: 1, name: \"a\", most: None, packed: false, within: Some(&BOUNDS_SHOP_V1_INNER)",
        "number: 5, name: \"e\", most: Some(7), packed: true, within: None",
        "number: 6, name: \"f\", most: None, packed: false, within: Some(&BOUNDS_SHOP_V1_INNER)",
    ] {
        assert!(source.contains(line), "{source}");
    }
    assert!(!source.contains("name: \"c\", most") && !source.contains("name: \"d\", most"), "{source}");
}

#[test]
fn bounds_that_no_value_keeps_are_refused() {
    let cases = [
        "int32 a = 1 [(buf.validate.field).int32 = {gte: 2 lte: 1}];",
        "int64 a = 1 [(buf.validate.field).int64 = {gt: 1 lt: 2}];",
        "string a = 1 [(buf.validate.field).string = {min_len: 2 max_len: 1}];",
        "repeated int32 a = 1 [(buf.validate.field).repeated = {min_items: 2 max_items: 1}];",
    ];
    for field in cases {
        assert_eq!(refusal(&request(field)), "shop.v1.Request.a: no value keeps these bounds");
    }
}

/// An update of `Thing`, with this HTTP rule and these fields beside the resource.
fn update(http: &str, beside: &str) -> DescriptorPool {
    pool(
        &format!(
            "service Shop {{ rpc Update(UpdateRequest) returns (Thing) {{ option (google.api.http) = {{{http}}}; }} }}
             message Thing {{ string id = 1; string name = 2; int32 size = 3; Part part = 4; }}
             message Part {{ string name = 1; Part inner = 2; google.type.Money price = 3; }}
             message UpdateRequest {{ Thing thing = 1; google.protobuf.FieldMask update_mask = 2; {beside} }}"
        ),
        &[],
    )
}

#[test]
fn an_update_knows_its_resource_its_path_and_its_fields() {
    let source = source(&update("patch: \"/v1/things/{thing.id}\" body: \"thing\"", "Part other = 3;"));
    assert!(
        source.contains(r#"writable: &["name", "size", "part", "part.name", "part.inner", "part.price"],"#),
        "{source}"
    );
    assert!(source.contains(r#"ignored: &["id"],"#));
    assert!(source.contains(r#"Set.check(&resource.id, &at.field("thing").field("id"), found);"#));
}

#[test]
fn only_what_every_path_binds_is_required() {
    let source = source(&update(
        "patch: \"/v1/things/{thing.id=*}\" body: \"thing\"
         additional_bindings: {patch: \"/v1/things/by-name/{thing.name}\" body: \"thing\"}",
        "",
    ));
    assert!(!source.contains("Set.check"), "{source}");
}

#[test]
fn an_update_whose_resource_is_unclear_is_refused() {
    let refusal = refusal(&update("patch: \"/v1/things\" body: \"*\"", "Part other = 3;"));
    assert_eq!(refusal, "shop.v1.UpdateRequest: has an update_mask, and 2 fields that can be its resource");
}

#[test]
fn a_path_binds_only_strings_of_the_resource() {
    for variable in ["thing.size", "thing.part.name", "thing.colour"] {
        let refusal = refusal(&update(&format!("patch: \"/v1/{{{variable}}}\" body: \"thing\""), ""));
        assert!(refusal.contains("which is no plain string"), "{refusal}");
    }
}

#[test]
fn secrets_get_a_debug_of_ours() {
    let pool = request(
        "string login = 1; string token = 2 [debug_redact = true];
         string password = 3 [(google.api.field_behavior) = INPUT_ONLY];",
    );
    let generated = generate::generate(&pool).expect("nothing to refuse");
    assert_eq!(generated.own_debug, ["shop.v1.Request"]);
    assert_eq!(generated.source.matches("[redacted]").count(), 2);
}

#[test]
fn a_secret_in_a_oneof_is_refused() {
    let refusal =
        refusal(&request("oneof either { string token = 1 [debug_redact = true]; string name = 2; }"));
    assert_eq!(refusal, "shop.v1.Request.token: a secret cannot be part of a oneof");
}

/// The reasons' contract with this one in it beside the others.
fn reasons(value: &str) -> DescriptorPool {
    let name = "feira/errors/v1/errors.proto";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let ours = std::fs::read_to_string(path).expect("the contract");
    let (before, _) = ours.rsplit_once('}').expect("an enum");
    pool(&format!("import \"{name}\";"), &[(name, format!("{before}\n{value}\n}}\n"))])
}

#[test]
fn a_reason_has_a_name_a_code_a_cause_and_a_remedy() {
    let written = generate::generate(&reasons(
        "// It rains.\n// As `umbrella` says.\n//\n// Do: stay in.\nREASON_BAD_WEATHER = 999 [(code) = DATA_LOSS, (http_status) = 418];",
    ));
    let written = written.expect("nothing to refuse").reasons;
    for line in [
        "Self::BadWeather => \"BAD_WEATHER\",",
        "Self::BadWeather => Code::DataLoss,",
        "Self::BadWeather => Some(418),",
        "Self::BadWeather => \"It rains. As `umbrella` says.\",",
        "Self::BadWeather => \"Stay in.\",",
    ] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    for (value, problem) in [
        ("// It rains. Do: stay in.\nREASON_RAIN = 999;", "has no code"),
        ("REASON_RAIN = 999 [(code) = INTERNAL];", "its comment says nothing after `Do: `"),
        ("// Do: stay in.\nREASON_RAIN = 999 [(code) = INTERNAL];", "its comment says no cause"),
        ("// It rains. Do: stay in.\nRAIN = 999 [(code) = INTERNAL];", "does not begin with REASON_"),
    ] {
        let told = refusal(&reasons(value));
        assert!(told.contains("RAIN") && told.contains(problem), "{told}");
    }
}
