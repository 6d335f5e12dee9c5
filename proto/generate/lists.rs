//! Which requests are of lists: those with a `page_token` (AIP-158).

use std::fmt::Write as _;

use prost_reflect::{Kind, MessageDescriptor};

use super::{methods::Methods, names};

/// Writes `Listing` for every request that has `page_size` and `page_token`.
pub fn write(methods: &Methods, source: &mut String) {
    for request in methods.requests.values().filter(|request| is_list(&request.message)) {
        let name = names::message(&request.message);
        let _ = write!(
            source,
            "
impl Listing for {name} {{
    fn take_paging(&mut self) -> (i32, String) {{
        (std::mem::take(&mut self.page_size), std::mem::take(&mut self.page_token))
    }}
}}
"
        );
    }
}

fn is_list(request: &MessageDescriptor) -> bool {
    let is = |name: &str, kind: &Kind| {
        request.get_field_by_name(name).is_some_and(|field| field.kind() == *kind && !field.is_list())
    };
    is("page_token", &Kind::String) && is("page_size", &Kind::Int32)
}
