//! From bytes to a command of the table, with the checks that all commands share, in their order.

use super::{Session, Time};
use crate::command::{Command, Fault, auth, bdat};
use crate::limits::{AUTH_LINE_BYTES_MAX, LINE_BYTES_MAX};
use crate::line::{Line, is_unprintable};
use crate::reply::{self, Case};
use crate::state::State;

impl Session {
    pub(super) fn handle_line_input(&mut self, now: Time, input: &[u8]) -> usize {
        let login = matches!(self.state, State::Login(_));
        let (used, line) = self.lines.take(input, |start| limit(login, start));
        self.pipelined = used < input.len();
        match line {
            None => return used,
            Some(Line::Whole(line)) if login => self.login_line(&line),
            Some(Line::TooLong(_)) if login => auth::cancel(self, Case::TooLong),
            Some(Line::Whole(line)) => self.command(now, &line),
            Some(Line::TooLong(start)) => {
                self.reply(&reply::LINE_TOO_LONG);
                // Octets follow, and nobody has read how many.
                if start.eq_ignore_ascii_case(b"BDAT ") {
                    self.close();
                }
            }
        }
        self.settle(now);
        used
    }

    fn login_line(&mut self, line: &[u8]) {
        match self.take_state() {
            State::Login(exchange) => auth::respond(self, *exchange, line),
            other => self.state = other,
        }
    }

    fn command(&mut self, now: Time, line: &[u8]) {
        let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
        let (verb, arguments) = line.split_at_checked(end).unwrap_or((line, b""));
        let arguments = trim(arguments);
        self.telnet |= self.config.deny_telnet && line.iter().any(|b| matches!(b, 0xFF | 0x08 | 0x7F));
        let found = Command::find(verb, self.config.role).filter(|_| !self.telnet);
        let Some(command) = found else { return self.reply(&reply::COMMAND_UNRECOGNIZED) };
        if let Err(fault) = self.check_and_run(now, command, arguments) {
            if command.verb == "BDAT" {
                return bdat::refuse(self, now, arguments, fault);
            }
            let Fault(row, case) = fault;
            self.reply_case(row, case);
        }
    }

    fn check_and_run(&mut self, now: Time, command: &'static Command, arguments: &[u8]) -> Result<(), Fault> {
        if command.is_off(self) {
            return Err(Fault(&reply::NOT_SUPPORTED, Case::Usual));
        }
        let unreadable = Fault(command.unreadable, Case::Usual);
        let text = std::str::from_utf8(arguments).map_err(|_| unreadable)?;
        // NUL, a bare CR, a bare LF, or anything else that is no text.
        if text.chars().any(is_unprintable) {
            return Err(unreadable);
        }
        let parsed = (command.parse)(self, text)?;
        if command.needs_greeting && self.config.require_helo && self.facts.greeting.is_none() {
            return Err(Fault(&reply::HELO_REQUIRED, Case::Usual));
        }
        command.place.check(&self.state)?;
        (command.run)(self, now, parsed);
        Ok(())
    }
}

fn limit(login: bool, start: &[u8]) -> usize {
    let auth = login || start.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH "));
    if auth { AUTH_LINE_BYTES_MAX } else { LINE_BYTES_MAX }
}

/// Without spaces at both ends and tabs at the end.
fn trim(mut arguments: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = arguments {
        arguments = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = arguments {
        arguments = rest;
    }
    arguments
}
