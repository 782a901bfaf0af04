//! DMARC aggregate reports (RFC 9990): what was seen of each domain is counted in the store by day, and the day after
//! sent once to the addresses its record names, by one node. The library writes the report; what is counted comes from
//! `sender_auth`.

use mail_auth::dmarc::Dmarc;
use mail_auth::report::{PolicyPublished, Record, Report, SPFDomainScope};
use mail_auth::{DkimOutput, DmarcOutput, SpfOutput};
use postwarden_store::queue::{Envelope, NewMessage, NewRecipient};
use postwarden_store::{Draft, HistoryRecord, Result, Store, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::deliver::whither;
use crate::directory::address;
use crate::node::Node;

/// Different rows of one domain and day; more are left out.
const ROWS_MAX: i64 = 500;
/// Domains of one day.
const DOMAINS_MAX: i64 = 5000;
/// Addresses of one domain that get its report.
const ADDRESSES_MAX: usize = 3;
/// Reports in one round of the upkeep.
const REPORTS_PER_ROUND_MAX: usize = 50;
/// What could not be sent by then is forgotten.
const KEPT_DAYS: i64 = 3;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Keys `day/domain/row`: how often it was seen.
const COUNTS: &str = "dmarc-counts";
/// The same keys: what was seen, as JSON.
const ROWS: &str = "dmarc-rows";
/// Keys `day/domain`: how many rows. And `day`: how many domains.
const SIZES: &str = "dmarc-sizes";
/// Keys `day/domain`: reported.
const SENT: &str = "dmarc-sent";

/// One message, as a report tells it, without the count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    policy: PolicyPublished,
    /// Address and the largest report it takes (0: any).
    addresses: Vec<(String, usize)>,
    record: Record,
}

