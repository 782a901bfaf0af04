//! SPF of the envelope (RFC 7208): the sender's domain, or that of the greeting for the null sender.

use std::net::IpAddr;
use std::time::Duration;

use mail_auth::spf::verify::SpfParameters;
use mail_auth::{SpfOutput, SpfResult};
use postwarden_mail::authentication_results::Finding;
use tokio::time::timeout;

use super::words;
use crate::decide::Asked;
use crate::dns::Dns;

/// For one evaluation with all its lookups (RFC 7208 section 4.6.4 asks for 20 s and more; no session waits so long
/// for a dead name server).
pub(super) const TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Spf {
    pub(super) output: SpfOutput,
    pub(super) finding: Finding,
    /// The domain that was asked about: for DMARC's alignment.
    pub(super) domain: String,
    pub(super) client: IpAddr,
}

/// `sender`: without brackets; empty for the null one.
pub(super) async fn check(asked: &Asked<'_>, sender: &str) -> Spf {
    let helo = asked.facts.greeting.as_ref().map_or("", |greeting| greeting.name.as_str());
    let dns = asked.node.dns.load_full();
    evaluate(&dns, &asked.config.hostname, asked.client(), helo, sender).await
}

pub(super) async fn evaluate(dns: &Dns, host: &str, client: IpAddr, helo: &str, sender: &str) -> Spf {
    let domain = sender.rsplit_once('@').map_or(helo, |(_, domain)| domain);
    let nothing = |result| SpfOutput::new(domain.to_owned()).with_result(result);
    let output = if domain.starts_with('[') {
        nothing(SpfResult::None)
    } else {
        let parameters = match sender.is_empty() {
            true => SpfParameters::verify_ehlo(client, helo, host),
            false => SpfParameters::verify_mail_from(client, helo, host, sender),
        };
        let check = dns.authenticator().check_host(dns.remembered().about(parameters));
        timeout(TIME_MAX, check).await.unwrap_or_else(|_| nothing(SpfResult::TempError))
    };
    let finding = Finding::new("spf", words::spf(output.result()));
    let finding = match sender.is_empty() {
        true => finding.with("smtp.helo", helo),
        false => finding.with("smtp.mailfrom", sender),
    };
    Spf { output, finding, domain: domain.to_owned(), client }
}
