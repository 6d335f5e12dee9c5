//! The types in which streams of messages are taken and answered.

use serde_json::{Value, json};

/// Those of requests, whose messages have this schema.
pub fn of_requests(schema: &Value, example: &Value) -> Value {
    let table = json!({
        "type": "string",
        "description": "A table: the first row names fields by their paths, amounts of money as `price.amount`, \
                        in capitals or not; an empty cell says nothing. Numbers have no thousands separators: \
                        what could be one is refused. Cells stand between commas, semicolons, tabs or bars, as \
                        the first row shows, a line `sep=;` before it says, or the media type's parameter \
                        `delimiter` (`comma`, `semicolon`, `tab`, `pipe`)."
    });
    json!({
        "application/json": {"schema": {"type": "array", "items": schema}, "example": [example]},
        "application/x-ndjson": {
            "schema": {
                "type": "string",
                "description": "Lines, each of them JSON.",
                "contentMediaType": "application/x-ndjson",
                "contentSchema": schema
            },
            "example": format!("{example}\n")
        },
        "text/csv": {"schema": table}
    })
}

/// Those of answers.
pub fn of_answers(schema: &Value, example: &Value) -> Value {
    // Of many values one after the other OpenAPI 3.1 knows only that they are text, and generators only how to
    // hand on a text: described as an object, it becomes one that never comes, or a file.
    let line = json!({
        "type": "object",
        "description": "One line: a result, or the error that ends the stream.",
        "properties": {
            "result": schema,
            "error": {"$ref": "#/components/schemas/Error/properties/error"}
        }
    });
    let events = json!({
        "type": "string",
        "description": "Server-sent events: `message` with a result, or `error`, which ends the stream."
    });
    let sequence = json!({
        "type": "string",
        "description": "The lines, each of them behind a record separator (RFC 7464)."
    });
    let table = json!({
        "type": "string",
        "description": "A table; one that a failure ends breaks off. How it is written, the media type's \
                        parameters say: `text/csv; delimiter=semicolon; bom=none; header=absent`."
    });
    json!({
        "application/json": {"schema": {"type": "array", "items": schema}, "example": [example]},
        "application/json-seq": {"schema": sequence},
        "application/x-ndjson": {
            "schema": {
                "type": "string",
                "description": "Lines, each of them JSON.",
                "contentMediaType": "application/x-ndjson",
                "contentSchema": line
            },
            "example": format!("{}\n", json!({"result": example}))
        },
        "text/csv": {"schema": table},
        "text/event-stream": {
            "schema": events,
            "example": format!("event: message\ndata: {example}\n\n")
        }
    })
}
