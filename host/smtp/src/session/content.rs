//! Content: DATA up to its dot, BDAT by count. Handed out as it comes, or dropped once it cannot be accepted.

use super::{Action, Config, Session, Time, Transaction};
use crate::limits::{CONTENT_BYTES_PER_SECOND_MIN, CONTENT_GRACE};
use crate::question::{BodyType, Question};
use crate::reply::{self, Row};
use crate::session::Role;
use crate::state::{Content, State, Why};

impl Session {
    /// Takes content, also none: a chunk may be empty.
    pub(crate) fn handle_content(&mut self, now: Time, input: &[u8]) -> usize {
        let used = match self.take_state() {
            State::Data(transaction, mut reader, mut content) => {
                let mut body = Vec::with_capacity(input.len());
                let (used, ended) = reader.read(input, &mut body);
                self.keep(&mut content, body, reader.bare());
                if ended {
                    self.complete(transaction, &content);
                } else {
                    self.state = State::Data(transaction, reader, content);
                    self.drop_if_over();
                }
                used
            }
            State::Chunk(transaction, mut chunk, mut content) => {
                let most = usize::try_from(chunk.left).unwrap_or(usize::MAX);
                let octets = input.get(..most).unwrap_or(input);
                chunk.left -= octets.len() as u64;
                let last = chunk.last && chunk.left == 0;
                content.watch.read(octets);
                let binary = transaction.parameters.body == BodyType::BinaryMime;
                let bare = if last { content.watch.bare_at_end() } else { content.watch.bare() };
                self.keep(&mut content, octets.to_vec(), bare && !binary);
                match (chunk.left, content.fault) {
                    (0, _) if chunk.last => self.complete(transaction, &content),
                    (0, Some(row)) => {
                        // The draft went when the fault was found, the transaction goes now.
                        self.state = State::Envelope(transaction);
                        self.reply(row);
                        self.state = State::Idle;
                        self.close_if_over(row);
                    }
                    (0, None) => {
                        self.state = State::Chunks(transaction, content);
                        self.reply_with(&reply::CHUNK_TAKEN, &chunk.size.to_string());
                    }
                    _ => {
                        self.state = State::Chunk(transaction, chunk, content);
                        self.drop_if_over();
                    }
                }
                octets.len()
            }
            State::Skipping(mut skip) => {
                let most = usize::try_from(skip.left).unwrap_or(usize::MAX);
                let used = input.len().min(most);
                skip.left -= used as u64;
                if skip.left == 0 {
                    self.state = skip.before;
                    match skip.why {
                        Why::Fault(row, case) => self.reply_case(row, case),
                        Why::Refusal(refusal) => self.refuse(&refusal),
                    }
                } else {
                    self.state = State::Skipping(skip);
                    return used;
                }
                used
            }
            other => {
                self.state = other;
                0
            }
        };
        self.settle(now);
        used
    }

    /// Hands content out, or notes why the message cannot be accepted. Of two faults the ceiling is the
    /// one told, whichever came first: the outcome must not depend on how the content was cut.
    fn keep(&mut self, content: &mut Content, body: Vec<u8>, bare: bool) {
        content.size = content.size.saturating_add(body.len() as u64);
        let ceiling = self.config.hard_ceiling;
        let fault = match () {
            () if ceiling > 0 && content.size > ceiling => Some(&reply::SERVER_CEILING),
            () if bare => Some(&reply::BARE_LINE_END),
            () => None,
        };
        match (content.fault, fault) {
            (None, Some(_)) => self.act(Action::Discard),
            (None, None) if !body.is_empty() => self.act(Action::Body(body)),
            _ => {}
        }
        content.fault = fault.or(content.fault);
    }

    /// Row 34 at once, where the operator does not want the rest read.
    fn drop_if_over(&mut self) {
        let (State::Data(_, _, content) | State::Chunk(_, _, content)) = &self.state else { return };
        if self.config.close_on_ceiling && content.fault.is_some_and(|row| row.key == reply::SERVER_CEILING.key) {
            self.reply(&reply::SERVER_CEILING);
            self.close();
        }
    }

    fn close_if_over(&mut self, row: &'static Row) {
        if self.config.close_on_ceiling && row.key == reply::SERVER_CEILING.key {
            self.close();
        }
    }

    /// All content is here.
    fn complete(&mut self, transaction: Box<Transaction>, content: &Content) {
        match content.fault {
            None => self.ask(State::Judging(transaction), Question::Message { size: content.size }),
            Some(row) => {
                self.refuse_message(transaction, row);
                self.close_if_over(row);
            }
        }
    }

    /// One reply, or over LMTP one for each recipient.
    fn refuse_message(&mut self, transaction: Box<Transaction>, row: &'static Row) {
        let replies = self.replies_after_content(&transaction);
        self.state = State::Envelope(transaction);
        for _ in 0..replies {
            self.reply(row);
        }
        self.state = State::Idle;
    }

    /// How many replies the client expects for the content of this transaction.
    pub(super) fn replies_after_content(&self, transaction: &Transaction) -> usize {
        match self.config.role {
            Role::Lmtp => transaction.recipients.len(),
            Role::Mx | Role::Submission => 1,
        }
    }

    /// Silence may last for `data-timeout`, and content as a whole must come at the smallest bearable
    /// rate once the grace is over.
    pub(super) fn content_deadline(&self, now: Time, content: &Content) -> Time {
        deadline(&self.config, now, content)
    }
}

fn deadline(config: &Config, now: Time, content: &Content) -> Time {
    let silence = now.saturating_add(config.data_timeout);
    let earned = Time::from_secs(content.size / CONTENT_BYTES_PER_SECOND_MIN);
    let rate = content.started.saturating_add(CONTENT_GRACE.min(config.data_timeout)).saturating_add(earned);
    silence.min(rate)
}
