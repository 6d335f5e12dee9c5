//! The program that protobuf's conformance suite tests (`tests/conformance/run`): it speaks the suite's protocol by its
//! standard input and output, and knows only JSON.
//!
//!   conformance FOLDER     the folder has the suite's own contracts
//!   conformance SET        the file has them compiled, those of editions among them

use std::{
    fs,
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
    sync::Arc,
};

use gateway::{
    Contract,
    json::{Reader, Tables, WriteError, Writer},
};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};

/// What the suite calls JSON among the formats.
const JSON: i32 = 2;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let contracts = std::env::args().nth(1).ok_or("expected the folder of the suite's contracts")?;
    let contracts = Path::new(&contracts);
    let pool = if contracts.is_dir() { compiled(contracts)? } else { read(contracts)? };
    let tested = Tested { tables: Arc::new(Tables::new(&pool, |_| false)), pool };
    let request = tested.message("conformance.ConformanceRequest")?;
    let response = tested.message("conformance.ConformanceResponse")?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut length = [0; 4];
    loop {
        match input.read_exact(&mut length) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        input.read_exact(&mut bytes)?;
        let (field, value) = tested.answer(&DynamicMessage::decode(request.clone(), bytes.as_slice())?)?;
        let mut answer = DynamicMessage::new(response.clone());
        answer.try_set_field_by_name(field, value)?;
        let answer = answer.encode_to_vec();
        output.write_all(&u32::try_from(answer.len())?.to_le_bytes())?;
        output.write_all(&answer)?;
        output.flush()?;
    }
}

fn compiled(folder: &Path) -> Result<DescriptorPool, Failure> {
    let mut compiler = protox::Compiler::new([folder])?;
    compiler.include_imports(true);
    for file in [
        "conformance/conformance.proto",
        "google/protobuf/test_messages_proto2.proto",
        "google/protobuf/test_messages_proto3.proto",
    ] {
        compiler.open_file(file)?;
    }
    Ok(DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice())?)
}

/// As the edge reads contracts.
fn read(set: &Path) -> Result<DescriptorPool, Failure> {
    Ok(Contract::of_set(&fs::read(set)?)?.pool().clone())
}

struct Tested {
    pool: DescriptorPool,
    tables: Arc<Tables>,
}

impl Tested {
    fn message(&self, name: &str) -> Result<MessageDescriptor, Failure> {
        self.pool.get_message_by_name(name).ok_or_else(|| format!("there is no `{name}`").into())
    }

    /// What a test asks for: a field of the answer, and what it is.
    fn answer(&self, request: &DynamicMessage) -> Result<(&'static str, Value), Failure> {
        let get = |name: &str| request.get_field_by_name(name).map(|value| value.into_owned());
        let name = get("message_type").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        let wants_json = get("requested_output_format").and_then(|it| it.as_enum_number()) == Some(JSON);
        let skipped = |why: &str| Ok(("skipped", Value::String(why.to_owned())));
        if name == "conformance.FailureSet" {
            // The first question: what is known to fail. The list of that is the runner's own argument.
            return Ok(("protobuf_payload", Value::Bytes(Default::default())));
        }
        let desc = self.message(&name)?;
        let message = match (get("json_payload"), get("protobuf_payload")) {
            _ if !wants_json && !request.has_field_by_name("json_payload") => {
                return skipped("there is no JSON in it");
            }
            (Some(Value::String(json)), _) if request.has_field_by_name("json_payload") => {
                let reader = Reader::new(&self.tables, &desc).ok_or("there is no table")?;
                let mut message = Vec::new();
                match reader.message(json.as_bytes(), &mut message) {
                    Ok(_) => message,
                    Err(error) => return Ok(("parse_error", Value::String(format!("{error:?}")))),
                }
            }
            (_, Some(Value::Bytes(bytes))) if request.has_field_by_name("protobuf_payload") => bytes.to_vec(),
            _ => return skipped("neither JSON nor protobuf"),
        };
        if !wants_json {
            return Ok(("protobuf_payload", Value::Bytes(message.into())));
        }
        let mut json = Vec::new();
        let writer = Writer::new(&self.tables, &desc).ok_or("there is no table")?;
        match writer.message(&message, None, &mut json) {
            Ok(()) => Ok(("json_payload", Value::String(String::from_utf8(json)?))),
            Err(error @ WriteError::Malformed(_)) => Ok(("parse_error", Value::String(error.to_string()))),
            Err(error) => Ok(("serialize_error", Value::String(error.to_string()))),
        }
    }
}
