//! Tests of sender authentication against a name server of their own: no network is asked.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod hostile;
pub(crate) mod name_server;
mod spf_suite;
mod vectors;

use std::net::IpAddr;
use std::path::Path;

use super::checks::{Checked, judge};
use super::spf::{Spf, evaluate};
use crate::config::read;
use crate::dns::Dns;
use name_server::NameServer;

pub(super) const HOST: &str = "mx.example.com";

/// A resolver that asks nobody but this server.
pub(crate) fn dns(server: &NameServer) -> Dns {
    let text = format!("hostname = \"{HOST}\"\n[delivery]\nresolver = [\"{}\"]\n", server.address);
    Dns::new(&read::parse(&text, Path::new("test.toml")).unwrap().config).unwrap()
}

pub(super) async fn spf(dns: &Dns, client: &str, helo: &str, sender: &str) -> Spf {
    evaluate(dns, HOST, client.parse::<IpAddr>().unwrap().to_canonical(), helo, sender).await
}

/// What is found about a message from 192.0.2.1 with this envelope sender.
pub(crate) async fn found(dns: &Dns, sender: &str, message: &[u8]) -> Checked {
    let spf = spf(dns, "192.0.2.1", "client.example", sender).await;
    judge(dns, message, &spf).await
}

/// `dkim=pass header.d=…`, one a line.
pub(crate) fn told(checked: &Checked) -> Vec<String> {
    let line = |finding: &postwarden_mail::authentication_results::Finding| {
        let mut line = format!("{}={}", finding.method, finding.outcome);
        if let Some(comment) = finding.comment {
            line.push_str(&format!(" ({comment})"));
        }
        for (name, value) in &finding.properties {
            line.push_str(&format!(" {name}={value}"));
        }
        line
    };
    checked.findings.iter().map(line).collect()
}

/// What a report would tell.
pub(crate) async fn seen_of(dns: &Dns, sender: &str, message: &[u8]) -> Option<crate::dmarc_reports::Seen> {
    found(dns, sender, message).await.seen
}
