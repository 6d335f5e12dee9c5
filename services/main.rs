//! The program `feira`.

use std::process::ExitCode;

fn main() -> ExitCode {
    feira::run(std::env::args_os())
}
