//! The program `feira`.

use std::process::ExitCode;

/// Less CPU on reads than glibc's, and less memory after many calls at once; measured in docs/decisions.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    feira::run(std::env::args_os())
}
