//! An explanation as text for a terminal.

use std::time::Duration;

use super::{Explanation, Finding, RowName};
use crate::config::units;

const WIDTH: usize = 92;

/// `now`: milliseconds since the Unix epoch.
pub fn render(explanation: &Explanation, now: i64) -> String {
    let mut out = String::new();
    message(&mut out, explanation, now);
    if let Some(row) = &explanation.row {
        let number = row.number.map_or(String::new(), |number| format!("Row {number}, "));
        out.push_str(&format!("{number}{}: {}\n", row.key, row.reply));
        section(&mut out, "What it means");
        paragraph(&mut out, "  ", "  ", &row.meaning);
        if !explanation.here.is_empty() {
            let file = explanation.config.as_deref().map_or(String::new(), |file| format!(" ({file})"));
            section(&mut out, &format!("Here{file}"));
            explanation.here.iter().for_each(|finding| one(&mut out, finding));
        }
        bullets(&mut out, "Usual causes", &row.causes);
        bullets(&mut out, "What to do", &row.advice);
    }
    if !explanation.general.is_empty() {
        let beginning = match explanation.alternatives.is_empty() {
            true => "This is no reply of this server.",
            false => "The codes alone do not tell which reply this is.",
        };
        out.push_str(&format!("{beginning} In general:\n"));
        explanation.general.iter().for_each(|sentence| paragraph(&mut out, "  - ", "    ", sentence));
    }
    if !explanation.found() && explanation.general.is_empty() && explanation.alternatives.is_empty() {
        out.push_str(
            "Nothing is known about this. Give the reply as the client saw it (\"550 5.7.1 We do not relay\"), a log or\n\
             bounce line with it, the key or number of a row (relay-denied, 16), or the id of a message.\n",
        );
    }
    if !explanation.alternatives.is_empty() {
        let title =
            if explanation.row.is_some() { "It could also be" } else { "Replies of this server with these codes" };
        section(&mut out, title);
        explanation.alternatives.iter().for_each(|row| alternative(&mut out, row));
    }
    out
}

fn message(out: &mut String, explanation: &Explanation, now: i64) {
    if let Some(message) = &explanation.queued {
        out.push_str(&format!("Message {} is in the queue:\n", message.id));
        for recipient in &message.recipients {
            let wait = u64::try_from(recipient.recipient.due.saturating_sub(now)).unwrap_or(0);
            let next = match recipient.state {
                postwarden_store::queue::RecipientState::Held => "held".to_owned(),
                postwarden_store::queue::RecipientState::Leased => "in delivery".to_owned(),
                postwarden_store::queue::RecipientState::Queued if wait == 0 => "due".to_owned(),
                postwarden_store::queue::RecipientState::Queued => {
                    format!("next try in {}", units::show_duration(Duration::from_millis(wait)))
                }
            };
            let error = match recipient.last_error.as_str() {
                "" => String::new(),
                error => format!("; the last try said: {error}"),
            };
            let text = format!("{}: {next}{error}", recipient.recipient.address);
            paragraph(out, "  - ", "    ", &text);
        }
        out.push('\n');
    }
    if !explanation.history.is_empty() {
        out.push_str("What happened to it:\n");
        for record in &explanation.history {
            let time = jiff::Timestamp::from_millisecond(record.time)
                .map_or(String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            let sender = if record.sender.is_empty() { "<>" } else { &record.sender };
            let mut text = format!("{time} {}, from {sender} to {}", record.event, record.recipients.join(", "));
            for more in [&record.reply, &record.detail] {
                if !more.is_empty() {
                    text.push_str(&format!("; {more}"));
                }
            }
            paragraph(out, "  - ", "    ", &text);
        }
        out.push('\n');
    }
}

fn section(out: &mut String, title: &str) {
    out.push_str(&format!("\n{title}\n"));
}

fn bullets(out: &mut String, title: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    section(out, title);
    sentences.iter().for_each(|sentence| paragraph(out, "  - ", "    ", sentence));
}

fn one(out: &mut String, finding: &Finding) {
    paragraph(out, "  - ", "    ", &finding.fact);
    if let Some(change) = &finding.change {
        paragraph(out, "    > ", "      ", change);
    }
}

fn alternative(out: &mut String, row: &RowName) {
    let number = row.number.map_or(String::new(), |number| format!("row {number}, "));
    paragraph(out, "  - ", "    ", &format!("{number}{}: {}", row.key, row.reply));
}

/// Wrapped at words; control characters of strangers are escaped.
fn paragraph(out: &mut String, first: &str, rest: &str, text: &str) {
    let text: String = text
        .chars()
        .flat_map(|c| if c.is_control() && c != '\n' { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = rest.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
