//! Errors in the document.

use serde_json::{Map, Value, json};

/// A status that operations refer to.
struct Status {
    /// The answer's name.
    name: &'static str,
    http: &'static str,
    description: &'static str,
    /// The gRPC code.
    code: &'static str,
    reason: &'static str,
    message: &'static str,
}

/// All of them.
#[rustfmt::skip]
const STATUSES: [Status; 12] = [
    Status {
        name: "BadRequest", http: "400", code: "INVALID_ARGUMENT", reason: "VALIDATION",
        description: "The request is not what it should be, or the state of things forbids it.",
        message: "`page_size`: must be at least 0",
    },
    Status {
        name: "Unauthenticated", http: "401", code: "UNAUTHENTICATED", reason: "UNAUTHENTICATED",
        description: "Not signed in, or the access token is no longer good.",
        message: "sign in first",
    },
    Status {
        name: "PermissionDenied", http: "403", code: "PERMISSION_DENIED", reason: "PERMISSION_DENIED",
        description: "Not allowed to this caller.",
        message: "this is not allowed to you",
    },
    Status {
        name: "NotFound", http: "404", code: "NOT_FOUND", reason: "NOT_FOUND",
        description: "There is nothing by this name, or nothing that this caller may see.",
        message: "there is no such thing",
    },
    Status {
        name: "Conflict", http: "409", code: "ALREADY_EXISTS", reason: "ALREADY_EXISTS",
        description: "It exists already, it changed meanwhile, or the same call is still running.",
        message: "this is taken",
    },
    Status {
        name: "PreconditionFailed", http: "412", code: "ABORTED", reason: "ETAG_MISMATCH",
        description: "It changed since the version that `If-Match` names.",
        message: "it was changed meanwhile",
    },
    Status {
        name: "TooLarge", http: "413", code: "RESOURCE_EXHAUSTED", reason: "REQUEST_TOO_LARGE",
        description: "The request's body is too large.",
        message: "the request's body is larger than 4194304 bytes",
    },
    Status {
        name: "UnsupportedMediaType", http: "415", code: "INVALID_ARGUMENT", reason: "UNSUPPORTED_MEDIA_TYPE",
        description: "The request's body has another type than this operation takes.",
        message: "the request's body must be sent with `content-type: application/json`",
    },
    Status {
        name: "TooManyRequests", http: "429", code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED",
        description: "Too many requests; `Retry-After` says when to come back.",
        message: "too many tries",
    },
    Status {
        name: "Internal", http: "500", code: "INTERNAL", reason: "INTERNAL",
        description: "A fault of the server. What it was is in its log, by `x-request-id`.",
        message: "internal error",
    },
    Status {
        name: "Unavailable", http: "503", code: "UNAVAILABLE", reason: "UPSTREAM_UNAVAILABLE",
        description: "A service that the call needs cannot be reached. Nothing was changed; it may be repeated.",
        message: "the service cannot be reached",
    },
    Status {
        name: "DeadlineExceeded", http: "504", code: "DEADLINE_EXCEEDED", reason: "DEADLINE_EXCEEDED",
        description: "The time for the call has passed. What it did is not known: repeat it by its idempotency key.",
        message: "the time for this call has passed",
    },
];

/// A reference to the answer for a status.
pub fn response(status: &str) -> Value {
    let name = match status {
        "304" => "NotModified",
        _ => STATUSES.iter().find(|it| it.http == status).map_or("Default", |it| it.name),
    };
    json!({"$ref": format!("#/components/responses/{name}")})
}

/// The answer for a status with an example of its own.
pub fn with_message(status: &str, reason: &'static str, message: &'static str) -> Value {
    let Some(shared) = STATUSES.iter().find(|it| it.http == status) else { return response(status) };
    let code = match reason {
        "ETAG_MISMATCH" | "IDEMPOTENCY_IN_PROGRESS" => "ABORTED",
        _ => shared.code,
    };
    Status { reason, message, code, ..*shared }.answer()
}

/// The answer for 400 with an example about a field.
pub fn of_field(field: &str, description: &str) -> Value {
    let mut answer = response("400");
    if let Some(shared) = STATUSES.iter().find(|it| it.http == "400") {
        answer = shared.answer();
        let error = &mut answer["content"]["application/json"]["example"]["error"];
        error["message"] = json!(format!("`{field}`: {description}"));
        error["details"][1]["fieldViolations"] = json!([{"field": field, "description": description}]);
    }
    answer
}

/// The answers that operations refer to.
pub fn responses() -> Map<String, Value> {
    let mut all = Map::new();
    for status in STATUSES {
        all.insert(status.name.to_owned(), status.answer());
    }
    all.insert("NotModified".to_owned(), json!({"description": "It is still what `If-None-Match` names."}));
    all.insert(
        "Default".to_owned(),
        json!({
            "description": "Any other failure.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        }),
    );
    all
}

impl Status {
    fn answer(&self) -> Value {
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.reason,
            "domain": "feira",
            "metadata": {}
        })];
        match self.reason {
            "VALIDATION" => details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "page_size", "description": "must be at least 0"}]
            })),
            "RATE_LIMITED" => details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "30s"
            })),
            _ => {}
        }
        let http: u16 = self.http.parse().unwrap_or_default();
        let mut out = Map::from_iter([
            ("description".to_owned(), json!(self.description)),
            (
                "content".to_owned(),
                json!({"application/json": {
                    "schema": {"$ref": "#/components/schemas/Error"},
                    "example": {"error": {
                        "code": http, "status": self.code, "message": self.message, "details": details
                    }}
                }}),
            ),
        ]);
        let header = match self.http {
            "401" => Some(("WWW-Authenticate", "How to sign in.")),
            "429" => Some(("Retry-After", "Seconds to wait.")),
            _ => None,
        };
        if let Some((name, description)) = header {
            let header = json!({"description": description, "schema": {"type": "string"}});
            out.insert("headers".to_owned(), json!({name: header}));
        }
        out.into()
    }
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
