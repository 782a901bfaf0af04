//! Asks a ClamAV daemon: streams the message as it came and turns the answer into a verdict (row 27). Looks at nothing
//! itself. A daemon that is away or does not answer makes the call fail, and `on-failure` speaks.
//!
//! ```toml
//! [[filter]]
//! name = "clamd"
//! component = "builtin:clamd"
//! grants = [{ connect = ["127.0.0.1:3310"] }]
//! always = true
//! [filter.settings]
//! address = "127.0.0.1:3310"        # as the grant spells it
//! action = "reject"                 # or "discard" (needs that grant), "quarantine", "pass"
//! on-limit = "quarantine"           # larger than the daemon takes (its StreamMaxLength): or "reject", "pass"
//! piece = "256KiB"                  # sent at once
//! ```

mod answer;
mod settings;
#[cfg(test)]
mod tests;

use postwarden_filter::telemetry::{self, Level};
use postwarden_filter::*;

use answer::Said;
pub use settings::Settings;
use settings::{Action, Otherwise};

/// Bytes of an answer: a name and a few words.
const ANSWER_BYTES_MAX: usize = 4096;
/// Bytes taken from the connection at once.
const READ_BYTES: u32 = 4096;

#[derive(Debug)]
pub struct Clamd {
    settings: Settings,
    host: String,
    port: u16,
}

impl Filter for Clamd {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let (host, port) = settings.check()?;
        Ok(Self { settings, host, port })
    }

    fn on_message(&self, _: &Session, _: &Transaction, message: &Message) -> Answer {
        match self.ask(message)? {
            Said::Clean => pass(),
            Said::Found(name) => {
                telemetry::log(Level::Warn, "virus found", &[("virus".to_owned(), name.clone())]);
                telemetry::add_to_counter("found", 1);
                let detail = format!("virus {name}, says clamd");
                match self.settings.action {
                    Action::Reject => reject(Reason::Virus).detail(detail).into(),
                    Action::Discard => discard(Reason::Virus).detail(detail).into(),
                    Action::Quarantine => quarantine(Reason::Virus).detail(detail).into(),
                    Action::Pass => pass(),
                }
            }
            Said::TooLarge => {
                let detail = "not scanned: larger than clamd takes (its StreamMaxLength)";
                telemetry::log(Level::Warn, detail, &[]);
                match self.settings.on_limit {
                    Otherwise::Reject => reject(Reason::Virus).detail(detail).into(),
                    Otherwise::Quarantine => quarantine(Reason::Virus).detail(detail).into(),
                    Otherwise::Pass => pass(),
                }
            }
        }
    }
}

impl Clamd {
    fn ask(&self, message: &Message) -> Result<Said, Failure> {
        let away = |error: tcp::Error| Failure::from(format!("clamd at {}: {}", self.settings.address, told(&error)));
        let connection = tcp::Connection::open(&self.host, self.port).map_err(away)?;
        // A daemon that has heard enough answers and closes: its answer counts, not the broken connection.
        let sent = self.send(message, &connection);
        let answer = receive(&connection);
        match (sent, answer) {
            (_, Ok(answer)) if !answer.is_empty() => Ok(answer::read(&answer)?),
            (Err(error), _) | (Ok(()), Err(error)) => Err(away(error)),
            (Ok(()), Ok(_)) => Err(away(tcp::Error::Closed)),
        }
    }

    /// INSTREAM: pieces with their length before them, a length of 0 at the end.
    fn send(&self, message: &Message, connection: &tcp::Connection) -> Result<(), tcp::Error> {
        connection.write(b"zINSTREAM\0")?;
        let limit = u32::try_from(self.settings.piece).unwrap_or(u32::MAX);
        let mut start = 0;
        loop {
            let piece = message.read(start, limit);
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            connection.write(&[length.to_be_bytes().as_slice(), &piece].concat())?;
            if length == 0 {
                return Ok(());
            }
            start = start.saturating_add(u64::from(length));
        }
    }
}

/// Up to the NUL that ends an answer, or the end.
fn receive(connection: &tcp::Connection) -> Result<Vec<u8>, tcp::Error> {
    let mut answer = Vec::new();
    while answer.len() < ANSWER_BYTES_MAX {
        let piece = connection.read(READ_BYTES)?;
        let end = piece.iter().position(|byte| *byte == 0);
        answer.extend_from_slice(piece.get(..end.unwrap_or(piece.len())).unwrap_or_default());
        if end.is_some() || piece.is_empty() {
            break;
        }
    }
    Ok(answer)
}

fn told(error: &tcp::Error) -> String {
    match error {
        tcp::Error::AccessDenied => {
            "not granted: add grants = [{ connect = [\"host:port\"] }] with its address".to_owned()
        }
        tcp::Error::Refused => "nobody listens there".to_owned(),
        tcp::Error::Timeout => "no answer in time".to_owned(),
        tcp::Error::Closed => "it closed without an answer".to_owned(),
        tcp::Error::LimitExceeded => "more bytes than one call may send".to_owned(),
        tcp::Error::Other(text) => text.clone(),
    }
}

export!(Clamd: on_message);
