//! What an answer leads to, by the state its question left behind.

use super::{Action, Session, Time, Transaction};
use crate::command::{auth, bdat, data, greet, mail};
use crate::question::{Answer, Fate};
use crate::refusal::Refusal;
use crate::reply;
use crate::sasl::{Exchange, Step};
use crate::session::Role;
use crate::state::{State, Way};

impl Session {
    pub(super) fn answered(&mut self, now: Time, answer: Answer) {
        match self.take_state() {
            State::Connecting => self.connected(answer),
            State::Greeting(before) => match refusal(answer) {
                None => greet::accepted(self),
                Some(refusal) => {
                    self.facts.greeting = before;
                    self.refuse(&refusal);
                }
            },
            State::LoginAsked(exchange) => self.login(*exchange, answer),
            State::Starting(transaction) => match refusal(answer) {
                None => mail::accepted(self, transaction),
                Some(refusal) => self.refuse(&refusal),
            },
            State::Adding(mut transaction, recipient) => match refusal(answer) {
                None => {
                    transaction.recipients.push(*recipient);
                    self.state = State::Envelope(transaction);
                    self.reply(&reply::RECIPIENT_OK);
                }
                Some(refusal) => {
                    self.state = State::Envelope(transaction);
                    self.refuse(&refusal);
                }
            },
            State::Admitting(transaction, way) => self.admitted(now, transaction, way, answer),
            State::Judging(transaction) => self.judged(transaction, answer),
            State::LookingUp(before) => {
                self.state = *before;
                match answer {
                    Answer::Text(text) => self.reply_lines(&reply::VERIFIED, &[text]),
                    Answer::Lines(lines) => self.reply_lines(&reply::VERIFIED, &lines),
                    Answer::Proceed => self.reply(&reply::CANNOT_VERIFY),
                    answer => self.refuse(&refusal(answer).unwrap_or(Refusal::Unavailable)),
                }
            }
            // No question is open.
            other => self.state = other,
        }
    }

    fn connected(&mut self, answer: Answer) {
        match refusal(answer) {
            None if self.stopping => self.refuse_connection(&Refusal::ShuttingDown),
            None => {
                let protocol = if self.config.role == Role::Lmtp { "LMTP" } else { "ESMTP" };
                let name = format!("{} {protocol}", self.config.hostname);
                self.reply_with(&reply::SERVICE_READY, &name);
            }
            Some(refusal) => self.refuse_connection(&refusal),
        }
    }

    fn login(&mut self, exchange: Exchange, answer: Answer) {
        let step = match answer {
            Answer::LoggedIn(login) => exchange.granted(login),
            Answer::Scram(verifier) => exchange.verifier(verifier, self),
            Answer::Refuse(Refusal::AuthFailed) => Step::Failed,
            answer => return self.refuse(&refusal(answer).unwrap_or(Refusal::AuthUnavailable)),
        };
        match step {
            Step::Challenge(exchange, text) => auth::challenge(self, exchange, &text),
            Step::LoggedIn(login) => auth::logged_in(self, login),
            Step::Failed | Step::Broken(_) | Step::Ask(..) => auth::failed(self),
        }
    }

    fn admitted(&mut self, now: Time, transaction: Box<Transaction>, way: Way, answer: Answer) {
        match (refusal(answer), way) {
            (None, Way::Data) => data::accepted(self, now, transaction),
            (None, Way::Chunk(chunk)) => bdat::accepted(self, now, transaction, chunk),
            (Some(refusal), Way::Data) => {
                self.state = State::Envelope(transaction);
                self.refuse(&refusal);
            }
            (Some(refusal), Way::Chunk(chunk)) => bdat::not_admitted(self, now, transaction, chunk, refusal),
        }
    }

    /// The message is decided: one reply, or over LMTP one for each recipient.
    fn judged(&mut self, transaction: Box<Transaction>, answer: Answer) {
        let replies = self.replies_after_content(&transaction);
        // The id of the transaction stands in these replies.
        self.state = State::Envelope(transaction);
        match answer {
            Answer::Taken { fate, recipients } => {
                self.forgive();
                let mut refusals = recipients.into_iter();
                for _ in 0..replies {
                    match refusals.next().flatten().filter(|_| self.config.role == Role::Lmtp) {
                        None => self.accepted(fate),
                        Some(refusal) => self.refuse_recipient(&refusal),
                    }
                }
            }
            answer => {
                self.act(Action::Discard);
                let refusal = refusal(answer).unwrap_or(Refusal::Unavailable);
                for _ in 0..replies {
                    self.refuse_recipient(&refusal);
                }
                self.close_after(&refusal);
            }
        }
        if !matches!(self.state, State::Closed) {
            self.state = State::Idle;
        }
    }

    /// The client sees no difference between fates: log and history do.
    fn accepted(&mut self, fate: Fate) {
        self.reply(&reply::MESSAGE_ACCEPTED);
        match fate {
            Fate::Deleted => self.note(&reply::DELETED_BY_FILTER),
            Fate::Challenged => self.note(&reply::CHALLENGED_BY_FILTER),
            Fate::Queued | Fate::Quarantined => {}
        }
    }
}

/// None: the way is free. Any other answer than these two does not belong to such a question.
fn refusal(answer: Answer) -> Option<Refusal> {
    match answer {
        Answer::Proceed => None,
        Answer::Refuse(refusal) => Some(refusal),
        _ => Some(Refusal::Unavailable),
    }
}
