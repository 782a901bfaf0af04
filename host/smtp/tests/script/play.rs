//! Plays a script: as written with every step checked, then again in other pieces with the same outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use postwarden_smtp::{Action, Answer, Question, Session};

use super::answer;
use super::question;
use super::read::{Script, Step};
use super::setup;

/// What left the session, in the order that does not depend on how its input was cut.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) replies: Vec<u8>,
    /// Questions, content (joined), discards, TLS, close.
    pub(crate) actions: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// How much of `body` belongs to messages that were asked about.
    asked: usize,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", String::from_utf8_lossy(&self.replies))?;
        writeln!(f, "{:#?}\n{}", self.actions, self.body.escape_ascii())
    }
}

impl Outcome {
    fn body(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        if self.actions.last().is_none_or(|last| last != "body") {
            self.actions.push("body".into());
        }
    }

    fn asked(&mut self, question: &Question) {
        if matches!(question, Question::Message { .. }) {
            self.asked = self.body.len();
        }
        self.actions.push(format!("? {}", question::show(question)));
    }

    /// How much content came before the discard depends on how the input was cut, and does not matter.
    fn discard(&mut self) {
        self.body.truncate(self.asked);
        self.actions.pop_if(|last| last == "body");
        self.actions.push("discard".into());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    EveryByte,
    Glued,
}

type Steps = [(usize, Step)];

/// How much of the run the script has spoken of.
#[derive(Default)]
struct Seen {
    body: usize,
    discards: usize,
}

struct Player<'a> {
    script: &'a Script,
    session: Session,
    now: Duration,
    outcome: Outcome,
    /// Answers in the order they were given in the run as written.
    answers: Vec<Answer>,
    keys: BTreeSet<&'static str>,
}

/// What a script has shown.
pub(crate) struct Played {
    pub(crate) outcome: Outcome,
    /// Keys of the replies it saw.
    pub(crate) keys: BTreeSet<&'static str>,
}

pub(crate) fn play(script: &Script) -> Result<Played, String> {
    let mut player = Player::new(script);
    player.as_written()?;
    let (outcome, answers) = (player.outcome, player.answers);
    if !script.has("as-written") {
        for cut in [Cut::EveryByte, Cut::Glued] {
            let mut other = Player::new(script);
            other.again(cut, &answers)?;
            if other.outcome != outcome {
                return Err(format!(
                    "{}: another outcome when {cut:?}\n{:?}\nas written\n{outcome:?}",
                    script.name, other.outcome
                ));
            }
        }
    }
    Ok(Played { outcome, keys: player.keys })
}

impl<'a> Player<'a> {
    fn new(script: &'a Script) -> Self {
        let session = setup::of(script);
        let outcome = Outcome::default();
        Self { script, session, now: Duration::ZERO, outcome, answers: vec![], keys: BTreeSet::new() }
    }

    fn as_written(&mut self) -> Result<(), String> {
        let steps = self.script.steps.clone();
        let mut at = 0;
        // Replies received and not yet expected.
        let mut text = Vec::new();
        let mut seen = Seen::default();
        let mut pending: Vec<u8> = Vec::new();
        loop {
            // Everything the session wants to do now.
            while let Some(action) = self.session.poll_action() {
                self.keys.insert(self.session.last_reply());
                match action {
                    Action::Send(bytes) => {
                        self.outcome.replies.extend_from_slice(&bytes);
                        text.extend_from_slice(&bytes);
                    }
                    Action::Ask(asked) => {
                        let shown = question::show(&asked);
                        self.outcome.asked(&asked);
                        let mut given = answer::kindest(&asked);
                        at = self.seen(&steps, at, &mut seen)?;
                        if let Some((line, Step::Question(expected))) = steps.get(at) {
                            if *expected != shown {
                                return Err(self.wrong(*line, &format!("question {shown}")));
                            }
                            at += 1;
                        }
                        if let Some((_, Step::Answer(words))) = steps.get(at) {
                            given = answer::parse(words);
                            at += 1;
                        }
                        self.answers.push(given.clone());
                        self.session.handle_answer(self.now, given);
                        self.keys.insert(self.session.last_reply());
                    }
                    Action::Body(bytes) => self.outcome.body(&bytes),
                    Action::Discard => {
                        self.outcome.discard();
                        seen.body = seen.body.min(self.outcome.body.len());
                        seen.discards += 1;
                    }
                    Action::StartTls | Action::Close => {
                        let name = if matches!(action, Action::Close) { "close" } else { "starttls" };
                        self.outcome.actions.push(name.into());
                        at = self.replies(&steps, at, &mut text, &mut seen)?;
                        match steps.get(at) {
                            Some((_, Step::Action(expected))) if expected == name => at += 1,
                            step => return Err(self.wrong(step.map_or(0, |step| step.0), name)),
                        }
                    }
                }
            }
            if !pending.is_empty() && self.session.wants_input() {
                let used = self.session.handle_input(self.now, &pending);
                pending.drain(..used);
                continue;
            }
            at = self.replies(&steps, at, &mut text, &mut seen)?;
            let Some((line, step)) = steps.get(at) else { break };
            at += 1;
            match step {
                Step::Client(bytes) => {
                    if !self.session.wants_input() {
                        return Err(self.wrong(*line, "no wish for input"));
                    }
                    let used = self.session.handle_input(self.now, bytes);
                    pending = bytes[used..].to_vec();
                }
                Step::Clock(time) => self.clock(*time),
                Step::Tls(kind) => self.session.handle_tls(self.now, setup::tls(kind)),
                Step::Shutdown => self.session.handle_shutdown(self.now),
                step => return Err(self.wrong(*line, &format!("nothing, where {step:?} was expected"))),
            }
        }
        if text.is_empty() { Ok(()) } else { Err(self.wrong(0, &format!("{} at the end", text.escape_ascii()))) }
    }

