//! Replies: from a row of the table to bytes, counted as errors where they are.

use super::Session;
use crate::limits::REPLY_LINES_MAX;
use crate::refusal::{Place, Refusal};
use crate::reply::{self, Case, Row, clean, write_line};

impl Session {
    pub(crate) fn reply(&mut self, row: &'static Row) {
        self.put(row, Case::Usual, None, None);
    }

    pub(crate) fn reply_case(&mut self, row: &'static Row, case: Case) {
        self.put(row, case, None, None);
    }

    /// With what belongs at the `{}` of the row's text.
    pub(crate) fn reply_with(&mut self, row: &'static Row, value: &str) {
        let text = row.text.replacen("{}", value, 1);
        self.put(row, Case::Usual, Some(&text), None);
    }

    /// A reply of several lines, one a value.
    pub(crate) fn reply_lines(&mut self, row: &'static Row, values: &[String]) {
        self.last = row.key;
        let values = values.get(..REPLY_LINES_MAX).unwrap_or(values);
        let (code, enhanced) = row.codes(self.config.profile, Case::Usual);
        for (at, value) in values.iter().enumerate() {
            let last = at + 1 == values.len();
            write_line(&mut self.out, code, last, enhanced, &row.text.replacen("{}", &clean(value), 1));
        }
        if values.is_empty() {
            self.reply(&reply::OK);
        }
    }

    /// The reply of a refusal. 421 ends the session.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.refuse_recipient(refusal);
        self.close_after(refusal);
    }

    /// The reply alone, for one of several.
    pub(crate) fn refuse_recipient(&mut self, refusal: &Refusal) {
        let Place { row, case, extra } = refusal.place();
        self.put(row, case, None, extra);
    }

    pub(crate) fn close_after(&mut self, refusal: &Refusal) {
        let Place { row, case, .. } = refusal.place();
        if row.codes(self.config.profile, case).0 == 421 {
            self.close();
        }
    }

    /// A row that the client does not see (31, 32) names the last reply.
    pub(crate) fn note(&mut self, row: &'static Row) {
        self.last = row.key;
    }

    /// Instead of 220: 421 where the client may try again, 554 where not (RFC 5321 section 3.1). Then the end.
    pub(crate) fn refuse_connection(&mut self, refusal: &Refusal) {
        let Place { row, case, extra } = refusal.place();
        let (code, enhanced) = row.codes(self.config.profile, case);
        let code = if code < 500 { 421 } else { 554 };
        self.write(row, code, enhanced, row.text, extra);
        self.close();
    }

    fn put(&mut self, row: &'static Row, case: Case, text: Option<&str>, extra: Option<&str>) {
        let (code, enhanced) = row.codes(self.config.profile, case);
        // A refused recipient too many is no sign of malice: the others stay valid and the client goes on.
        if code >= 500 && row.number != reply::TOO_MANY_RECIPIENTS.number {
            self.errors = self.errors.saturating_add(1);
        }
        self.write(row, code, enhanced, text.unwrap_or(row.text), extra);
    }

    fn write(&mut self, row: &'static Row, code: u16, enhanced: &str, text: &str, extra: Option<&str>) {
        self.last = row.key;
        let config = std::sync::Arc::clone(&self.config);
        let mut line = String::new();
        match config.texts.get(row.key) {
            Some(text) => line.push_str(&clean(text)),
            None => line.push_str(text),
        }
        if let Some(extra) = extra.filter(|extra| !extra.is_empty()) {
            line.push(' ');
            line.push_str(&clean(extra));
        }
        // A long override and a long text of a filter together would pass the 512 of a reply line.
        line.truncate(crate::limits::REPLY_TEXT_BYTES_MAX);
        if row.shows_id() {
            let id = self.state.transaction().map_or(&self.facts.session_id, |transaction| &transaction.id);
            line.push_str(" [");
            line.push_str(id);
            line.push(']');
        }
        write_line(&mut self.out, code, true, enhanced, &line);
    }

    /// A message was taken over: what went wrong before it is forgiven.
    pub(crate) fn forgive(&mut self) {
        self.errors = 0;
    }
}
