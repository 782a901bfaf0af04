//! What a reply of the server leads to, by the command it answers.

use super::{Action, Client, Expect, Failure, Outcome, Protocol, Reply, TlsWish, command};
use crate::session::Time;

impl Client {
    pub(super) fn reply(&mut self, now: Time, reply: Reply, last_input: bool) {
        let Some(expect) = self.expected.pop_front() else {
            // A reply nobody asked for: a 421 before closing, or a refusal in the middle of the content.
            return self.fail(Failure::Unfriendly(reply));
        };
        if reply.code == 421 && expect != Expect::Quit {
            return self.fail_at(expect, reply);
        }
        match expect {
            Expect::Greeting if reply.positive() => self.greet(now),
            Expect::Ehlo if reply.positive() => {
                self.offers = command::offers(&reply);
                self.greeted(now);
            }
            Expect::Ehlo if reply.permanent() && self.settings.protocol == Protocol::Smtp => {
                self.waiting.push_back((Expect::Helo, format!("HELO {}\r\n", self.settings.helo).into_bytes()));
                self.pump(now);
            }
            Expect::Helo if reply.positive() => self.greeted(now),
            Expect::Rset if reply.positive() => self.ready(),
            Expect::Greeting | Expect::Ehlo | Expect::Helo | Expect::Rset => self.fail(Failure::Unfriendly(reply)),
            Expect::StartTls => self.starttls(now, &reply, last_input),
            Expect::Mail => self.mail_reply(now, reply),
            Expect::Rcpt(index) => self.rcpt_reply(now, index, reply),
            Expect::Data => self.data_reply(now, reply),
            Expect::Dot => {
                self.settle_open(&outcome(reply));
                self.finish(now);
            }
            Expect::DotFor(index) => {
                self.set(index, outcome(reply));
                if !self.expected.iter().any(|expect| matches!(expect, Expect::DotFor(_))) {
                    self.finish(now);
                }
            }
            Expect::Quit => {
                self.done = true;
                self.actions.push_back(Action::Close);
            }
        }
    }

    fn greeted(&mut self, now: Time) {
        let wanted = self.settings.tls != TlsWish::Never && !self.tls;
        if wanted && self.offers.starttls {
            self.waiting.push_back((Expect::StartTls, b"STARTTLS\r\n".to_vec()));
            return self.pump(now);
        }
        if wanted && self.settings.tls == TlsWish::Required {
            return self.fail(Failure::NoTls);
        }
        self.ready();
    }

    fn starttls(&mut self, now: Time, reply: &Reply, last_input: bool) {
        if reply.code == 220 {
            // Clear text behind the 220 could be a reply that an attacker wants us to read inside TLS.
            if !last_input || !self.parser.is_empty() {
                return self.fail(Failure::Garbage("after STARTTLS"));
            }
            self.deadline = Some(now + self.settings.timeouts.command);
            return self.actions.push_back(Action::StartTls);
        }
        if self.settings.tls == TlsWish::Required {
            return self.fail(Failure::NoTls);
        }
        self.ready();
    }

    /// Nothing is owed and nothing is in progress.
    pub(super) fn ready(&mut self) {
        self.deadline = None;
        self.actions.push_back(Action::Ready);
    }

    fn mail_reply(&mut self, now: Time, reply: Reply) {
        if !reply.positive() {
            self.settle_open(&Outcome::Refused(reply));
            self.waiting.clear();
        }
        self.envelope_progress(now);
    }

    fn rcpt_reply(&mut self, now: Time, index: usize, reply: Reply) {
        if reply.positive() {
            let open =
                self.message.as_ref().and_then(|message| message.outcomes.get(index)).is_some_and(Option::is_none);
            if let Some(message) = self.message.as_mut().filter(|_| open) {
                message.accepted += 1;
            }
        } else {
            self.set(index, Outcome::Refused(reply));
        }
        self.envelope_progress(now);
    }

    /// All replies to MAIL and RCPT are in: DATA if anybody is left, else the end.
    fn envelope_progress(&mut self, now: Time) {
        if self.expected.is_empty() && self.waiting.is_empty() {
            if self.message.as_ref().is_some_and(|message| message.accepted > 0) {
                self.waiting.push_back((Expect::Data, b"DATA\r\n".to_vec()));
            } else {
                return self.finish(now);
            }
        }
        self.pump(now);
    }

    fn data_reply(&mut self, now: Time, reply: Reply) {
        if reply.code != 354 {
            // A 2yz here would be taken for an acceptance that never was.
            if reply.positive() {
                return self.fail(Failure::Unfriendly(reply));
            }
            self.settle_open(&Outcome::Refused(reply));
            return self.finish(now);
        }
        if let Some(message) = &mut self.message {
            message.in_content = true;
        }
        self.deadline = Some(now + self.settings.timeouts.block);
        self.actions.push_back(Action::SendContent);
    }
}

fn outcome(reply: Reply) -> Outcome {
    if reply.positive() { Outcome::Accepted(reply) } else { Outcome::Refused(reply) }
}
