//! Files of an edition, made files of proto2 or of proto3, which is what prost-reflect reads: whichever can say what the
//! file's features mean.
//!
//! Features are inherited: from the edition by the file, from it by its messages, enums and extensions, from a message
//! by what is in it, from a oneof by its fields. What they come to is written where proto2 and proto3 have a word for it:
//!
//! | feature | as |
//! |---|---|
//! | `field_presence` | proto3 where any field has none (`IMPLICIT`), and `optional` there where one has some; else proto2. `required` in both |
//! | `repeated_field_encoding` | the option `packed` |
//! | `message_encoding` | groups |
//! | `enum_type` | a feature still, on each enum that is not what enums of the syntax are: see [`says_closed`] |

mod features;
mod file;
mod walk;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::EnumDescriptor;

use self::{
    features::EnumType,
    file::{EnumOptions, File},
    walk::{Rewrite, Survey},
};
use super::ContractError;

/// `FileDescriptorProto.syntax` of a file that has an edition.
pub const SYNTAX: &str = "editions";

/// The editions that are known, by their numbers in `google.protobuf.Edition`.
const KNOWN: [i32; 2] = [1000, 1001];

/// A file of an edition as one of proto2 or proto3.
pub fn plain(file: &[u8]) -> Result<Bytes, ContractError> {
    let invalid =
        |error: prost::DecodeError| ContractError::Invalid(format!("a file in it is none: {error}"));
    let mut file = File::decode(file).map_err(invalid)?;
    let edition = file.edition.unwrap_or_default();
    if !KNOWN.contains(&edition) {
        let problem =
            format!("{} has an edition (number {edition}) that is none of 2023 and 2024", file.name);
        return Err(ContractError::Invalid(problem));
    }
    let mut survey = Survey::default();
    walk::file(&mut file, &mut survey).map_err(invalid)?;
    let proto3 = survey.implicit.is_some();
    if let (Some(field), Some((name, number))) = (&survey.implicit, &survey.begins_with) {
        return Err(ContractError::Invalid(format!(
            "{}: the field {field} has no presence (features.field_presence = IMPLICIT), and the enum {name} begins with \
             {number}: that no file of proto2 or proto3 can have both, and so they cannot be read here. Put the enum into a \
             file of its own",
            file.name
        )));
    }
    walk::file(&mut file, &mut Rewrite { proto3 }).map_err(invalid)?;
    file.syntax = Some(if proto3 { "proto3" } else { "proto2" }.to_owned());
    file.edition = None;
    Ok(file.encode_to_vec().into())
}

/// Whether an enum's own features say that it has no values but those that it names; nothing where they say nothing.
pub fn says_closed(desc: &EnumDescriptor) -> Option<bool> {
    // Few have options.
    let options = desc.enum_descriptor_proto().options.is_some().then(|| desc.options().encode_to_vec())?;
    match EnumOptions::decode(options.as_slice()).ok()?.features?.enum_type() {
        EnumType::Closed => Some(true),
        EnumType::Open => Some(false),
        EnumType::Unknown => None,
    }
}
