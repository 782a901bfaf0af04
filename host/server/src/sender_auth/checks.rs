//! What needs the message: DKIM, ARC and DMARC; and the client's reverse name. Everything is bounded: signatures, the
//! fields they may name, sizes, and the time for the DNS. What takes too long is `temperror`.

use std::sync::Arc;
use std::time::Duration;

use mail_auth::common::headers::Header;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError, Error};
use postwarden_mail::authentication_results::Finding;
use postwarden_mail::header;
use tokio::time::{Instant, timeout_at};

use super::spf::Spf;
use super::words;
use crate::decide::Asked;
use crate::dmarc_reports::{self, Seen};
use crate::dns::{Dns, Reverse};

/// For DKIM and ARC together, and again for DMARC.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Signatures that are checked; further ones are `neutral`.
const SIGNATURES_MAX: usize = 8;
/// Names in one signature's `h=`.
const SIGNED_NAMES_MAX: usize = 200;
/// A larger ARC field is no chain. (Of its `h=` each name is searched in all fields.)
const ARC_FIELD_BYTES_MAX: usize = 16 << 10;
/// Signatures are not looked for in a header section with more fields, or with more bytes.
const FIELDS_MAX: usize = 2000;
const HEADER_BYTES_MAX: usize = 512 << 10;
/// What is hashed for larger messages would keep a worker from others.
const AT_ONCE_BYTES_MAX: usize = 256 << 10;

#[derive(Default)]
pub(crate) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) spf_failed: bool,
    /// There are signatures, at least one is wrong, and none is right.
    pub(super) dkim_failed: bool,
    pub(super) arc_failed: bool,
    /// Who sealed a chain that holds, last first.
    pub(super) sealers: Vec<String>,
    pub(super) dmarc: Dmarc,
    /// For the report to the author's domain, where it wants one.
    pub(super) seen: Option<Seen>,
}

/// What the author's domain says about this message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dmarc {
    #[default]
    Open,
    /// It failed, and this is asked for.
    Fail(Policy),
}

/// Whether more than the header section is needed.
pub(super) fn need_all(head: &[u8]) -> bool {
    header::fields(head).any(|field| field.is("DKIM-Signature") || is_of_arc(&field))
}

fn is_of_arc(field: &header::Field<'_>) -> bool {
    field.name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"ARC-"))
}

pub(super) async fn reverse_name(asked: &Asked<'_>) -> Finding {
    let client = asked.client();
    let outcome = match asked.node.dns.load_full().reverse(client, asked.now).await {
        Ok(Reverse::Confirmed(_)) => "pass",
        Ok(Reverse::Unconfirmed(_)) => "fail",
        Ok(Reverse::None) => "permerror",
        Err(_) => "temperror",
    };
    Finding::new("iprev", outcome).with("policy.iprev", client.to_string())
}

pub(super) async fn check(asked: &Asked<'_>, bytes: Arc<Vec<u8>>, spf: Arc<Spf>) -> Checked {
    let dns = asked.node.dns.load_full();
    if bytes.len() <= AT_ONCE_BYTES_MAX {
        return judge(&dns, &bytes, &spf).await;
    }
    let runtime = tokio::runtime::Handle::current();
    let beside = tokio::task::spawn_blocking(move || runtime.block_on(judge(&dns, &bytes, &spf)));
    beside.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a message could not be authenticated");
        Checked {
            findings: vec![Finding::new("dkim", "temperror"), Finding::new("dmarc", "temperror")],
            ..Checked::default()
        }
    })
}

pub(super) async fn judge(dns: &Dns, bytes: &[u8], spf: &Spf) -> Checked {
    let mut checked = Checked { spf_failed: spf.output.result() == mail_auth::SpfResult::Fail, ..Checked::default() };
    let Some(mut message) = AuthenticatedMessage::parse(bytes) else {
        checked.findings = vec![Finding::new("dkim", "none"), Finding::new("dmarc", "none")];
        return checked;
    };
    let head = header::split(bytes).0;
    let too_large = head.len() > HEADER_BYTES_MAX || header::fields(head).nth(FIELDS_MAX).is_some();
    let signed = !message.dkim_headers.is_empty() || message.has_dkim_errors;
    limit(&mut message, too_large);
    let deadline = Instant::now() + TIME_MAX;
    let (dkim, arc) = tokio::join!(dkim(dns, &message, deadline), arc(dns, &message, head, too_large, deadline));
    checked.dkim_failed =
        !dkim.iter().any(|output| matches!(output.result(), DkimResult::Pass | DkimResult::TempError(_)))
            && dkim.iter().any(|output| words::dkim(output.result()).0 == "fail");
    if dkim.is_empty() {
        // A field that could not even be read is no signature, and no sign of one.
        checked.findings.push(Finding::new("dkim", if signed { "neutral" } else { "none" }));
    }
    checked.findings.extend(dkim.iter().map(of_signature));
    let (outcome, comment) = words::arc(arc.result());
    if outcome != "none" {
        let sealer = arc.sets().last().map(|set| set.seal.header.d.clone()).unwrap_or_default();
        checked.findings.push(Finding::new("arc", outcome).because(comment).with("header.d", sealer));
    }
    checked.arc_failed = outcome == "fail";
    if outcome == "pass" {
        checked.sealers = arc.sets().iter().rev().map(|set| set.seal.header.d.to_lowercase()).collect();
    }
    let output = dmarc(dns, &message, &dkim, spf).await;
    let (finding, wish) = of_domain(&message, output.as_ref());
    checked.findings.push(finding);
    checked.dmarc = wish;
    checked.seen = output.and_then(|output| dmarc_reports::seen(spf.client, &spf.domain, &dkim, &spf.output, &output));
    checked
}

