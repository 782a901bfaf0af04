//! Who really sent the mail of others: SPF, DKIM, ARC, DMARC and iprev, once for each message, in the words of
//! RFC 8601. The library checks; this says what is asked, how long, and what the operator wants done about it.
//!
//! Own mail is not judged: sessions that logged in or that we relay from, LMTP (it comes from a server of ours), and
//! clients on loopback or in `[authentication] exempt`.

mod checks;
mod policy;
mod spf;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::sync::Arc;

use postwarden_mail::authentication_results::{self, Finding};
use postwarden_mail::header;
use postwarden_sandbox::AuthenticationResult;
use postwarden_smtp::Refusal;
use postwarden_smtp::session::Role;
use postwarden_store::Draft;

use crate::decide::Asked;
use crate::dmarc_reports;
use crate::opened::Opened;
pub(crate) use policy::Judgement;
pub(crate) use spf::Spf;

/// What is known about the sender of the running transaction.
#[derive(Default)]
pub(crate) struct Known {
    spf: Option<Arc<Spf>>,
    findings: Vec<Finding>,
}

impl Known {
    /// For filters.
    pub(crate) fn results(&self) -> Vec<AuthenticationResult> {
        self.findings.iter().map(result).collect()
    }

    pub(crate) fn spf_failed(&self) -> bool {
        self.spf.as_ref().is_some_and(|spf| spf.finding.outcome == "fail")
    }

    /// For log and history: `spf=pass dkim=fail dmarc=fail`; empty where nothing was asked.
    pub(crate) fn summary(&self) -> String {
        let words: Vec<String> =
            self.findings.iter().map(|found| format!("{}={}", found.method, found.outcome)).collect();
        words.join(" ")
    }

    /// The field for the top of the message; empty where nothing was asked.
    pub(crate) fn field(&self, host: &str, utf8: bool) -> Vec<u8> {
        // That a session logged in is nobody else's business.
        let told: Vec<Finding> = self.findings.iter().filter(|found| found.method != "auth").cloned().collect();
        if told.is_empty() { Vec::new() } else { authentication_results::field(host, &told, utf8) }
    }
}

/// Whether the sender of this session is to be checked.
pub(crate) fn applies(asked: &Asked<'_>) -> bool {
    let client = asked.client();
    let exempt = asked.config.authentication.exempt.iter().any(|network| network.contains(client));
    !(asked.authorised() || asked.role() == Role::Lmtp || client.is_loopback() || exempt)
}

/// Before the message is there, for a filter that wants to know: SPF and the client's name.
pub(crate) async fn envelope(asked: &Asked<'_>, known: &mut Known, sender: &str) {
    if let Some(login) = &asked.facts.login {
        known.findings = vec![Finding::new("auth", "pass").with("smtp.auth", login.account.as_str())];
        return;
    }
    if known.spf.is_some() || !applies(asked) {
        return;
    }
    let (spf, name) = tokio::join!(spf::check(asked, sender), checks::reverse_name(asked));
    known.findings = vec![name, spf.finding.clone()];
    known.spf = Some(Arc::new(spf));
}

/// The whole message. What others wrote in our name is gone afterwards, whoever they are.
pub(crate) async fn message(
    asked: &Asked<'_>,
    known: &mut Known,
    sender: &str,
    mut opened: Opened,
    draft: &mut Draft,
) -> Result<(Opened, Judgement), Refusal> {
    if asked.role() != Role::Lmtp {
        disown(asked, &mut opened, draft).await?;
    }
    envelope(asked, known, sender).await;
    let Some(spf) = known.spf.clone() else { return Ok((opened, Judgement::default())) };
    if checks::need_all(opened.header()) {
        opened = opened.with_the_rest(asked.node, draft).await?;
    }
    let checked = checks::check(asked, opened.bytes(), spf).await;
    known.findings.extend(checked.findings.iter().cloned());
    if let Some(seen) = checked.seen.as_ref().filter(|_| asked.config.authentication.dmarc_reports)
        && let Err(error) = dmarc_reports::note(asked.node.store.as_ref(), seen, asked.now).await
    {
        tracing::warn!(%error, "a message is missing in a DMARC report");
    }
    let judgement = policy::judge(&asked.config.authentication, &checked);
    Ok((opened, judgement))
}

/// Takes out the results that claim to be ours (RFC 8601 section 5).
async fn disown(asked: &Asked<'_>, opened: &mut Opened, draft: &mut Draft) -> Result<(), Refusal> {
    let host = &asked.config.hostname;
    let ours = |field: &header::Field<'_>| {
        field.is(authentication_results::NAME) && authentication_results::claims(field.value, host)
    };
    if !header::fields(opened.header()).any(|field| ours(&field)) {
        return Ok(());
    }
    let kept: Vec<u8> = {
        let head = opened.header();
        let mut kept = Vec::with_capacity(head.len());
        for field in header::fields(head).filter(|field| !ours(field)) {
            kept.extend_from_slice(head.get(field.start..field.end).unwrap_or_default());
        }
        kept
    };
    opened.replace_header(asked.node, draft, kept).await
}

fn result(found: &Finding) -> AuthenticationResult {
    AuthenticationResult {
        method: found.method.to_owned(),
        outcome: found.outcome.to_owned(),
        properties: found.properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}
