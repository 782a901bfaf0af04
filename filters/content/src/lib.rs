//! Content rules: an ordered list of conditions and actions in a TOML file. Looks at everything that is known of a
//! message and changes it; asks no DNS, keeps no state and opens no archive.
//!
//! Settings: `rules = "content.toml"`, the file, and `mark = 5.0`, the points that a marked message has at least: the
//! same number as `[scores] mark` of the server. `example.toml` beside this crate is a file with every key.
//!
//! # Rules
//!
//! `[[rule]]` has `name`, `when` (conditions) and `action`, and may have `text` (for the client, with `reject` and
//! `defer`; needs the grant `custom-replies`) and `symbol` (the name under which its points are recorded; by default
//! made of its name). Rules are asked in order. The first that decides ends the filter; points, marks and edits go on.
//! A rule sees the message as the filters before this one left it, not what the rules before it changed.
//!
//! # Conditions
//!
//! All keys in one table must hold; `all = [{ … }, …]`, `any = [{ … }, …]` and `not = { … }` nest. `when = {}` is
//! every message.
//!
//! | key | what |
//! |---|---|
//! | `sender` | the envelope's; `exists = false` is the null sender |
//! | `recipient` | one of the envelope's |
//! | `header` | one field with this `name`, decoded; `above` and `below` compare the number it begins with |
//! | `subject` | decoded |
//! | `body` | the text of all text parts that are no attachments; `html` is `"text"` (tags stripped, entities decoded), `"source"` (as it was written, links too) or `"ignore"` (plain text alone); `size` is that of this text |
//! | `attachment` | one part that is said to be an attachment, has a file name or is no text: `name`, `type` (by content), `declared-type`, `size`, `not = { … }` must fit one and the same; `count` is how many fit, `exists = false` that none does |
//! | `size` | of the message |
//! | `client` | IP addresses and networks |
//! | `authenticated` | whether the client has logged in |
//! | `spf`, `dkim`, `dmarc` | the outcome, as in RFC 8601; none where the server did not check |
//! | `score` | of earlier filters and of the rules before |
//! | `time` | of the server's clock: `after` (in) and `before` (out) as `"08:00"`, over midnight if `after` is later; `weekday` is one or a list of `mon` … `sun`. In UTC, or in what `utc-offset = "+01:00"` at the top of the file says; daylight saving is not known |
//!
//! Texts take the operators `contains`, `equals`, `wildcard` (`*` and `?`, the whole text), `regex`, `word` (no letter
//! or digit before and behind) and `exists`; each takes one text or a list, of which one must hold, and all operators
//! of a table must hold for the same value. A text or list in place of the table means `equals`. Case does not count,
//! nor do kinds of white space or characters that cannot be seen; in `regex` white space stands as it was written, and
//! `(?-i)` makes case count. File names are compared without folders and without dots and spaces at their end.
//!
//! Sizes and numbers take `above` (more than) and `below` (less than), `count` takes `equals` too. Sizes have units:
//! `"128KiB"`.
//!
//! # Actions
//!
//! A word, or a table of what is done together: `verdict = "…"` with the words `accept` (needs the grant `accept`),
//! `defer`, `discard` (grant `discard`), `quarantine`, `reject` and `stop`; `score = 2.5`; `mark = true`, or the word
//! `mark`: points are added up to `mark` of the settings, so that the server marks it as spam. With the grant `edit`:
//! `add-header = ["X-A", "b"]` or a list of such pairs, `replace-header` (no other field of that name is left),
//! `remove-header` (all of that name, one or a list), `tag-subject = "[bulk]"` (once). With the grant `recipients`:
//! `add-recipient`, `remove-recipient` (masks) and `copy-to`, which is another name for `add-recipient`: who gets a
//! copy gets the message as everybody does.
//!
//! # Limits
//!
//! Of a body 256 KiB of text are looked at, from the first 1 MiB of its parts; of each other field 256 KiB. What lies
//! behind is not seen: `body = { size = { above = "255KiB" } }` finds such mail. A file has 2000 rules, groups are 16
//! deep, an expression has 4 KiB and compiles to 1 MiB; it is matched in time linear to the text.
//!
//! Each rule that matches is recorded with its symbol, its points (0 where it gives none), its line and the conditions
//! that held, and logged at debug; why another did not is logged at trace.

mod action;
mod condition;
mod html;
mod letter;
mod magic;
mod needles;
mod pattern;
mod read;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod wildcard;

use postwarden_filter::*;
use serde::Deserialize;

use rules::Rules;

/// The server's default of `[scores] mark`.
const MARK: f64 = 5.0;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The file of rules. Without one every message passes.
    rules: Option<String>,
    /// Points that a marked message has at least.
    mark: Option<f64>,
}

#[derive(Debug)]
pub struct Content {
    rules: Rules,
    mark: f64,
}

impl Filter for Content {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let rules = match &settings.rules {
            Some(file) => Rules::load("rules", file)?,
            None => Rules::default(),
        };
        Ok(Self { rules, mark: settings.mark.unwrap_or(MARK) })
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        self.rules.judge(session, transaction, message, self.mark)
    }
}

export!(Content: on_message);
