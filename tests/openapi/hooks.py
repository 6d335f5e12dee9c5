"""What schemathesis is told of Feira: who it is, what it must not do to itself, and two checks of its own that
know proto3's JSON."""

import json
import os
import re

import jsonschema
import schemathesis
from hypothesis import strategies
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi.checks import negative_data_rejection

# The one who fuzzes, and somebody on whom what would end her is done instead.
MYSELF = {"me", os.environ["FUZZ_USER_ID"]}
VICTIM = os.environ["FUZZ_VICTIM_ID"]
ENDING = {
    "UserService_UpdateUser",
    "UserService_DeleteUser",
    "UserService_ChangePassword",
    "UserService_SetRoles",
    "UserService_DisableUser",
}

# Our own two checks compare the document's rules with the service's. Where they differ, mostly an exception is to be
# named here: nothing to stop a short run for.
LONG = "FUZZ_LONG" in os.environ

# What a schema cannot say of a field, so that data which fits it may still be refused.
BEYOND_SCHEMAS = {
    "page_token": "only the server makes one",
    "update_mask": "names fields",
    "etag": "as the server gave it",
    "nanos": "has the sign of units",
    "units": "is a number of 64 bits",
    "username": "is not only digits",
    "delta": "is above zero or below it, as the reason has it",
    "currency_code": "is a currency in use, and goes with an amount",
    "id": "is the path's",
    "user_id": "is the path's",
    "payment_type": "is one of the shop's",
    "payment_method": "is one that the provider takes",
    "amount": "is more than nothing, or less, as its kind has it",
    "country_code": "is a country in use",
    "address_id": "is required where the order has no address",
}

# Rules between fields, and of numbers that are text, of which a schema knows only the digits.
BEYOND_KEYWORDS = re.compile(
    "must not be (above|after|later than|more than) [a-z]+_|is needed while|makes more than"
    "|expected a whole number from"
)

# The smallest PNG; whether an image is one is told by what is in it.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000b49444154789c6360000200000500017a5eab3f0000000049454e44ae426082"
)
schemathesis.openapi.media_type("image/*", strategies.just(PNG))

DOCUMENT = {}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    # "Any other failure" would make every status a documented one.
    for path in raw_schema["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict):
                operation.get("responses", {}).pop("default", None)
                for taken in [operation.get("requestBody", {}), *operation.get("responses", {}).values()]:
                    one_line_of(taken.get("content", {}).get("application/x-ndjson", {}))
    DOCUMENT.update(raw_schema)


def one_line_of(lines):
    """What is told as text is made and checked line by line."""
    line = lines.get("schema", {}).get("contentSchema")
    if line:
        lines["schema"] = line
        lines["example"] = json.loads(lines["example"])


@schemathesis.hook
def filter_case(context, case):
    """Not those that a link gave an empty id: their path is another operation's, or none."""
    return "" not in (case.path_parameters or {}).values()


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    if operation in ENDING and case.path_parameters.get("id") in MYSELF:
        case.path_parameters["id"] = VICTIM
    if case.headers.get("If-Match") == "":
        # Sent by its "coverage" beside what it is about, though the pattern forbids it.
        del case.headers["If-Match"]
    if "text/event-stream" in str(case.operation.definition.raw["responses"].get("200", "")):
        # A stream goes on as long as there can be news; the edge keeps the caller's deadline.
        case.headers["grpc-timeout"] = "1S"


@schemathesis.serializer("application/x-ndjson")
def one_line(context, value):
    return (json.dumps(value) + "\n").encode()


@schemathesis.deserializer("application/x-ndjson")
def first_line(context, response):
    return json.loads(response.content.split(b"\n")[0] or "{}")


@schemathesis.check
def bad_data_is_refused(ctx, response, case):
    """What the schemas forbid is refused, but for what proto3's JSON allows beside them."""
    if not LONG:
        return
    try:
        negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData:
        # `Last-Event-ID` takes the place of what the query says; an import answers for each row.
        if "Last-Event-ID" in case.headers or refused_by_row(response):
            return
        if not fits_as_proto3(case) and not has_enum_by_number(case):
            raise


@schemathesis.check
def good_data_is_taken(ctx, response, case):
    """What the schemas allow breaks no rule."""
    if not LONG:
        return
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    if case.media_type == "text/csv":
        # No schema says what is in a table.
        return
    details = response.json()["error"]["details"]
    if details[0]["reason"] != "VALIDATION":
        return
    violations = [bad for detail in details for bad in detail.get("fieldViolations", [])]
    assert violations, f"the schema allows what is refused: {response.text}"
    for bad in violations:
        name = bad["field"].split(".")[-1]
        # The mask names it, the body leaves it out, and the body's schema does not see the mask.
        masked = case.method == "PATCH" and camel_case(name) not in case.body
        known = name in BEYOND_SCHEMAS or BEYOND_KEYWORDS.search(bad["description"])
        assert masked or known, f"the schema allows what is refused: {bad}"


def refused_by_row(response):
    return "application/json" in str(response.headers.get("content-type")) and response.json().get("failed", "0") != "0"


def has_enum_by_number(case):
    """Whether the query names a value of an enum by its number, as proto3's JSON may."""
    for parameter in case.operation.query:
        schema = parameter.definition["schema"]
        while "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if "enum" in schema and str((case.query or {}).get(parameter.name, "")).isdigit():
            return True
    return False


def fits_as_proto3(case):
    """Whether a body fits its schema once it is written as the schemas have it: proto3's JSON also takes numbers
    as strings and the other way round, enums by number, null for what is not given, and names as in the contract."""
    taken = case.operation.definition.raw.get("requestBody", {})
    body = taken.get("content", {}).get(case.media_type)
    if body is None or case.media_type not in {"application/json", "application/x-ndjson"}:
        return False
    if case.body is None and not taken["required"]:
        return True
    schema = {"components": DOCUMENT["components"], **body["schema"]}
    # An upload may be one value without an array around it.
    bare = body["schema"].get("type") == "array" and not isinstance(case.body, list)
    value = [case.body] if bare else case.body
    return jsonschema.Draft202012Validator(schema).is_valid(canonical(body["schema"], value))


def canonical(schema, value):
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        known = schema.get("properties", {})
        named = {camel_case(name): inner for name, inner in value.items() if inner is not None}
        return {name: canonical(known.get(name, {}), inner) for name, inner in named.items()}
    if kind == "array" and isinstance(value, list):
        return [canonical(schema.get("items", {}), inner) for inner in value]
    if kind == "integer" and isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.0+)?", value):
        return int(float(value))
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        if "enum" in schema:
            return schema["enum"][-1]
        if schema.get("format") in ("int64", "uint64") and value == int(value):
            return str(int(value))
    return value


def camel_case(name):
    return re.sub("_([a-z])", lambda found: found[1].upper(), name)
