//! Text or JSON logs through tracing, one line an event, on standard error.
//! What clients send is data: nothing in it can start a new line or steer a terminal.

use std::io::{self, Write};
use std::sync::OnceLock;

use anyhow::Context;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::Log;

/// Bytes of a command that are logged; the rest is counted.
pub const COMMAND_BYTES_MAX: usize = 512;

/// No verb is longer.
const VERB_BYTES_MAX: usize = 8;

static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Once in a process; later calls only set the level.
pub fn init(config: &Log) -> anyhow::Result<()> {
    if LEVEL.get().is_some() {
        return set_level(config);
    }
    let (filter, handle) = reload::Layer::new(filter(config)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(StandardError).with_ansi(false);
    let lines = if config.json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    let _ = LEVEL.set(handle);
    log_panics();
    Ok(())
}

/// The level of a new configuration. The format stays as it was at the start.
pub fn set_level(config: &Log) -> anyhow::Result<()> {
    match LEVEL.get() {
        Some(level) => level.reload(filter(config)?).context("the log level cannot be changed"),
        None => Ok(()),
    }
}

fn filter(config: &Log) -> anyhow::Result<EnvFilter> {
    let mut filter =
        EnvFilter::try_new(&config.level).with_context(|| format!("log.level: {:?} is no level", config.level))?;
    // Who writes directives may want to see the engine.
    if matches!(config.level.as_str(), "info" | "debug" | "trace") {
        for target in postwarden_sandbox::ENGINE_LOG_TARGETS {
            filter = filter.add_directive(format!("{target}=warn").parse()?);
        }
    }
    Ok(filter)
}

/// A panic ends one task; what it was must still be seen where everything else is.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        tracing::error!(thread, "a defect of this program ended a task: {panic}");
    }));
}

/// A command line of a client as it may be logged: no secret, no end of line, bounded.
/// `secret`: the line answers a 334 challenge.
pub fn command(line: &[u8], secret: bool) -> String {
    if secret {
        return "***".to_owned();
    }
    let line = line.trim_ascii();
    let mut words = line.splitn(3, u8::is_ascii_whitespace);
    let verb = words.next().unwrap_or_default();
    if verb.len() > VERB_BYTES_MAX || !verb.iter().all(u8::is_ascii_alphabetic) {
        // A password in the wrong place looks like this.
        return format!("(no command, {} bytes)", line.len());
    }
    if verb.eq_ignore_ascii_case(b"AUTH")
        && let (Some(mechanism), Some(_)) = (words.next(), words.next())
    {
        return format!("AUTH {} ***", cut(mechanism));
    }
    cut(line)
}

fn cut(bytes: &[u8]) -> String {
    let (shown, more) = bytes.split_at_checked(COMMAND_BYTES_MAX).unwrap_or((bytes, &[]));
    let shown: String = String::from_utf8_lossy(shown).chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if more.is_empty() { shown } else { format!("{shown}… ({} bytes more)", more.len()) }
}

#[derive(Clone, Copy)]
struct StandardError;

impl<'a> MakeWriter<'a> for StandardError {
    type Writer = OneLine<io::StderrLock<'a>>;
    fn make_writer(&'a self) -> Self::Writer {
        OneLine(io::stderr().lock())
    }
}

/// Writes what it gets as one line: control characters before the last line end are escaped.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    /// An event arrives whole, in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        if text.is_ascii() && !text.iter().any(u8::is_ascii_control) {
            self.0.write_all(event)?;
        } else {
            let mut line = String::with_capacity(event.len() + 16);
            for character in String::from_utf8_lossy(text).chars() {
                if character.is_control() {
                    line.extend(character.escape_default());
                } else {
                    line.push(character);
                }
            }
            line.push('\n');
            self.0.write_all(line.as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn no_secret_is_logged() {
        assert_eq!(command(b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", false), "AUTH PLAIN ***");
        assert_eq!(command(b"auth login YWxpY2U=\r\n", false), "AUTH login ***");
        assert_eq!(command(b"AUTH LOGIN\r\n", false), "AUTH LOGIN");
        assert_eq!(command(b" AUTH\tPLAIN\tAGFsaWNlAHNlY3JldA==\r\n", false), "AUTH PLAIN ***");
        assert_eq!(command(b"c2VjcmV0\r\n", true), "***");
        assert_eq!(command(b"AGFsaWNlAHNlY3JldA==\r\n", false), "(no command, 20 bytes)");
        assert_eq!(command(b"MAIL FROM:<a@b.example> SIZE=3\r\n", false), "MAIL FROM:<a@b.example> SIZE=3");
    }

    #[test]
    fn a_command_is_cut_and_has_no_control_characters() {
        assert_eq!(command(b"EHLO a\x1b[31mb\xff\0\r\n", false), "EHLO a?[31mb\u{fffd}?");
        assert!(command(&[b"EHLO ".as_slice(), &[b'x'; 1000]].concat(), false).ends_with("x… (493 bytes more)"));
    }

    #[test]
    fn an_event_is_one_line_whatever_stands_in_it() {
        let mut out = OneLine(Vec::new());
        out.write_all(b"plain\n").unwrap();
        out.write_all("sender=a\r\n2026 INFO forged\u{9b}31m \u{e4}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(out.0).unwrap(), "plain\nsender=a\\r\\n2026 INFO forged\\u{9b}31m \u{e4}\n");
    }
}
