//! The `xiaoshu` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    xiaoshu::cli::main(std::env::args_os()).into()
}
