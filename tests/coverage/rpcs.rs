//! The RPCs of the contracts.

use prost_reflect::{DynamicMessage, Value};

/// One RPC.
pub struct Rpc {
    pub service: String,
    pub name: String,
    /// It has a REST path.
    pub rest: bool,
    /// It may be called from outside the mesh.
    pub outside: bool,
}

impl Rpc {
    /// The name of the Rust function that calls it.
    pub fn function(&self) -> String {
        let mut name = String::new();
        for letter in self.name.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}

/// All RPCs of Feira's own services.
pub fn all() -> Vec<Rpc> {
    let pool = contracts::pool();
    let extension = |name: &str| pool.get_extension_by_name(name).expect("an option of the contracts");
    let (http, rule) = (extension("google.api.http"), extension("feira.access.v1.rule"));
    let services = pool.services().filter(|service| service.full_name().starts_with("feira."));
    let of = |service: prost_reflect::ServiceDescriptor| {
        let methods: Vec<_> = service.methods().collect();
        methods.into_iter().map(move |method| (service.full_name().to_owned(), method))
    };
    services
        .flat_map(of)
        .map(|(service, method)| {
            let options: DynamicMessage = method.options();
            let who = match options.get_extension(&rule).as_ref() {
                Value::Message(rule) => rule.get_field_by_name("who").and_then(|who| who.as_enum_number()),
                _ => None,
            };
            Rpc {
                service,
                name: method.name().to_owned(),
                rest: options.has_extension(&http),
                outside: who != Some(contracts::access::Who::Mesh as i32),
            }
        })
        .collect()
}
