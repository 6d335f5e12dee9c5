//! Every RPC that REST has and that is no stream, as a method of [`Client`], over either edge. Names and types come from
//! the contracts; where REST has it is read from their descriptors.

use std::sync::LazyLock;

use http::Method;
use prost::Name;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};

use super::{
    client::{Client, Edge},
    outcome::Outcome,
    transcode,
};

/// A method and where REST has it.
#[derive(Debug)]
pub struct Rpc {
    pub service: String,
    pub name: String,
    pub method: Method,
    pub paths: Vec<String>,
    pub body: String,
}

/// All methods that REST has.
pub static RPCS: LazyLock<Vec<Rpc>> = LazyLock::new(|| {
    let pool = contracts::pool();
    let services = pool.services().filter(|service| service.full_name().starts_with("feira."));
    services
        .flat_map(|service| service.methods().filter_map(|method| Rpc::of(&method)).collect::<Vec<_>>())
        .collect()
});

impl Rpc {
    /// The method of this name.
    pub fn named(service: &str, name: &str) -> &'static Self {
        let mut rpcs = RPCS.iter();
        rpcs.find(|rpc| rpc.service == service && rpc.name == name).expect("a method that REST has")
    }

    fn of(method: &MethodDescriptor) -> Option<Self> {
        let http =
            contracts::pool().get_extension_by_name("google.api.http").expect("an option of the contracts");
        let options = method.options();
        let rule = options.has_extension(&http).then(|| options.get_extension(&http).into_owned())?;
        let rule = rule.as_message().expect("a message");
        let more = rule.get_field_by_name("additional_bindings").expect("a field").into_owned();
        let more = more.as_list().expect("a list").iter().filter_map(Value::as_message);
        let bindings: Vec<_> = std::iter::once(rule).chain(more).map(binding).collect();
        let (verb, body) = (bindings[0].0.clone(), bindings[0].2.clone());
        assert!(
            bindings.iter().all(|it| it.0 == verb && it.2 == body),
            "{}: told apart by paths",
            method.full_name()
        );
        Some(Self {
            service: method.parent_service().full_name().to_owned(),
            name: method.name().to_owned(),
            method: verb,
            paths: bindings.into_iter().map(|(_, path, _)| path).collect(),
            body,
        })
    }
}

/// The method, path and body of a `google.api.http` rule.
fn binding(rule: &DynamicMessage) -> (Method, String, String) {
    let text =
        |field: &str| rule.get_field_by_name(field).expect("a field").as_str().expect("a text").to_owned();
    let methods = [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH];
    let mut paths = methods.into_iter().map(|method| (text(&method.as_str().to_lowercase()), method));
    let (path, method) = paths.find(|(path, _)| !path.is_empty()).expect("a method and a path");
    (method, path, text("body"))
}

macro_rules! rpcs {
    ($($service:literal $client:ty {
        $($function:ident($request:ty) -> $answer:ty: $name:literal;)+
    })+) => {
        impl Client {
            $($(pub async fn $function(&self, request: $request) -> Outcome<$answer> {
                let call = || async {
                    match self.edge {
                        Edge::Rest => {
                            let rpc = Rpc::named($service, $name);
                            self.rest(rpc.method.clone(), transcode::request(&request, &rpc.paths, &rpc.body)).await
                        }
                        Edge::Grpc => {
                            let mut client = <$client>::new(self.channel(<$request as Name>::PACKAGE));
                            Self::answered(client.$function(self.sign(request.clone())).await)
                        }
                    }
                };
                self.until_answered(call).await
            })+)+
        }
    };
}

contracts::each_rpc!(rpcs);
