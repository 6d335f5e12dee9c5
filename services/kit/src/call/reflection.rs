//! Server reflection (grpc.reflection v1 and v1alpha): what tools such as grpcurl ask to know the contracts.
//!
//! As the protocol has it, what is not known is an error in the answer, and the stream goes on: one stream
//! serves a client for as long as it likes, and half of what it asks is a guess.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor, ServiceDescriptor};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto};
use tokio::sync::OnceCell;
use tonic::{Code, Request, Response, Status, Streaming};

/// The protocol's own services.
pub const SERVICES: [&str; 2] =
    ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// As many questions are answered by one stream; one for each file and each message is far below.
const QUESTIONS: usize = 2_000;

/// What can be asked, cheap to clone.
#[derive(Clone)]
pub struct Reflection(Arc<Contracts>);

/// Where the contracts are taken from.
pub type Source = fn() -> Result<DescriptorPool, DescriptorError>;

struct Contracts {
    source: Source,
    services: Vec<String>,
    /// Made when somebody asks: it takes some MiB, which most processes never need.
    index: OnceCell<Index>,
}

struct Index {
    pool: DescriptorPool,
    /// The files of everything that has a name.
    symbols: HashMap<String, FileDescriptor>,
    /// Those that were asked for, by name: encoding one is what an answer costs.
    encoded: Mutex<HashMap<String, Vec<u8>>>,
    services: Vec<String>,
}

/// One answer, whatever the protocol's version.
enum Answer {
    File(FileDescriptor),
    Numbers(String, Vec<i32>),
    Services(Vec<String>),
    Error(Code, String),
}

impl Reflection {
    /// Of the contracts of `source`; `services` are served here, [`SERVICES`] among them.
    pub fn new<'a>(source: Source, services: impl IntoIterator<Item = &'a str>) -> Self {
        let mut services: Vec<String> = services.into_iter().map(str::to_owned).collect();
        services.sort_unstable();
        Self(Arc::new(Contracts { source, services, index: OnceCell::new() }))
    }

    async fn index(&self) -> Result<&Index, Status> {
        let Contracts { source, services, index } = &*self.0;
        let made = index.get_or_try_init(|| async { Index::new(source()?, services.clone()) }).await;
        made.map_err(|cause: DescriptorError| {
            Status::internal(format!("the contracts cannot be read: {cause}"))
        })
    }
}

impl Index {
    fn new(mut pool: DescriptorPool, services: Vec<String>) -> Result<Self, DescriptorError> {
        for own in [
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            pool.decode_file_descriptor_set(own)?;
        }
        let mut symbols = HashMap::new();
        for file in pool.files() {
            for name in names(&file) {
                symbols.insert(name, file.clone());
            }
        }
        Ok(Self { pool, symbols, encoded: Mutex::default(), services })
    }

    /// A file as it is sent.
    fn encoded(&self, file: &FileDescriptor) -> Vec<u8> {
        let mut known = self.encoded.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(file.name().to_owned()).or_insert_with(|| file.encode_to_vec()).clone()
    }

    fn file(&self, name: &str) -> Answer {
        let unknown = || Answer::Error(Code::NotFound, format!("there is no file {name:?}"));
        self.pool.get_file_by_name(name).map_or_else(unknown, Answer::File)
    }

    fn symbol(&self, name: &str) -> Answer {
        let unknown = || Answer::Error(Code::NotFound, format!("there is no symbol {name:?}"));
        self.symbols.get(name.trim_start_matches('.')).cloned().map_or_else(unknown, Answer::File)
    }

    fn extension(&self, of: &str, number: i32) -> Answer {
        let extended = self.pool.get_message_by_name(of.trim_start_matches('.'));
        let found =
            extended.zip(u32::try_from(number).ok()).and_then(|(it, number)| it.get_extension(number));
        match found {
            Some(extension) => Answer::File(extension.parent_file()),
            None => Answer::Error(Code::NotFound, format!("{of:?} has no extension {number}")),
        }
    }

    fn numbers(&self, of: &str) -> Answer {
        let Some(extended) = self.pool.get_message_by_name(of.trim_start_matches('.')) else {
            return Answer::Error(Code::NotFound, format!("there is no message {of:?}"));
        };
        let numbers = extended.extensions().filter_map(|it| i32::try_from(it.number()).ok());
        let mut numbers = numbers.collect::<Vec<_>>();
        numbers.sort_unstable();
        Answer::Numbers(extended.full_name().to_owned(), numbers)
    }
}

/// The full names of everything that a file declares.
fn names(file: &FileDescriptor) -> Vec<String> {
    let mut names = Names { found: Vec::new() };
    let proto = file.file_descriptor_proto();
    let package = proto.package();
    names.messages(package, &proto.message_type);
    names.enums(package, &proto.enum_type);
    names.fields(package, &proto.extension);
    for service in file.services() {
        let service: ServiceDescriptor = service;
        names.found.push(service.full_name().to_owned());
        names.found.extend(service.methods().map(|method| method.full_name().to_owned()));
    }
    names.found
}

struct Names {
    found: Vec<String>,
}

impl Names {
    fn add(&mut self, scope: &str, name: &str) -> String {
        let name = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.found.push(name.clone());
        name
    }

