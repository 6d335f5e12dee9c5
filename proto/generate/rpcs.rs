//! The methods that REST has, as a macro: whoever wants a function for each needs no list of them.

use std::fmt::Write as _;

use heck::ToSnakeCase as _;
use prost_reflect::{DescriptorPool, MessageDescriptor, ServiceDescriptor};

use super::{methods, names};

/// Writes `each_rpc!`, with every method that REST has and that is no stream.
pub fn write(pool: &DescriptorPool, source: &mut String) {
    source.push_str(
        "
/// Calls a macro with every method that REST has and that is no stream, by service: its full name, the type of its
/// client, and its methods' names, requests and answers.
#[macro_export]
macro_rules! each_rpc {
    ($then:ident) => {
        $then! {
",
    );
    for service in pool.services() {
        let methods = service.methods().filter(|method| {
            !method.is_client_streaming() && !method.is_server_streaming() && methods::is_in_rest(method)
        });
        let methods = methods.collect::<Vec<_>>();
        if methods.is_empty() {
            continue;
        }
        let _ = writeln!(source, "            {:?} {} {{", service.full_name(), client(&service));
        for method in methods {
            let _ = writeln!(
                source,
                "                {}({}) -> {}: {:?};",
                method.name().to_snake_case(),
                outside(&method.input()),
                outside(&method.output()),
                method.name(),
            );
        }
        source.push_str("            }\n");
    }
    source.push_str("        }\n    };\n}\n");
}

/// The type of a service's client.
fn client(service: &ServiceDescriptor) -> String {
    let package = service.package_name().replace('.', "::");
    let name = service.name();
    format!("$crate::{package}::{}_client::{name}Client<_>", name.to_snake_case())
}

/// A message's path as other crates see it.
fn outside(message: &MessageDescriptor) -> String {
    let path = names::message(message);
    path.strip_prefix("crate::").map_or(path.clone(), |path| format!("$crate::{path}"))
}
