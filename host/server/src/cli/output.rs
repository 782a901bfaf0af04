//! What commands print: aligned tables for people, JSON for programs; control characters never reach a terminal.

use std::io::Write;
use std::time::Duration;

use postwarden_store::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use crate::config::units;

/// A column is at most so wide; the whole stands in `--json` and in `show`.
const COLUMN_CHARACTERS_MAX: usize = 60;
/// The last column, often an error, has nothing beside it to push away.
const LAST_COLUMN_CHARACTERS_MAX: usize = 300;

pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line, or several.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        write_out(&format!("{}\n", text.as_ref()))
    }

    pub(super) fn value<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::refused(error.to_string()))?;
        write_out(&format!("{text}\n"))
    }

    /// Columns of equal width; nothing but the headings without rows.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        write_out(&table(headings, rows))
    }

    /// `name  value` lines.
    pub(super) fn fields(&mut self, fields: &[(&str, String)]) -> Result<(), Failure> {
        let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let text: String = fields.iter().map(|(name, value)| format!("{name:width$}  {}\n", safe(value))).collect();
        write_out(&text)
    }
}

/// For the reader of stderr: warnings, and what was done where.
pub(super) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "postwarden: {}", text.as_ref());
}

fn write_out(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // `postwarden queue list | head` is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width =
        |column: usize| if column + 1 == headings.len() { LAST_COLUMN_CHARACTERS_MAX } else { COLUMN_CHARACTERS_MAX };
    let cells =
        |row: &Vec<String>| row.iter().enumerate().map(|(column, cell)| shorten(&safe(cell), width(column))).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let all = || std::iter::once(&headings).chain(&rows);
    let widths: Vec<usize> = (0..headings.len())
        .map(|column| all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in all() {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Without control characters: addresses and errors come from strangers.
pub(super) fn safe(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width - 1).collect();
    short.push('…');
    short
}

/// `2026-11-23T22:45:58Z`
pub(super) fn time(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => at.to_string(),
    }
}

/// How long ago.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    units::show_duration(Duration::from_millis(u64::try_from(now.saturating_sub(at)).unwrap_or(0)))
}

/// `1 message`, `2 messages`.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `<>` for the null sender.
pub(super) fn sender(sender: &str) -> &str {
    if sender.is_empty() { "<>" } else { sender }
}

/// For limits: 0 is "unlimited".
pub(super) fn limit(bytes: u64) -> String {
    if bytes == 0 { "unlimited".into() } else { units::format_size(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_safe() {
        let rows = vec![
            vec!["a".into(), "b".into(), "x\u{1b}[31m".into()],
            vec!["longer".into(), "y".repeat(80), "z".repeat(80)],
        ];
        let cut = format!("{}…", "y".repeat(COLUMN_CHARACTERS_MAX - 1));
        let (space, whole) = (" ".repeat(COLUMN_CHARACTERS_MAX - 1), "z".repeat(80));
        let expected = format!("ID      B{space}  TEXT\na       b{space}  x\\u{{1b}}[31m\nlonger  {cut}  {whole}\n");
        assert_eq!(table(&["ID", "B", "TEXT"], &rows), expected);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_795_473_958_000), "2026-11-23T22:45:58Z");
        assert_eq!(age(1_000, 3_661_000), "1h1m");
    }
}
