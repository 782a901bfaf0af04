//! What the operator is told of a load: how many signatures stand, what was left out and why, which lines are wrong.

use std::collections::BTreeMap;

use super::hex::Unused;

/// Wrong lines named one by one; the rest is a number.
const NAMED_MAX: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) used: usize,
    malformed: usize,
    named: Vec<String>,
    left_out: BTreeMap<&'static str, usize>,
    files_left_out: BTreeMap<String, usize>,
    notes: Vec<String>,
    /// Of the file that is being read: lines used, left out and malformed, and the first complaint.
    file: (usize, usize, Option<String>),
    problems: Vec<String>,
}

impl Report {
    pub(super) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    pub(super) fn line(&mut self, file: &str, number: usize, done: Result<(), Unused>) {
        match done {
            Ok(()) => {
                self.used = self.used.saturating_add(1);
                self.file.0 = self.file.0.saturating_add(1);
            }
            Err(Unused::Unsupported(why)) => {
                *self.left_out.entry(why).or_default() += 1;
                self.file.0 = self.file.0.saturating_add(1);
            }
            Err(Unused::Malformed(why)) => {
                let complaint = format!("{file}:{number}: {why}");
                self.malformed = self.malformed.saturating_add(1);
                self.file.1 = self.file.1.saturating_add(1);
                if self.file.2.is_none() {
                    self.file.2 = Some(complaint.clone());
                }
                if self.named.len() < NAMED_MAX {
                    self.named.push(complaint);
                }
            }
        }
    }

    /// `cut` lines were too long to be read.
    pub(super) fn end_of_file(&mut self, file: &str, cut: usize) {
        let (good, bad, first) = std::mem::take(&mut self.file);
        if cut > 0 {
            *self.left_out.entry("a line of more than 64 KiB").or_default() += cut;
        }
        if good == 0
            && bad > 0
            && let Some(first) = first
            && self.problems.len() < NAMED_MAX
        {
            self.problems.push(format!("{first} — and so is every line: {file} is no signature file of this kind"));
        }
    }

    pub(super) fn left_out_file(&mut self, file: &str, why: Option<&str>) {
        let end = file.rsplit_once('.').map_or("", |(_, end)| end);
        let what = match why {
            Some(why) => format!(".{end} ({why})"),
            None => format!(".{end}"),
        };
        *self.files_left_out.entry(what).or_default() += 1;
    }

    pub(super) fn finish(&mut self) -> Result<(), Vec<String>> {
        let problems = std::mem::take(&mut self.problems);
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Lines for the log: (is it a warning, text).
    pub(crate) fn lines(&self) -> Vec<(bool, String)> {
        let mut lines: Vec<_> = self.notes.iter().map(|note| (true, note.clone())).collect();
        for (what, count) in &self.files_left_out {
            lines.push((false, format!("{count} files left out: {what}")));
        }
        for (why, count) in &self.left_out {
            lines.push((false, format!("{count} signatures left out: {why}")));
        }
        if self.malformed > 0 {
            lines.push((true, format!("{} lines are no signatures and left out", self.malformed)));
            lines.extend(self.named.iter().map(|named| (true, named.clone())));
        }
        lines.push((false, format!("{} signatures stand", self.used)));
        lines
    }
}
