//! `feira descriptors`: the contracts, for whoever cannot ask for them by reflection.

use std::{
    fs,
    io::{IsTerminal, Write, stdout},
    path::PathBuf,
};

use prost_reflect::{DescriptorError, DescriptorPool};

use crate::{error::Error, settings::ConfigFile};

/// Writes the contracts.
#[derive(clap::Args, Debug)]
pub struct Descriptors {
    /// The file to write (default: standard output, unless that is a terminal)
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Writes a `google.protobuf.FileDescriptorSet`.
pub fn descriptors(command: &Descriptors) -> Result<(), Error> {
    let set = all().map_err(Error::other)?.encode_to_vec();
    match &command.output {
        Some(file) => fs::write(file, set)
            .map_err(|cause| Error::other(format!("cannot write {}: {cause}", file.display()))),
        None if stdout().is_terminal() => Err(Error::usage(
            "descriptors are no text for a terminal: name a file by --output, or send standard output to one",
        )),
        None => {
            let written = stdout().write_all(&set).and_then(|()| stdout().flush());
            written.map_err(|cause| Error::other(format!("cannot write to standard output: {cause}")))
        }
    }
}

/// Every contract that a process serves, those of Feira and of health, and the details of errors, which tools
/// need to show them: each file once, with its options and comments.
pub fn all() -> Result<DescriptorPool, DescriptorError> {
    let mut pool: DescriptorPool = contracts::pool().clone();
    pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)?;
    Ok(pool)
}
