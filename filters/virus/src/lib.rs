//! Finds viruses: signatures in ClamAV's formats over the message, its parts and what is in their archives. Answers with
//! row 27 or as the settings say. Asks nobody and keeps nothing.
//!
//! Every key is described at [`Settings`]; each has a default:
//!
//! ```toml
//! [[filter]]
//! name = "virus"
//! component = "builtin:virus"
//! always = true                     # also for mail that a list lets skip filters
//! [filter.settings]
//! signatures = "signatures/"        # a folder, watched; without it only the EICAR test file is found
//! action = "reject"                 # or "discard", "quarantine", "strip", "pass"
//! by-name = [{ mask = "Phishing.*", action = "quarantine" }]
//! on-limit = "quarantine"           # what could not be looked into whole: or "reject", "pass"
//! on-encrypted = "pass"             # a zip with a password: or "reject", "quarantine"
//! depth = 10                        # archives in archives
//! files = 2000                      # in one message
//! file-size = "100MiB"
//! unpacked = "100MiB"               # from the archives of one message
//! ratio = 250                       # bytes unpacked for each packed one: more is a bomb
//! ```
//!
//! Read are `.hdb` and `.hsb` (hashes), `.ndb` and `.ldb` (bodies), `.fp`, `.sfp` (harmless files) and `.ign`, `.ign2`
//! (signatures that do not count). What a line asks for beyond that is left out and counted in the log: sections and
//! entry points of programs, bytecode, regular expressions, packed `.cvd` databases. A wrong line is named in the log
//! and costs nothing else; a file without one right line stops the load, so that a broken download changes nothing.
//!
//! Opened are zip (stored and deflated), gzip, tar and messages, in each other. Signatures for HTML and text see them
//! in lower case with single spaces, as ClamAV's do.

mod database;
mod decide;
mod eicar;
mod fragments;
mod hashes;
mod inside;
mod kind;
mod limits;
mod logic;
mod pattern;
mod scan;
mod settings;
mod signatures;
mod strip;
#[cfg(test)]
mod tests;
mod text;

use postwarden_filter::telemetry::{self, Level};
use postwarden_filter::*;

use database::Database;
use limits::{Budget, Limits};
use scan::Scan;
pub use settings::{Action, ByName, Otherwise, Settings};

/// The filter: its signatures are parsed once, at load.
#[derive(Debug)]
pub struct Virus {
    settings: Settings,
    limits: Limits,
    database: Database,
}

impl Filter for Virus {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let limits = settings.limits()?;
        let problem = |message| Problem::new("/signatures", message);
        let read = signatures::read(settings.signatures.as_deref());
        let (database, report) = read.map_err(|problems| problems.into_iter().map(problem).collect::<Problems>())?;
        for (is_warning, line) in report.lines() {
            telemetry::log(if is_warning { Level::Warn } else { Level::Info }, &line, &[]);
        }
        Ok(Self { settings, limits, database })
    }

    fn on_message(&self, _: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let mut budget = Budget::new(self.limits);
        let is_final = |name: &str| self.settings.is_final(name);
        let mut scan = Scan::new(&self.database, &is_final);
        let _ = scan.message(message, &mut budget);
        let result = decide::Outcome {
            findings: &scan.findings,
            reached: &budget.reached,
            encrypted: &scan.encrypted,
            unreadable: &scan.unreadable,
        };
        decide::verdict(&self.settings, &result, transaction, message)
    }
}

export!(Virus: on_message);
