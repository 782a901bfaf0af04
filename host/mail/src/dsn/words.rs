//! The part of a notification that people read: what happened, what was answered, what to do.

use std::fmt::Write as _;

use super::{Action, DIAGNOSTIC_BYTES_MAX, Recipient, Report};
use crate::address::{visible, written};
use crate::date::rfc5322;

/// Text is wrapped at this many characters.
const WRAP: usize = 72;

/// The subject, from the worst that happened.
pub(super) fn subject(report: &Report) -> &'static str {
    match report.recipients.iter().map(|r| r.action).min() {
        Some(Action::Failed) | None => "Your message could not be delivered",
        Some(Action::Delayed) => "Your message is delayed",
        Some(Action::Expanded | Action::Relayed | Action::Delivered) => "Your message was delivered",
    }
}

pub(super) fn explain(out: &mut String, report: &Report, whole: bool) {
    let host = visible(report.hostname, report.smtputf8, 255);
    wrap(out, "", &format!("This is the mail server {host}."));
    for (action, sentence) in [
        (Action::Failed, "Your message could not be delivered to:"),
        (
            Action::Delayed,
            "Your message has not been delivered yet to the recipients below. The server keeps trying; you need not send it again.",
        ),
        (Action::Delivered, "Your message was delivered to:"),
        (Action::Relayed, "Your message was passed on to a mail server that gives no further notice, for:"),
        (Action::Expanded, "Your message was passed on to the members or targets of:"),
    ] {
        let mut recipients = report.recipients.iter().filter(|r| r.action == action).peekable();
        if recipients.peek().is_none() {
            continue;
        }
        out.push_str("\r\n");
        wrap(out, "", sentence);
        for recipient in recipients {
            one(out, report, recipient);
        }
    }
    out.push_str("\r\n");
    wrap(
        out,
        "",
        &format!(
            "The message arrived here on {} and has the id {}. {} follows below, after a part for programs.",
            rfc5322(report.arrived),
            visible(report.original_id, false, 64),
            if whole { "All of it" } else { "Its header" },
        ),
    );
}

fn one(out: &mut String, report: &Report, recipient: &Recipient) {
    let utf8 = report.smtputf8;
    let _ = write!(out, "\r\n  <{}>\r\n", written(recipient.address, utf8));
    let asked = recipient.original.and_then(|o| o.split_once(';')).map(|(_, address)| address);
    if let Some(asked) = asked.filter(|asked| !asked.eq_ignore_ascii_case(recipient.address)) {
        wrap(out, "    ", &format!("(you wrote to {})", visible(asked, utf8, 512)));
    }
    if let Some(diagnostic) = recipient.diagnostic {
        let said = match recipient.remote {
            Some(remote) => format!("{} answered:", visible(remote, utf8, 255)),
            None => "The reason:".to_owned(),
        };
        wrap(out, "    ", &said);
        wrap(out, "      ", &visible(diagnostic, utf8, DIAGNOSTIC_BYTES_MAX));
    }
    match recipient.action {
        Action::Failed => wrap(out, "    ", &format!("What to do: {}", advice(recipient.status))),
        Action::Delayed => {
            if let Some(until) = recipient.retry_until {
                wrap(out, "    ", &format!("The server gives up on {}.", rfc5322(until)));
            }
        }
        Action::Expanded | Action::Relayed | Action::Delivered => {}
    }
}

/// What a person can do about a status (RFC 3463), in one sentence or two.
fn advice(status: &str) -> &'static str {
    let mut parts = status.splitn(3, '.').skip(1);
    match (parts.next().unwrap_or(""), parts.next().unwrap_or("")) {
        ("1", "2" | "10") => "check the part of the address after the @: there is no mail server for it.",
        ("1", "8" | "7") => {
            "the recipient's server did not accept your own address as the sender; ask your postmaster."
        }
        ("1", _) => {
            "check the address for spelling mistakes, or ask the recipient in another way which address is right."
        }
        ("2", "1") => "the mailbox takes no mail at present; reach the recipient in another way.",
        ("2", "2") => "the mailbox is full. Send it again later, or tell the recipient in another way.",
        ("2", "3") | ("3", "4") => "the message is too big. Send it in smaller parts, or share large files by a link.",
        ("2", "4") => "a mailing list did not work; write to its owner.",
        ("4", "6") => "mail to this address goes round in a circle; tell the postmaster of the recipient's domain.",
        ("4", "7") => {
            "the recipient's server could not be reached, or did not take the message, in time. Send it again later."
        }
        ("4", _) => {
            "the recipient's server could not be reached. Send it again later, or reach the recipient in another way."
        }
        ("6", _) => {
            "the recipient's server cannot handle this kind of message. Send it as plain text or in another format."
        }
        ("7", _) => {
            "the recipient's server refuses the message by its rules. Show this message to the recipient, who can ask the postmaster there."
        }
        _ => "send it again later. If it fails again, show this message to your postmaster.",
    }
}

/// Breaks text at spaces; a longer word stays whole unless it would make a line too long for SMTP.
fn wrap(out: &mut String, indent: &str, text: &str) {
    let mut line = 0;
    for piece in text.split(' ').filter(|piece| !piece.is_empty()) {
        let length = piece.chars().count();
        if line > 0 && indent.len() + line + 1 + length > WRAP {
            out.push_str("\r\n");
            line = 0;
        }
        out.push_str(if line == 0 { indent } else { " " });
        out.push_str(piece);
        line += length + usize::from(line > 0);
    }
    out.push_str("\r\n");
}
