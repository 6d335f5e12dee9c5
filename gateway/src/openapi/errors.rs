//! Errors in the document.

use serde_json::{Map, Value, json};

/// The statuses that operations refer to, with what each is for.
const STATUSES: [(&str, &str, &str); 9] = [
    ("BadRequest", "400", "The request is not what it should be, or the state of things forbids it."),
    ("Unauthenticated", "401", "Not signed in, or the access token has expired."),
    ("PermissionDenied", "403", "Not allowed to this caller."),
    ("NotFound", "404", "There is nothing by this name, or nothing that this caller may see."),
    ("Conflict", "409", "It exists already, it changed meanwhile, or the same call is still running."),
    ("PreconditionFailed", "412", "It changed since the version that `If-Match` names."),
    ("TooLarge", "413", "The request's body is too large."),
    ("UnsupportedMediaType", "415", "The request's body has another type than this operation takes."),
    ("TooManyRequests", "429", "Too many requests; `Retry-After` says when to come back."),
];

/// A reference to the answer for a status.
pub fn response(status: &str) -> Value {
    let name = STATUSES.iter().find(|(_, there, _)| *there == status).map_or("Default", |(name, _, _)| name);
    json!({"$ref": format!("#/components/responses/{name}")})
}

/// The answers that operations refer to.
pub fn responses() -> Value {
    let answer = |description: &str| {
        json!({
            "description": description,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        })
    };
    let mut all: Map<String, Value> =
        STATUSES.iter().map(|(name, _, description)| ((*name).to_owned(), answer(description))).collect();
    all.insert("Default".to_owned(), answer("Any other failure."));
    all.into()
}

/// The form of every error (AIP-193).
pub fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A failure.",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "format": "int32", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The gRPC code, as `NOT_FOUND`."},
                "message": {"type": "string", "description": "For developers; not to be parsed."},
                "details": {
                    "type": "array",
                    "description": "What programs can act on. The first is a `google.rpc.ErrorInfo` with the \
                        `reason`; a `google.rpc.BadRequest` names bad fields.",
                    "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": {
                            "@type": {"type": "string"},
                            "reason": {"type": "string"},
                            "domain": {"type": "string"},
                            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                            "fieldViolations": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "properties": {
                                        "field": {"type": "string"},
                                        "description": {"type": "string"}
                                    }
                                }
                            },
                            "retryDelay": {"type": "string"}
                        },
                        "additionalProperties": true
                    }
                }
            }
        }}
    })
}
