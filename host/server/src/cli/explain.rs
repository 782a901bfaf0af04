//! `postwarden explain`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::connection::{self, Connection};
use super::failure::{Failure, REFUSED, USAGE};
use super::output::{Output, note};
use crate::explain::{Explain as Request, Explanation, Sources, explain, render};

/// What a reply, a log line or a bounce means here, and what to change; or what became of a message.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden explain \"550 5.7.1 We do not relay\"
  postwarden explain 16
  postwarden explain relay-denied
  postwarden explain 0c3dwvk2m0008                   the message with this id: history and queue
  grep status=bounced /var/log/mail.log | tail -1 | postwarden explain -

With a configuration the causes are those of this very server; without one they are the general ones.
Exit status: 0 explained, 1 no reply of this server fits.")]
pub(super) struct Explain {
    /// A reply, a log or bounce line, the key or number of a row, a queue id; "-" reads standard input
    #[arg(required = true, value_name = "ID|TEXT")]
    text: Vec<String>,
}

const INPUT_BYTES_MAX: u64 = 64 << 10;

impl Explain {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let text = self.text()?;
        let explanation = ask(&text, config)?;
        if out.json {
            out.value(&explanation)?;
        } else {
            out.line(render(&explanation, crate::node::now()).trim_end())?;
        }
        Ok(if explanation.found() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
    }

    fn text(&self) -> Result<String, Failure> {
        let text = self.text.join(" ");
        if text != "-" {
            return Ok(text);
        }
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(std::io::stdin().lock(), INPUT_BYTES_MAX), &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// As much as can be known: from the server, from its store, from the configuration alone, or in general.
fn ask(text: &str, config: Option<&Path>) -> Result<Explanation, Failure> {
    let alone = |sources: Sources<'_>| -> Result<Explanation, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(explain(text, sources)))
    };
    let loaded = match connection::load(config) {
        Ok(loaded) => loaded,
        // A file that was named has to be right; one that was not is not needed.
        Err(failure) if config.is_some() && failure.code == USAGE => return Err(failure),
        Err(_) => {
            note("no configuration: only what is so in general (give --config FILE for this server's own causes)");
            return alone(Sources::default());
        }
    };
    match Connection::to(loaded.config.clone()) {
        Ok(connection) => connection.call(Request { text: text.to_owned() }),
        Err(failure) => {
            note(format!("accounts, queue and history are not looked at: {}", failure.message));
            alone(Sources { config: Some(&loaded.config), parts: None })
        }
    }
}
