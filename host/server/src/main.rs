//! The program `postwarden`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    postwarden::cli::run()
}