/// Signatures beyond the limits are not verified. What only costs lookups is not asked: third party signatures
/// (RFC 6541), addresses for reports (RFC 6651).
fn limit(message: &mut AuthenticatedMessage<'_>, too_large: bool) {
    let mut kept = Vec::new();
    for mut field in std::mem::take(&mut message.dkim_headers) {
        if too_large || kept.len() >= SIGNATURES_MAX || field.header.h.len() > SIGNED_NAMES_MAX {
            let error = Error::Dkim(DkimError::UnsupportedAlgorithm);
            message.errors.push(Header::new(field.name, field.value, error));
        } else {
            field.header.atps = None;
            field.header.r = false;
            kept.push(field);
        }
    }
    message.dkim_headers = kept;
}

async fn dkim<'m>(dns: &'m Dns, message: &'m AuthenticatedMessage<'m>, deadline: Instant) -> Vec<DkimOutput<'m>> {
    let check = dns.authenticator().verify_dkim(dns.remembered().about(message));
    match timeout_at(deadline, check).await {
        Ok(mut outputs) => {
            outputs.truncate(SIGNATURES_MAX * 2);
            outputs
        }
        Err(_) => {
            let late = |field: &'m Header<'m, _>| DkimOutput::temp_err(no_answer()).with_signature(&field.header);
            message.dkim_headers.iter().map(late).collect()
        }
    }
}

async fn arc<'m>(
    dns: &'m Dns,
    message: &'m AuthenticatedMessage<'m>,
    head: &[u8],
    too_large: bool,
    deadline: Instant,
) -> ArcOutput<'m> {
    let oversized = |field: header::Field<'_>| is_of_arc(&field) && field.value.len() > ARC_FIELD_BYTES_MAX;
    if header::fields(head).any(oversized) || (too_large && header::fields(head).any(|field| is_of_arc(&field))) {
        return ArcOutput::default().with_result(DkimResult::Fail(Error::ParseError));
    }
    let check = dns.authenticator().verify_arc(dns.remembered().about(message));
    let late = |_| ArcOutput::default().with_result(DkimResult::TempError(no_answer()));
    timeout_at(deadline, check).await.unwrap_or_else(late)
}

/// None: not in time.
async fn dmarc(
    dns: &Dns,
    message: &AuthenticatedMessage<'_>,
    dkim: &[DkimOutput<'_>],
    spf: &Spf,
) -> Option<DmarcOutput> {
    let parameters = DmarcParameters::new(message, dkim, &spf.domain, &spf.output);
    let check = dns.authenticator().verify_dmarc(dns.remembered().about(parameters));
    timeout_at(Instant::now() + TIME_MAX, check).await.ok()
}

fn of_domain(message: &AuthenticatedMessage<'_>, output: Option<&DmarcOutput>) -> (Finding, Dmarc) {
    let author = message.from.first().map_or("", String::as_str).rsplit_once('@').map_or("", |(_, domain)| domain);
    let result = output.map_or(DmarcResult::TempError(no_answer()), DmarcOutput::result);
    let (outcome, comment) = words::dmarc(&result);
    let mut finding = Finding::new("dmarc", outcome).because(comment).with("header.from", author);
    let Some(output) = output else { return (finding, Dmarc::Open) };
    if output.dmarc_record().is_some() {
        finding = finding.with("policy.dmarc", output.policy().to_string());
    }
    let failed = matches!(result, DmarcResult::Fail(_));
    (finding, if failed { Dmarc::Fail(output.policy()) } else { Dmarc::Open })
}

fn of_signature(output: &DkimOutput<'_>) -> Finding {
    let (outcome, comment) = words::dkim(output.result());
    let finding = Finding::new("dkim", outcome).because(comment);
    let Some(signature) = output.signature() else { return finding };
    finding
        .with("header.d", signature.d.as_str())
        .with("header.i", signature.i.as_str())
        .with("header.s", signature.s.as_str())
        .with("header.a", signature.a.name())
}

fn no_answer() -> Error {
    Error::Dns(DnsError::Resolver(String::new()))
}
