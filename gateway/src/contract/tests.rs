//! Contracts from files, and what is wrong with some.

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet, ServiceDescriptorProto};

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
    Contract::read(&FileDescriptorSet { file }.encode_to_vec()).map_err(|error| error.to_string())
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
    assert!(Contract::read(b"nonsense").unwrap_err().to_string().contains("no FileDescriptorSet"));
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
