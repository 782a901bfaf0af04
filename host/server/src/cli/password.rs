//! A password from standard input or the terminal, made into what is kept of it.

use std::io::{IsTerminal, Read};

use clap::Args;
use postwarden_store::Password;

use super::failure::Failure;

/// Longer ones are a mistake of the caller, such as a whole file.
const PASSWORD_BYTES_MAX: usize = 1024;

#[derive(Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    /// Asked for twice on a terminal; one line of standard input otherwise. Never an argument: other users
    /// of the machine see those.
    pub(super) fn read(&self, address: &str) -> Result<Password, Failure> {
        let plain = if self.password_stdin {
            let mut bytes = Vec::new();
            std::io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
            for end in [b'\n', b'\r'] {
                if bytes.last() == Some(&end) {
                    bytes.pop();
                }
            }
            bytes
        } else if std::io::stdin().is_terminal() {
            let first = rpassword::prompt_password(format!("Password for {address}: "))?;
            let second = rpassword::prompt_password("Again: ")?;
            if first != second {
                return Err(Failure::usage("the two passwords differ; nothing was changed"));
            }
            first.into_bytes()
        } else {
            return Err(Failure::usage(
                "there is no terminal to ask for the password: give it on standard input with --password-stdin",
            ));
        };
        check_password(&plain)?;
        Ok(crate::auth::make_password(crate::auth::Kind::Scram, &plain)?)
    }
}

fn check_password(plain: &[u8]) -> Result<(), Failure> {
    if plain.is_empty() {
        return Err(Failure::usage("the password is empty; nothing was changed"));
    }
    if plain.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::usage(format!(
            "the password has more than {PASSWORD_BYTES_MAX} bytes; nothing was changed"
        )));
    }
    if plain.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err(Failure::usage("the password has control characters or more than one line; nothing was changed"));
    }
    Ok(())
}