/// What is told of a message; none where the domain wants no report.
pub(crate) fn seen(
    client: std::net::IpAddr,
    sender_domain: &str,
    dkim: &[DkimOutput<'_>],
    spf: &SpfOutput,
    dmarc: &DmarcOutput,
) -> Option<Seen> {
    let policy: &Dmarc = dmarc.dmarc_record()?;
    if policy.rua().is_empty() {
        return None;
    }
    let mut record = Record::new()
        .with_source_ip(client)
        .with_header_from(dmarc.domain())
        .with_envelope_from(sender_domain)
        .with_dkim_output(dkim)
        .with_spf_output(spf, SPFDomainScope::MailFrom)
        .with_dmarc_output(dmarc);
    // The library's words may hold what a sender wrote.
    record.auth_results.dkim.iter_mut().for_each(|result| result.human_result = None);
    Some(Seen {
        policy: PolicyPublished::from_record(dmarc.domain(), policy),
        addresses: policy.rua().iter().take(ADDRESSES_MAX).map(|uri| (uri.uri().to_owned(), uri.max_size())).collect(),
        record,
    })
}

/// Counts it.
pub(crate) async fn note(store: &dyn Store, seen: &Seen, now: Timestamp) -> Result<()> {
    let Ok(text) = serde_json::to_vec(seen) else { return Ok(()) };
    let digest: String = Sha256::digest(&text).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let day = day_of(now);
    let domain = format!("{day}/{}", seen.policy.domain);
    let key = format!("{domain}/{digest}");
    let expires = Some(now.saturating_add((KEPT_DAYS + 1) * DAY_MS));
    if store.increment(COUNTS, &key, 1, expires, now).await? > 1 {
        return Ok(());
    }
    let rows = store.increment(SIZES, &domain, 1, expires, now).await?;
    let crowded = rows > ROWS_MAX || (rows == 1 && store.increment(SIZES, &day, 1, expires, now).await? > DOMAINS_MAX);
    match crowded {
        true => store.delete_key(COUNTS, &key).await,
        false => store.set(ROWS, &key, &text, expires).await,
    }
}

/// Sends what is due of days that are over.
pub(crate) async fn round(node: &Node) -> Result<()> {
    if !node.config.load().authentication.dmarc_reports {
        return Ok(());
    }
    let now = node.now();
    let today = day_of(now);
    let keys = node.store.list_keys(SIZES, "", None, postwarden_store::state::KEYS_MAX, now).await?;
    let due = keys.iter().filter_map(|key| key.split_once('/')).filter(|(day, _)| **day < *today);
    for (day, domain) in due.take(REPORTS_PER_ROUND_MAX) {
        report(node, day, domain, now).await?;
    }
    Ok(())
}

async fn report(node: &Node, day: &str, domain: &str, now: Timestamp) -> Result<()> {
    let key = format!("{day}/{domain}");
    let expires = Some(now.saturating_add(KEPT_DAYS * DAY_MS));
    // One node sends it, once: a report that is lost harms nobody, one that is sent twice counts twice.
    if node.store.compare_and_set(SENT, &key, None, node.name.as_bytes(), expires, now).await? {
        let rows = rows(node, &key, now).await?;
        if let Some(message) = message(node, day, domain, &rows, now).await {
            node.store.accept(message).await?;
            node.queue_wake.notify_one();
        }
    }
    node.store.delete_key(SIZES, &key).await
}

async fn rows(node: &Node, domain: &str, now: Timestamp) -> Result<Vec<Seen>> {
    let keys = node.store.list_keys(ROWS, &format!("{domain}/"), None, postwarden_store::state::KEYS_MAX, now).await?;
    let texts = node.store.get_many(ROWS, &keys, now).await?;
    let counts = node.store.get_many(COUNTS, &keys, now).await?;
    let read = |(text, count): (Option<Vec<u8>>, Option<Vec<u8>>)| {
        let mut seen: Seen = serde_json::from_slice(&text?).ok()?;
        seen.record.row.count = String::from_utf8(count?).ok()?.parse().ok()?;
        Some(seen)
    };
    Ok(texts.into_iter().zip(counts).filter_map(read).collect())
}

async fn message(node: &Node, day: &str, domain: &str, rows: &[Seen], now: Timestamp) -> Option<NewMessage> {
    let config = node.config.load_full();
    let last = rows.last()?;
    let wanted: Vec<&str> = last.addresses.iter().map(|(address, _)| address.as_str()).collect();
    let dns = node.dns.load_full();
    let allowed = dns.authenticator().verify_dmarc_report_address(domain, &wanted, dns.remembered().texts()).await?;
    let from = sender(&config);
    let begin = day.parse::<u64>().ok()?.saturating_mul(24 * 3600);
    let id = node.ids.next(now);
    let mut report = Report::new()
        .with_version(1.0)
        .with_org_name(config.hostname.as_str())
        .with_email(from.as_str())
        .with_report_id(id.to_string())
        .with_date_range_begin(begin)
        .with_date_range_end(begin.saturating_add(24 * 3600 - 1))
        .with_policy_published(last.policy.clone());
    rows.iter().for_each(|seen| report.add_record(seen.record.clone()));
    let mut bytes = Vec::new();
    report.write_rfc5322(&config.hostname, from.as_str(), allowed.iter().map(|to| **to), &mut bytes).ok()?;
    let fits =
        |to: &str| last.addresses.iter().any(|(address, most)| address == to && (*most == 0 || bytes.len() <= *most));
    let expires = now.saturating_add(Timestamp::try_from(config.delivery.expire.as_millis()).unwrap_or(Timestamp::MAX));
    let mut recipients = Vec::new();
    for to in allowed.iter().copied().copied().filter(|to| fits(to)) {
        for (address, route) in whither::targets(node, &config, to, now).await.ok()? {
            recipients.push(NewRecipient {
                address,
                original: to.to_owned(),
                route,
                sender: None,
                notify: Some("NEVER".to_owned()),
                orcpt: None,
                due: now,
                expires,
            });
        }
    }
    if recipients.is_empty() {
        return None;
    }
    let history = HistoryRecord {
        time: now,
        id: id.to_string(),
        event: "received".to_owned(),
        recipients: recipients.iter().map(|one| one.address.clone()).collect(),
        size: bytes.len() as u64,
        detail: format!("DMARC report about {domain}"),
        ..HistoryRecord::default()
    };
    Some(NewMessage {
        id,
        envelope: Envelope { received: now, body: "8BITMIME".to_owned(), generated: true, ..Envelope::default() },
        trace: Vec::new(),
        content: Draft::from(bytes),
        recipients,
        hold: None,
        history: Some(history),
    })
}

fn sender(config: &Config) -> String {
    format!("postmaster@{}", address::primary_domain(config).unwrap_or(&config.hostname))
}

/// Days since 1970 in five digits: in their order as text, too.
fn day_of(now: Timestamp) -> String {
    format!("{:05}", now.div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::sender_auth::tests::name_server::{NameServer, Zone};
    use crate::sender_auth::tests::{dns, seen_of};

    const NOON: Timestamp = 20_000 * DAY_MS + DAY_MS / 2;

    async fn node(folder: &std::path::Path, server: &NameServer) -> std::sync::Arc<Node> {
        let text = format!(
            "hostname = \"mx.example.com\"\ndata-dir = \"data\"\n[domains.\"example.com\"]\n[delivery]\n\
             resolver = [\"{}\"]\n[authentication]\ndmarc = {{ reports = true }}\n",
            server.address
        );
        let config = crate::config::read::parse(&text, &folder.join("postwarden.toml")).unwrap().config;
        std::fs::create_dir_all(&config.data_dir).unwrap();
        let opened =
            postwarden_store::open(&postwarden_store::Backend::Sqlite, &config.data_dir, "test").await.unwrap();
        Node::new(config, opened.store, opened.ids).unwrap()
    }

    /// What was seen on a day goes out once when it is over, to the addresses that may have it.
    #[tokio::test]
    async fn a_day_is_told_once() {
        let zone = Zone::new(&[
            "_dmarc.good.example TXT v=DMARC1; p=reject; rua=mailto:rua@good.example,mailto:x@other.example,mailto:y@third.example",
            "good.example._report._dmarc.third.example TXT v=DMARC1",
            "good.example TXT v=spf1 ip4:192.0.2.1 -all",
        ]);
        let server = NameServer::start(zone).await;
        let folder = tempfile::tempdir().unwrap();
        let node = node(folder.path(), &server).await;
        let dns = dns(&server);
        for sender in ["a@good.example", "a@good.example", "x@other.example"] {
            let seen = seen_of(&dns, sender, b"From: a@good.example\r\n\r\n").await.unwrap();
            note(node.store.as_ref(), &seen, NOON).await.unwrap();
        }
        assert!(seen_of(&dns, "", b"From: a@silent.example\r\n\r\n").await.is_none());
        let day = day_of(NOON);
        let seen = rows(&node, &format!("{day}/good.example"), NOON).await.unwrap();
        let mut counts: Vec<u32> = seen.iter().map(|seen| seen.record.count()).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2]);

        let key = format!("{day}/good.example");
        report(&node, &day, "good.example", NOON + DAY_MS).await.unwrap();
        report(&node, &day, "good.example", NOON + DAY_MS).await.unwrap();
        let queued = node.store.list(&Default::default(), None, 10).await.unwrap();
        assert_eq!(queued.len(), 1, "{key}");
        let to: Vec<&str> =
            queued.iter().flat_map(|one| &one.recipients).map(|one| one.recipient.address.as_str()).collect();
        assert_eq!(to, ["rua@good.example", "y@third.example"]);
        let (_, mut body) = node.store.content(queued.first().unwrap().id).await.unwrap();
        let text = String::from_utf8(body.next().await.unwrap().unwrap()).unwrap();
        assert!(text.contains("Report Domain: good.example") && text.contains("application/gzip"), "{text}");
        let parsed = Report::parse_rfc5322(text.as_bytes(), 1 << 20).unwrap();
        assert_eq!(
            (parsed.records().len(), parsed.domain(), parsed.date_range_begin()),
            (2, "good.example", 20_000 * 86_400)
        );
        assert!(node.store.list_keys(SIZES, &key, None, 10, NOON).await.unwrap().is_empty());
    }
}
