//! Errors in the document.

use contracts::errors::{DOMAIN, Reason, code_name};
use serde_json::{Map, Value, json};

/// An answer that operations refer to.
struct Status {
    /// The answer's name.
    name: &'static str,
    http: u16,
    description: &'static str,
    /// That of its example.
    reason: Reason,
    message: &'static str,
}

/// All of them.
#[rustfmt::skip]
const STATUSES: [Status; 12] = [
    Status {
        name: "BadRequest", http: 400, reason: Reason::Validation,
        description: "The request is not what it should be, or the state of things forbids it.",
        message: "`page_size`: must be at least 0",
    },
    Status {
        name: "Unauthenticated", http: 401, reason: Reason::Unauthenticated,
        description: "Not signed in, or the access token is no longer good.",
        message: "sign in first",
    },
    Status {
        name: "PermissionDenied", http: 403, reason: Reason::PermissionDenied,
        description: "Not allowed to this caller.",
        message: "this is not allowed to you",
    },
    Status {
        name: "NotFound", http: 404, reason: Reason::NotFound,
        description: "There is nothing by this name, or nothing that this caller may see.",
        message: "there is no such thing",
    },
    Status {
        name: "Conflict", http: 409, reason: Reason::AlreadyExists,
        description: "It exists already, it changed meanwhile, or the same call is still running.",
        message: "this is taken",
    },
    Status {
        name: "PreconditionFailed", http: 412, reason: Reason::EtagMismatch,
        description: "It changed since the version that `If-Match` names.",
        message: "it was changed meanwhile",
    },
    Status {
        name: "TooLarge", http: 413, reason: Reason::RequestTooLarge,
        description: "The request's body is too large.",
        message: "the request's body is larger than 4194304 bytes",
    },
    Status {
        name: "UnsupportedMediaType", http: 415, reason: Reason::UnsupportedMediaType,
        description: "The request's body has another type than this operation takes.",
        message: "the request's body must be sent with `content-type: application/json`",
    },
    Status {
        name: "TooManyRequests", http: 429, reason: Reason::RateLimited,
        description: "Too many requests; `Retry-After` says when to come back.",
        message: "too many tries",
    },
    Status {
        name: "Internal", http: 500, reason: Reason::Internal,
        description: "A fault of the server. What it was is in its log, by `x-request-id`.",
        message: "internal error",
    },
    Status {
        name: "Unavailable", http: 503, reason: Reason::UpstreamUnavailable,
        description: "A service that the call needs cannot be reached. Nothing was changed; it may be repeated.",
        message: "the service cannot be reached",
    },
    Status {
        name: "DeadlineExceeded", http: 504, reason: Reason::DeadlineExceeded,
        description: "The time for the call has passed. What it did is not known: repeat it by its idempotency key.",
        message: "the time for this call has passed",
    },
];

/// A reference to the answer for a status.
pub fn response(status: &str) -> Value {
    let name = match status {
        "304" => "NotModified",
        _ => shared(status).map_or("Default", |it| it.name),
    };
    json!({"$ref": format!("#/components/responses/{name}")})
}

/// The answer for a status with an example of its own.
pub fn with_message(status: &str, reason: Reason, message: &'static str) -> Value {
    let Some(shared) = shared(status) else { return response(status) };
    Status { reason, message, ..*shared }.answer(shared.description)
}

fn shared(status: &str) -> Option<&'static Status> {
    STATUSES.iter().find(|it| it.http.to_string() == status)
}

/// The answer for 400 with an example about a field.
pub fn of_field(field: &str, description: &str) -> Value {
    let mut answer = response("400");
    if let Some(shared) = shared("400") {
        answer = shared.answer(shared.description);
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
        all.insert(status.name.to_owned(), status.answer(&status.described()));
    }
    all.insert("NotModified".to_owned(), json!({"description": "It is still what `If-None-Match` names."}));
    all.insert(
        "Default".to_owned(),
        json!({
            "description": described("Any other failure.", |reason| {
                STATUSES.iter().all(|status| status.http != reason.http_status())
            }),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        }),
    );
    all
}

impl Status {
    /// What it means, then each reason that it comes with: its cause, and what a caller can do.
    fn described(&self) -> String {
        described(self.description, |it| it.http_status() == self.http || it == self.reason)
    }

    fn answer(&self, description: &str) -> Value {
        let mut details = vec![json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": self.reason.as_str(),
            "domain": DOMAIN,
            "metadata": {}
        })];
        match self.reason {
            Reason::Validation => details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "page_size", "description": "must be at least 0"}]
            })),
            Reason::RateLimited => details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "30s"
            })),
            _ => {}
        }
        let mut out = Map::from_iter([
            ("description".to_owned(), json!(description)),
            (
                "content".to_owned(),
                json!({"application/json": {
                    "schema": {"$ref": "#/components/schemas/Error"},
                    "example": {"error": {
                        "code": self.http, "status": code_name(self.reason.code()), "message": self.message, "details": details
                    }}
                }}),
            ),
        ]);
        let header = match self.http {
            401 => Some(("WWW-Authenticate", "How to sign in.")),
            429 | 503 => Some(("Retry-After", "Seconds to wait, or the time to come back at.")),
            _ => None,
        };
        if let Some((name, description)) = header {
            let header = json!({"description": description, "schema": {"type": "string"}});
            out.insert("headers".to_owned(), json!({name: header}));
        }
        out.into()
    }
}

/// A failure, then the reasons that it comes with.
fn described(failure: &str, reasons: impl Fn(Reason) -> bool) -> String {
    let reasons = Reason::ALL.iter().copied().filter(|reason| reasons(*reason));
    let each = reasons.map(|it| format!("\n- `{it}`: {} *{}*", it.cause(), it.remedy()));
    format!("{failure}\n\nBy `reason`:\n{}", each.collect::<String>())
}

/// What is said of reasons.
const REASON: &str = "Which failure it is: what programs decide by. The document's responses list them by status. New ones may \
    come: whoever does not know a reason goes by `code`.";

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
                            "reason": {"type": "string", "description": REASON},
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
