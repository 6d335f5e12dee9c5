//! Contracts from files, and what is wrong with some.

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions,
    MethodDescriptorProto, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use super::*;

fn file(name: &str, imports: &[&str], service: Option<&str>) -> FileDescriptorProto {
    let service =
        service.map(|name| ServiceDescriptorProto { name: Some(name.to_owned()), ..Default::default() });
    FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some("a.v1".to_owned()),
        dependency: imports.iter().map(ToString::to_string).collect(),
        service: service.into_iter().collect(),
        syntax: Some("proto3".to_owned()),
        ..Default::default()
    }
}

fn read(file: Vec<FileDescriptorProto>) -> Result<Contract, String> {
    Contract::of_set(&FileDescriptorSet { file }.encode_to_vec()).map_err(|error| error.to_string())
}

fn names(contract: &Contract, named: &[&str]) -> Result<Vec<String>, String> {
    let named: Vec<_> = named.iter().map(ToString::to_string).collect();
    let services = contract.services(&named)?;
    Ok(services.iter().map(|service| service.full_name().to_owned()).collect())
}

#[test]
fn files_come_in_any_order_and_well_known_ones_may_be_left_out() {
    let imports = ["b.proto", "google/api/annotations.proto", "google/protobuf/timestamp.proto"];
    let contract = read(vec![
        file("a.proto", &imports, Some("Shop")),
        file("b.proto", &["c.proto"], Some("Store")),
        file("c.proto", &[], None),
    ])
    .unwrap();
    assert_eq!(names(&contract, &[]).unwrap(), ["a.v1.Shop", "a.v1.Store"]);
    assert_eq!(names(&contract, &["a.v1.Store"]).unwrap(), ["a.v1.Store"]);
    assert_eq!(names(&contract, &["a"]).unwrap().len(), 2, "a package, with those in it");
    assert_eq!(names(&contract, &["a.v1.Sho"]), Err("a.v1.Sho".to_owned()));
}

#[test]
fn what_is_missing_or_goes_in_a_circle_is_named() {
    let problem = |files| read(files).unwrap_err();
    assert_eq!(
        problem(vec![file("a.proto", &["b.proto"], Some("S"))]),
        "a.proto imports b.proto, which is missing"
    );
    let circle = vec![
        file("a.proto", &["b.proto"], Some("S")),
        file("b.proto", &["c.proto"], None),
        file("c.proto", &["b.proto"], None),
    ];
    assert_eq!(problem(circle), "files import each other in a circle: b.proto → c.proto → b.proto");
    assert_eq!(
        problem(vec![file("a.proto", &["a.proto"], Some("S"))]),
        "files import each other in a circle: a.proto → a.proto"
    );
    assert_eq!(problem(vec![file("a.proto", &[], None)]), "there is no service in it");
    assert!(Contract::of_set(b"nonsense").unwrap_err().to_string().contains("no FileDescriptorSet"));
    let twice = FileDescriptorProto { name: Some("b.proto".to_owned()), ..file("a.proto", &[], Some("S")) };
    assert!(problem(vec![file("a.proto", &[], Some("S")), twice]).contains("not valid"));
}

#[test]
fn a_long_chain_of_imports_needs_no_stack_and_too_much_is_refused() {
    let chain = |length: usize| {
        let one = |number: usize| {
            let next = format!("{}.proto", number + 1);
            let imports = if number + 1 < length { vec![next.as_str()] } else { Vec::new() };
            file(&format!("{number}.proto"), &imports, (number == 0).then_some("S"))
        };
        (0..length).map(one).collect::<Vec<_>>()
    };
    assert!(read(chain(2_000)).is_ok());
    assert!(read(chain(files::MOST_FILES + 1)).unwrap_err().contains("more than 5000 files"));
}

#[test]
fn the_same_contract_is_known_again() {
    let one = || read(vec![file("a.proto", &[], Some("S"))]).unwrap();
    assert!(one().is_same(&one()));
    assert!(!one().is_same(&read(vec![file("a.proto", &[], Some("T"))]).unwrap()));
    // What every server has is no part of it.
    let health = FileDescriptorProto {
        package: Some("grpc.health.v1".to_owned()),
        ..file("h.proto", &[], Some("Health"))
    };
    let both = read(vec![file("a.proto", &[], Some("S")), health]).unwrap();
    assert_eq!(names(&both, &[]).unwrap(), ["a.v1.S"]);
}

#[test]
fn what_its_reader_does_not_look_at_is_looked_at() {
    let problem = |change: &dyn Fn(&mut FileDescriptorProto)| {
        let mut one = file("a.proto", &[], Some("S"));
        one.message_type.push(DescriptorProto { name: Some("M".to_owned()), ..Default::default() });
        change(&mut one);
        read(vec![one]).unwrap_err()
    };
    let unknown = problem(&|file| file.syntax = Some("proto4".to_owned()));
    assert!(unknown.contains("a.proto is written in `proto4`"), "{unknown}");
    for name in ["a b", "a/b", "a?b", "a..b", "ä", "", "1x", "a\nb", "*"] {
        let service = problem(&|file| file.service[0].name = Some(name.to_owned()));
        assert!(service.contains("can be no service's name") && !service.contains('\n'), "{service}");
        let method = MethodDescriptorProto {
            name: Some(name.to_owned()),
            input_type: Some(".a.v1.M".to_owned()),
            output_type: Some(".a.v1.M".to_owned()),
            ..Default::default()
        };
        let method = problem(&|file| file.service[0].method.push(method.clone()));
        assert!(method.contains("can be no method's name"), "{method}");
        let message = problem(&|file| file.message_type[0].name = Some(name.to_owned()));
        assert!(message.contains("can be no message's name"), "{message}");
    }
    let field = |name: &str, number, kind| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional as i32),
        r#type: Some(kind as i32),
        ..Default::default()
    };
    let (key, value) = (field("key", 1, Type::String), field("value", 2, Type::String));
    for fields in [
        vec![],
        vec![key.clone()],
        vec![value.clone()],
        vec![key.clone(), value.clone(), field("more", 3, Type::String)],
        vec![field("key", 1, Type::Double), value.clone()],
        vec![field("key", 1, Type::Bytes), value],
    ] {
        let entry = DescriptorProto {
            name: Some("Entry".to_owned()),
            field: fields,
            options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
            ..Default::default()
        };
        let problem = problem(&|file| file.message_type[0].nested_type = vec![entry.clone()]);
        assert!(problem.ends_with("a.v1.M.Entry is no entry of a map"), "{problem}");
    }
}

#[tokio::test]
async fn a_reader_that_panics_is_an_error() {
    let read = apart(|| panic!("descriptors that nobody foresaw")).await;
    assert!(matches!(read, Err(ContractError::Invalid(_))));
}

#[test]
fn an_edition_that_is_not_known_is_named() {
    let mut file =
        FileDescriptorProto { syntax: Some("editions".to_owned()), ..file("a.proto", &[], Some("S")) }
            .encode_to_vec();
    // `edition`, which prost does not know: 9999, a test's own.
    file.extend_from_slice(&[14 << 3, 0x8f, 0x4e]);
    let set = [&[10, file.len() as u8][..], &file].concat();
    let refused = Contract::of_set(&set).unwrap_err().to_string();
    assert!(refused.contains("a.proto has an edition (number 9999)"), "{refused}");
}
