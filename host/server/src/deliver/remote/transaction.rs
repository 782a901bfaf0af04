//! One message over a connection that stands: its envelope and content for the client session, and the outcomes as
//! verdicts. What the next host is asked for is decided here; how it is said is the client's.

use postwarden_smtp::Refusal;
use postwarden_smtp::client::{Action, Envelope, Failure, Outcome, Recipient, Reply};
use postwarden_smtp::question::{BodyType, Ret};
use postwarden_store::Timestamp;
use postwarden_store::queue::QueuedRecipient;

use super::Protocol;
use super::drive::{Event, Link, Stale, broken};
use crate::deliver::part::Part;
use crate::deliver::settle::sender_of;
use crate::deliver::verdict::{Said, Verdict};
use crate::node::Node;

/// Recipients of one transaction: every server must take so many (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_MAX: usize = 100;

impl Link {
    /// Sends one message to all recipients of the part, in as many transactions as that takes.
    pub(super) async fn send(&mut self, node: &Node, part: &Part) -> Result<Vec<(u32, Verdict)>, Stale> {
        let message = part.message();
        let required = message.envelope.require_tls && self.protocol == Protocol::Smtp;
        // RFC 8689 section 4.2.1: the host's name, its certificate, and its promise to do the same.
        if required && !(self.proven && self.security.verifies() && self.client.offers().require_tls) {
            let verdict = Verdict::refused(&node.config.load(), &Refusal::RequireTlsUnavailable);
            return Ok(part.all(&verdict));
        }
        if self.protocol == Protocol::Smtp {
            part.claimed.sign(&node.config.load_full(), node.now()).await;
        }
        let mut senders: Vec<(&str, Vec<&QueuedRecipient>)> = Vec::new();
        for recipient in part.recipients() {
            let sender = sender_of(message, recipient);
            match senders.iter_mut().find(|(known, _)| *known == sender) {
                Some((_, recipients)) => recipients.push(recipient),
                None => senders.push((sender, vec![recipient])),
            }
        }
        let mut verdicts = Vec::new();
        for (sender, recipients) in &senders {
            for recipients in recipients.chunks(RECIPIENTS_MAX) {
                let fresh = self.sent == 0 || !verdicts.is_empty();
                let outcomes = self.transact(part, sender, recipients, !fresh, node.now()).await?;
                self.sent += 1;
                let indexes = recipients.iter().map(|recipient| recipient.index);
                verdicts.extend(indexes.zip(outcomes.into_iter().map(|outcome| self.verdict(outcome))));
            }
        }
        Ok(verdicts)
    }

    /// One transaction. `reused`: the connection stood idle before, and may be dead.
    async fn transact(
        &mut self,
        part: &Part,
        sender: &str,
        recipients: &[&QueuedRecipient],
        reused: bool,
        now: Timestamp,
    ) -> Result<Vec<Outcome>, Stale> {
        let all = |failure: &Failure| recipients.iter().map(|_| Outcome::Broken(failure.clone())).collect::<Vec<_>>();
        if !self.ready {
            match self.event().await {
                Event::Ready => {}
                Event::Failed(_) if reused => return Err(Stale),
                Event::Failed(failure) => return Ok(all(&failure)),
                Event::SendContent | Event::Finished(_) => return Ok(all(&Failure::Closed(""))),
            }
        }
        self.ready = false;
        self.client.start(self.origin.elapsed(), self.envelope(part, sender, recipients, now));
        let mut content = false;
        loop {
            match self.event().await {
                Event::SendContent => {
                    content = true;
                    if let Err(error) = self.content(part).await {
                        tracing::error!(target: "delivery", id = %part.message().id, %error, "the content cannot be read");
                        self.client.abandon();
                    }
                }
                Event::Finished(outcomes) => {
                    let unsaid = |outcome: &Outcome| match outcome {
                        Outcome::Broken(_) => true,
                        Outcome::Refused(reply) => reply.code == 421,
                        Outcome::Accepted(_) | Outcome::Unsuitable(..) => false,
                    };
                    if reused && !content && outcomes.iter().all(unsaid) {
                        return Err(Stale);
                    }
                    self.peek();
                    return Ok(outcomes);
                }
                Event::Failed(_) if reused && !content => return Err(Stale),
                Event::Failed(failure) => return Ok(all(&failure)),
                // Not while a message is in progress.
                Event::Ready => {}
            }
        }
    }