    /// Compares received replies with the script's.
    fn replies(&self, steps: &Steps, mut at: usize, text: &mut Vec<u8>, seen: &mut Seen) -> Result<usize, String> {
        at = self.seen(steps, at, seen)?;
        while let Some(end) = text.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = text.drain(..end + 2).collect();
            let line = String::from_utf8(line[..end].to_vec()).unwrap();
            match steps.get(at) {
                Some((_, Step::Reply(expected))) if *expected == line => at += 1,
                step => return Err(self.wrong(step.map_or(0, |step| step.0), &line)),
            }
            at = self.seen(steps, at, seen)?;
        }
        Ok(at)
    }

    /// Passes over what the script says about content and discards, as far as they have happened.
    fn seen(&self, steps: &Steps, mut at: usize, seen: &mut Seen) -> Result<usize, String> {
        loop {
            match steps.get(at) {
                Some((line, Step::Body(expected))) => {
                    let new = &self.outcome.body[seen.body..];
                    if new != expected {
                        return Err(self.wrong(*line, &format!("content {}", new.escape_ascii())));
                    }
                    seen.body = self.outcome.body.len();
                }
                Some((_, Step::Action(name))) if name == "discard" && seen.discards > 0 => seen.discards -= 1,
                _ => return Ok(at),
            }
            at += 1;
        }
    }

    /// The same input in other pieces, with the answers of the first run.
    fn again(&mut self, cut: Cut, answers: &[Answer]) -> Result<(), String> {
        let mut answers = answers.iter();
        let mut segment = Vec::new();
        let steps = self.script.steps.clone();
        for (_, step) in &steps {
            if let Step::Client(bytes) = step {
                segment.extend_from_slice(bytes);
            }
            if matches!(step, Step::Clock(_) | Step::Tls(_) | Step::Shutdown) {
                self.feed(cut, &segment, &mut answers)?;
                segment.clear();
                match step {
                    Step::Clock(time) => self.clock(*time),
                    Step::Tls(kind) => self.session.handle_tls(self.now, setup::tls(kind)),
                    _ => self.session.handle_shutdown(self.now),
                }
            }
        }
        self.feed(cut, &segment, &mut answers)?;
        self.drain(&mut answers)
    }

    fn feed<'b>(
        &mut self,
        cut: Cut,
        input: &[u8],
        answers: &mut impl Iterator<Item = &'b Answer>,
    ) -> Result<(), String> {
        let pieces: Vec<&[u8]> = match cut {
            Cut::EveryByte => input.chunks(1).collect(),
            Cut::Glued => vec![input],
        };
        for mut piece in pieces {
            loop {
                self.drain(answers)?;
                if piece.is_empty() {
                    break;
                }
                let used = self.session.handle_input(self.now, piece);
                if used == 0 && !self.session.wants_input() {
                    break;
                }
                piece = &piece[used..];
            }
        }
        Ok(())
    }

    fn drain<'b>(&mut self, answers: &mut impl Iterator<Item = &'b Answer>) -> Result<(), String> {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Send(bytes) => self.outcome.replies.extend_from_slice(&bytes),
                Action::Body(bytes) => self.outcome.body(&bytes),
                Action::Discard => self.outcome.discard(),
                Action::StartTls => self.outcome.actions.push("starttls".into()),
                Action::Close => self.outcome.actions.push("close".into()),
                Action::Ask(asked) => {
                    self.outcome.asked(&asked);
                    let given = answers.next().ok_or_else(|| self.wrong(0, "a question more than as written"))?;
                    self.session.handle_answer(self.now, given.clone());
                }
            }
        }
        Ok(())
    }

    fn clock(&mut self, time: Duration) {
        self.now += time;
        if self.now >= self.session.poll_timeout() {
            self.session.handle_timeout(self.now);
        }
    }

    fn wrong(&self, line: usize, got: &str) -> String {
        let expected = self.script.steps.iter().find(|(at, _)| *at == line).map(|(_, step)| step);
        format!("{}:{line}: got {got}\n  expected {expected:?}", self.script.name)
    }
}
