//! Feira's contracts in Rust: messages, clients and servers of every package, the checks of every
//! request, and the descriptors from which access, REST and documentation follow.

pub mod check;
pub mod codec;
pub mod errors;
pub mod list;
pub mod mask;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The compiled descriptors of every contract, options and comments included.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// [`DESCRIPTORS`], decoded once.
pub fn pool() -> &'static DescriptorPool {
    #[allow(clippy::expect_used, reason = "made by our own build script from the same bytes")]
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("embedded descriptors decode"));
    &POOL
}

/// The packages, nested as their names are: generated code refers to its neighbours that way.
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "generated")]
pub mod feira {
    pub mod access {
        pub mod v1 {
            tonic::include_proto!("feira.access.v1");
        }
    }
    pub mod errors {
        pub mod v1 {
            tonic::include_proto!("feira.errors.v1");
        }
    }
    pub mod http {
        pub mod v1 {
            tonic::include_proto!("feira.http.v1");
        }
    }
    pub mod user {
        pub mod v1 {
            tonic::include_proto!("feira.user.v1");
        }
    }
    pub mod article {
        pub mod v1 {
            tonic::include_proto!("feira.article.v1");
        }
    }
    pub mod order {
        pub mod v1 {
            tonic::include_proto!("feira.order.v1");
        }
    }
    pub mod payment {
        pub mod v1 {
            tonic::include_proto!("feira.payment.v1");
        }
    }
    pub mod mesh {
        pub mod v1 {
            tonic::include_proto!("feira.mesh.v1");
        }
    }
    pub mod event {
        pub mod v1 {
            tonic::include_proto!("feira.event.v1");
        }
    }
}

/// The parts of Google's common packages that the contracts use.
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "generated")]
pub mod google {
    pub mod api {
        tonic::include_proto!("google.api");
    }
    pub mod r#type {
        tonic::include_proto!("google.r#type");
    }
}

/// The standard health protocol.
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "generated")]
pub mod grpc {
    pub mod health {
        pub mod v1 {
            tonic::include_proto!("grpc.health.v1");
        }
    }
}

pub use check::{Check, Violation, Violations};
pub use feira::access::v1 as access;
pub use feira::article::v1 as article;
pub use feira::event::v1 as event;
pub use feira::http::v1 as http;
pub use feira::mesh::v1 as mesh;
pub use feira::order::v1 as order;
pub use feira::payment::v1 as payment;
pub use feira::user::v1 as user;
pub use google::r#type::Money;
pub use grpc::health::v1 as health;
pub use mask::{Mask, Masked};

/// What `proto/generate` makes of the contracts' rules.
#[allow(clippy::all, unused_imports, unused_variables, reason = "generated")]
mod generated {
    use crate::{
        check::{
            Anything, Bound, Bounds, Check, Distinct, Enumeration, Integer, Items, Nested, Path, Pattern,
            Present, Rule, Rules, Set, Text, UpdateMask, Violations, all, is_set,
        },
        list::Listing,
        mask::{Fields, Mask, Masked},
    };

    include!(concat!(env!("OUT_DIR"), "/checks.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_hold_comments_and_options() {
        let file = pool().get_file_by_name("feira/user/v1/user.proto").expect("it is compiled");
        let comments = file.file_descriptor_proto().source_code_info.as_ref().expect("source info");
        let says = |text: &str| comments.location.iter().any(|it| it.leading_comments().contains(text));
        assert!(says("Erases a user"));

        let tokens = pool().get_message_by_name("feira.user.v1.Tokens").expect("it is there");
        let options = tokens.get_field_by_name("access_token").expect("it is there").options();
        assert!(options.has_field_by_name("debug_redact"));
        let service = pool().get_service_by_name("feira.user.v1.UserService").expect("it is there");
        let method = service.methods().next().expect("a method");
        assert!(method.options().extensions().any(|(it, _)| it.full_name() == "feira.access.v1.rule"));
    }
}