    fn envelope(&self, part: &Part, sender: &str, recipients: &[&QueuedRecipient], now: Timestamp) -> Envelope {
        let message = part.message();
        let envelope = &message.envelope;
        // A mailbox server is the end of the way: this server reports on it.
        let passes_on = self.protocol == Protocol::Smtp;
        let recipient = |queued: &&QueuedRecipient| Recipient {
            address: queued.recipient.address.clone(),
            notify: queued.recipient.notify.clone().filter(|_| passes_on).map(|notify| notify.to_ascii_uppercase()),
            original: queued
                .recipient
                .orcpt
                .as_deref()
                .filter(|_| passes_on)
                .and_then(|orcpt| orcpt.split_once(';'))
                .map(|(kind, address)| (kind.to_owned(), address.to_owned())),
        };
        Envelope {
            sender: sender.to_owned(),
            size: message.size.saturating_add(self.signatures(part).len() as u64),
            body: match envelope.body.as_str() {
                "8BITMIME" => BodyType::EightBitMime,
                "BINARYMIME" if part.claimed.body.inline().is_none_or(|content| !is_text(content)) => {
                    BodyType::BinaryMime
                }
                "BINARYMIME" => BodyType::EightBitMime,
                _ => BodyType::SevenBit,
            },
            smtputf8: envelope.smtputf8,
            require_tls: envelope.require_tls && passes_on,
            ret: envelope.ret.as_deref().filter(|_| passes_on).map(|ret| match ret {
                "FULL" => Ret::Full,
                _ => Ret::Headers,
            }),
            envid: envelope.envid.clone().filter(|_| passes_on),
            deliver_by: envelope
                .deliver_by
                .filter(|_| passes_on)
                .map(|(at, notify)| (at.saturating_sub(now) / 1000, notify)),
            priority: envelope.priority,
            recipients: recipients.iter().map(recipient).collect(),
        }
    }

    /// A mailbox server gets none.
    fn signatures<'p>(&self, part: &'p Part) -> &'p [u8] {
        if self.protocol == Protocol::Smtp { part.claimed.signatures() } else { &[] }
    }

    /// Signatures, trace fields and content, to the end.
    async fn content(&mut self, part: &Part) -> postwarden_store::Result<()> {
        self.put(self.signatures(part)).await;
        self.put(&part.claimed.trace).await;
        match part.claimed.body.inline() {
            Some(bytes) => self.put(bytes).await,
            None => {
                let mut body = part.claimed.body.again();
                while let Some(chunk) = body.next().await? {
                    if self.closed {
                        break;
                    }
                    self.put(&chunk).await;
                }
            }
        }
        self.client.content_end(self.origin.elapsed());
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) {
        self.client.content(self.origin.elapsed(), bytes);
        while !self.closed {
            match self.client.poll_action() {
                Some(Action::Send(bytes)) => self.write(&bytes).await,
                // What else comes is for `next`: only a failure can, and then nothing more is sent.
                Some(_) | None => return,
            }
        }
    }

    fn verdict(&self, outcome: Outcome) -> Verdict {
        let said = |reply: &Reply| Said {
            status: reply.enhanced().map_or_else(|| format!("{}.0.0", reply.code / 100), str::to_owned),
            text: reply.to_string(),
            remote: Some(self.peer.clone()),
        };
        match (outcome, self.protocol) {
            (Outcome::Accepted(reply), Protocol::Lmtp) => Verdict::Delivered { said: Some(said(&reply)) },
            (Outcome::Accepted(reply), Protocol::Smtp) => {
                Verdict::Relayed { said: said(&reply), reports: self.client.offers().dsn }
            }
            // Too many recipients at once (RFC 5321 section 4.5.3.1.10): the rest goes next time.
            (Outcome::Refused(reply), _) if reply.code == 552 && reply.enhanced() == Some("5.5.3") => {
                Verdict::Deferred(Said { status: "4.5.3".to_owned(), ..said(&reply) })
            }
            (Outcome::Refused(reply), _) if reply.permanent() => Verdict::Failed(said(&reply)),
            (Outcome::Refused(reply), _) => Verdict::Deferred(said(&reply)),
            (Outcome::Unsuitable(status, text), _) => Verdict::Failed(Said::here(status, text)),
            (Outcome::Broken(failure), _) => Verdict::Deferred(broken(&self.peer, &failure)),
        }
    }
}

/// Whether content declared as binary is text after all, and can go by DATA unchanged.
fn is_text(content: &[u8]) -> bool {
    const LINE_BYTES_MAX: usize = 998;
    content.split_inclusive(|byte| *byte == b'\n').all(|line| {
        let text = line.strip_suffix(b"\r\n");
        text.is_some_and(|text| {
            text.len() <= LINE_BYTES_MAX && !text.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
        })
    })
}
