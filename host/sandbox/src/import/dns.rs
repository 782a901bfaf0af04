//! DNS for filters: names within the grant, so many questions a call, all at once. Asks the server's resolver only.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use wasmtime::Result;

use super::convert;
use crate::context::Context;
use crate::services::{DnsAnswer, DnsError, DnsRecord, Services};
use crate::track_0_1::postwarden::filter::dns as wit;

/// Time that is kept for what a filter does when the DNS has not answered.
const RESERVE_MAX: Duration = Duration::from_millis(50);
/// Bytes of a name (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

type Asked = std::result::Result<wit::Answer, wit::Error>;

impl wit::Host for Context {
    async fn resolve(&mut self, question: wit::Question) -> Result<Asked> {
        self.enter("dns.resolve")?;
        if let Err(error) = self.may_ask(&question) {
            return Ok(Err(error));
        }
        Ok(ask(self.shared.services.clone(), question, self.dns_time()).await)
    }

    async fn resolve_all(&mut self, questions: Vec<wit::Question>) -> Result<Vec<Asked>> {
        self.enter("dns.resolve-all")?;
        let mut answers: Vec<Asked> = Vec::with_capacity(questions.len());
        let mut waiting = JoinSet::new();
        for (index, question) in questions.into_iter().enumerate() {
            match self.may_ask(&question) {
                Err(error) => answers.push(Err(error)),
                Ok(()) => {
                    answers.push(Err(wit::Error::Timeout));
                    let (services, time) = (self.shared.services.clone(), self.dns_time());
                    waiting.spawn(async move { (index, ask(services, question, time).await) });
                }
            }
        }
        while let Some(done) = waiting.join_next().await {
            if let Ok((index, answer)) = done
                && let Some(slot) = answers.get_mut(index)
            {
                *slot = answer;
            }
        }
        Ok(answers)
    }
}

impl Context {
    /// A question is given up early enough for the filter to answer without it.
    fn dns_time(&self) -> Duration {
        let left = self.time_left();
        left.saturating_sub((left / 4).min(RESERVE_MAX))
    }

    fn may_ask(&mut self, question: &wit::Question) -> std::result::Result<(), wit::Error> {
        let name = question.name.as_str();
        // A backslash escapes a dot for the resolver: what looks like a name below the grant would be a label beside it.
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(odd) {
            return Err(wit::Error::InvalidName);
        }
        if !self.shared.grants.may_resolve(name) || self.dns_queries >= self.shared.limits.dns_queries {
            return Err(wit::Error::AccessDenied);
        }
        // A filter can tell this from a grant that it lacks.
        if self.call.is_none() {
            return Err(wit::Error::Other(
                "configure may not ask: the answer would be frozen in the snapshot".to_owned(),
            ));
        }
        self.dns_queries = self.dns_queries.saturating_add(1);
        Ok(())
    }
}

async fn ask(services: Arc<dyn Services>, question: wit::Question, time: Duration) -> Asked {
    match tokio::time::timeout(time, services.resolve(&question.name, question.record_type)).await {
        Ok(Ok(answer)) => Ok(answer_of(answer)),
        Ok(Err(error)) => Err(match error {
            DnsError::NoSuchName => wit::Error::NoSuchName,
            DnsError::Timeout => wit::Error::Timeout,
            DnsError::ServerFailure => wit::Error::ServerFailure,
            DnsError::InvalidName => wit::Error::InvalidName,
            DnsError::Other(what) => wit::Error::Other(what),
        }),
        Err(_) => Err(wit::Error::Timeout),
    }
}

fn answer_of(answer: DnsAnswer) -> wit::Answer {
    let record = |record| match record {
        DnsRecord::Address(address) => wit::RecordData::Address(convert::ip(address)),
        DnsRecord::Name(name) => wit::RecordData::Name(name),
        DnsRecord::Mx(preference, host) => wit::RecordData::Mx((preference, host)),
        DnsRecord::Txt(text) => wit::RecordData::Txt(text),
        DnsRecord::Other(data) => wit::RecordData::Other(data),
    };
    let records = answer.records.into_iter().map(record).collect();
    wit::Answer { records, ttl: answer.ttl, authenticated: answer.authenticated }
}