    fn messages(&mut self, scope: &str, messages: &[DescriptorProto]) {
        for message in messages {
            let name = self.add(scope, message.name());
            self.fields(&name, &message.field);
            self.fields(&name, &message.extension);
            for oneof in &message.oneof_decl {
                self.add(&name, oneof.name());
            }
            self.enums(&name, &message.enum_type);
            self.messages(&name, &message.nested_type);
        }
    }

    fn fields(&mut self, scope: &str, fields: &[FieldDescriptorProto]) {
        for field in fields {
            self.add(scope, field.name());
        }
    }

    /// A value's name stands beside its enum's, as in C++; many look for it within.
    fn enums(&mut self, scope: &str, enums: &[EnumDescriptorProto]) {
        for one in enums {
            let name = self.add(scope, one.name());
            for value in &one.value {
                self.add(scope, value.name());
                self.add(&name, value.name());
            }
        }
    }
}

/// Implements the service of one version; the messages differ in their packages alone.
macro_rules! serve {
    ($version:ident) => {
        #[tonic::async_trait]
        impl tonic_reflection::pb::$version::server_reflection_server::ServerReflection for Reflection {
            type ServerReflectionInfoStream =
                BoxStream<'static, Result<tonic_reflection::pb::$version::ServerReflectionResponse, Status>>;

            async fn server_reflection_info(
                &self,
                requests: Request<Streaming<tonic_reflection::pb::$version::ServerReflectionRequest>>,
            ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
                use tonic_reflection::pb::$version::{
                    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
                    ServerReflectionResponse, ServiceResponse, server_reflection_request::MessageRequest,
                    server_reflection_response::MessageResponse,
                };
                let (reflection, mut asked) = (self.clone(), 0);
                let answers = requests.into_inner().and_then(move |request| {
                    asked += 1;
                    let (reflection, asked) = (reflection.clone(), asked);
                    async move {
                        if asked > QUESTIONS {
                            return Err(Status::resource_exhausted("so much is asked by no tool"));
                        }
                        let index = reflection.index().await?;
                        let answer = match &request.message_request {
                            Some(MessageRequest::FileByFilename(name)) => index.file(name),
                            Some(MessageRequest::FileContainingSymbol(name)) => index.symbol(name),
                            Some(MessageRequest::FileContainingExtension(it)) => {
                                index.extension(&it.containing_type, it.extension_number)
                            }
                            Some(MessageRequest::AllExtensionNumbersOfType(name)) => index.numbers(name),
                            Some(MessageRequest::ListServices(_)) => Answer::Services(index.services.clone()),
                            None => Answer::Error(Code::InvalidArgument, "nothing is asked".to_owned()),
                        };
                        let answer = match answer {
                            Answer::File(file) => {
                                MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                                    file_descriptor_proto: vec![index.encoded(&file)],
                                })
                            }
                            Answer::Numbers(base_type_name, extension_number) => {
                                MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                                    base_type_name,
                                    extension_number,
                                })
                            }
                            Answer::Services(names) => {
                                let service =
                                    names.into_iter().map(|name| ServiceResponse { name }).collect();
                                MessageResponse::ListServicesResponse(ListServiceResponse { service })
                            }
                            Answer::Error(code, error_message) => {
                                MessageResponse::ErrorResponse(ErrorResponse {
                                    error_code: code as i32,
                                    error_message,
                                })
                            }
                        };
                        Ok(ServerReflectionResponse {
                            valid_host: request.host.clone(),
                            original_request: Some(request),
                            message_response: Some(answer),
                        })
                    }
                });
                Ok(Response::new(answers.boxed()))
            }
        }
    };
}

serve!(v1);
serve!(v1alpha);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_has_a_name_is_found() {
        let index = Index::new(contracts::pool().clone(), Vec::new()).unwrap();
        for (name, file) in [
            ("feira.order.v1.OrderService", "feira/order/v1/order.proto"),
            ("feira.order.v1.OrderService.Checkout", "feira/order/v1/order.proto"),
            (".feira.order.v1.Order.total", "feira/order/v1/order.proto"),
            ("feira.order.v1.ORDER_STATE_PAID", "feira/order/v1/order.proto"),
            ("feira.order.v1.OrderState.ORDER_STATE_PAID", "feira/order/v1/order.proto"),
            ("google.api.http", "google/api/annotations.proto"),
            ("google.protobuf.FieldDescriptorProto.TYPE_STRING", "google/protobuf/descriptor.proto"),
            ("grpc.health.v1.Health.List", "grpc/health/v1/health.proto"),
        ] {
            match index.symbol(name) {
                Answer::File(found) => assert_eq!(found.name(), file, "{name}"),
                _ => panic!("{name} is known"),
            }
        }
        assert!(matches!(index.symbol("feira.order.v1"), Answer::Error(Code::NotFound, _)));
    }

    #[test]
    fn extensions_are_known_by_number() {
        let index = Index::new(contracts::pool().clone(), Vec::new()).unwrap();
        let options = "google.protobuf.MethodOptions";
        let Answer::Numbers(_, numbers) = index.numbers(options) else { panic!("it is extended") };
        assert!(numbers.contains(&72_295_728) && numbers.is_sorted(), "google.api.http: {numbers:?}");
        assert!(matches!(index.extension(options, 72_295_728), Answer::File(_)));
        assert!(matches!(index.extension(options, -1), Answer::Error(Code::NotFound, _)));
        assert!(matches!(index.numbers("nothing"), Answer::Error(Code::NotFound, _)));
    }
}
