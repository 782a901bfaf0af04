//! `[delivery]`: mailboxes, next hops, the schedule of tries.

use super::table::Section;
use super::*;

pub(super) fn delivery(s: Section<'_>, domains: usize) -> Delivery {
    let d = Delivery::default();
    let local = local(s.section("local"), domains);
    let all = DeliveryRoute {
        smarthost: s.get("smarthost").as_ref().and_then(routes::smarthost),
        tls: s.choice("tls", &routes::TLS, d.tls),
    };
    let routes = routes::routes(s.section("routes"), &all);
    let retry = s.list("retry", d.retry.clone(), |text| match units::parse_duration(text)? {
        time if time.is_zero() => Err("a retry needs a pause of more than 0".into()),
        time => Ok(time),
    });
    if retry.is_empty()
        && let Some(entry) = s.get("retry")
        && entry.items().is_empty()
    {
        entry.error("names no time; leave the key out for the default");
    }
    let resolver = match s.get("resolver") {
        Some(entry) if matches!(entry.value, toml::de::DeValue::String(text) if text == "system") => Vec::new(),
        Some(entry) => entry.list(|text| {
            let host = address::host_and_port(text, 53)?;
            host.parse().map_err(|_| format!("\"{text}\" is a name; a resolver is an IP address, or \"system\""))
        }),
        None => d.resolver,
    };
    let delivery = Delivery {
        local,
        smarthost: all.smarthost,
        tls: all.tls,
        routes,
        port: routes::port(&s, "port", d.port),
        mx_refused: s.networks("mx-refused", d.mx_refused),
        dane: s.bool("dane", d.dane),
        trust_anchors: s.get("trust-anchors").and_then(|entry| {
            let path = s.reader.resolve(entry.text()?);
            let found = if path.is_file() { Ok(path) } else { Err(format!("there is no file {}", path.display())) };
            entry.checked(found)
        }),
        mta_sts: s.bool("mta-sts", d.mta_sts),
        policy_port: routes::port(&s, "policy-port", d.policy_port),
        retry,
        expire: s.finite("expire", d.expire),
        warn_after: s.duration("warn-after", d.warn_after),
        max_connections_per_destination: s.count("max-connections-per-destination", d.max_connections_per_destination),
        dkim: dkim(&s),
        srs: s.bool("srs", d.srs),
        resolver,
    };
    s.finish();
    delivery
}

fn local(s: Section<'_>, domains: usize) -> LocalDelivery {
    let maildir = s.get("maildir");
    let lmtp = s.get("lmtp");
    let local = match (&maildir, &lmtp) {
        (Some(_), Some(lmtp)) => {
            lmtp.error("stands beside maildir: mail can go to one of them only");
            None
        }
        (None, Some(lmtp)) => lmtp.text().and_then(|text| {
            if let Some(path) = text.strip_prefix("unix:") {
                let to = format!("unix:{}", s.reader.resolve(path).display());
                return Some(LocalDelivery::Lmtp { to });
            }
            lmtp.checked(address::host_and_port(text, 24)).map(|to| LocalDelivery::Lmtp { to })
        }),
        (Some(maildir), None) => maildir.text().and_then(|text| {
            maildir.checked(check_pattern(text, domains))?;
            Some(LocalDelivery::Maildir { pattern: text.to_owned() })
        }),
        (None, None) => {
            if s.written() {
                s.reader.error(
                    s.at,
                    &s.path,
                    "write { maildir = \"mail/{domain}/{user}\" } or { lmtp = \"127.0.0.1:24\" }",
                );
            }
            None
        }
    };
    let local = local.unwrap_or_else(|| Delivery::default().local);
    let local = match local {
        LocalDelivery::Maildir { pattern } => {
            LocalDelivery::Maildir { pattern: s.reader.resolve(&pattern).display().to_string() }
        }
        lmtp => lmtp,
    };
    s.finish();
    local
}

/// Each account must get a folder of its own.
fn check_pattern(text: &str, domains: usize) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err("has a { without its }".into());
        };
        if name != "domain" && name != "user" {
            return Err(format!("{{{name}}} is unknown here; known are {{domain}} and {{user}}"));
        }
        rest = after;
    }
    if !text.contains("{user}") {
        return Err("has no {user}, so all accounts would share one mailbox".into());
    }
    if domains > 1 && !text.contains("{domain}") {
        return Err("has no {domain}, so users of the same name in two domains would share one mailbox".into());
    }
    Ok(())
}

fn dkim(delivery: &Section<'_>) -> Vec<DkimKey> {
    let mut keys = Vec::new();
    for s in delivery.sections("dkim") {
        for name in ["domain", "selector", "key"] {
            if s.get(name).is_none() {
                s.error(
                    name,
                    "is missing: write { domain = \"example.com\", selector = \"s1\", key = \"dkim/s1.pem\" }",
                );
            }
        }
        let domain =
            s.get("domain").and_then(|entry| entry.text().and_then(|text| entry.checked(address::domain(text))));
        let selector = s.get("selector").and_then(|entry| {
            let text = entry.text()?;
            // A label or several of a name.
            entry.checked(address::domain(&format!("{text}.example")).map(|_| text.to_ascii_lowercase()))
        });
        let file = s.file("key", "");
        let secret = s.get("key").and_then(|entry| entry.text().and_then(|_| entry.checked(signing::Key::read(&file))));
        if let (Some(domain), Some(selector), Some(secret)) = (domain, selector, secret) {
            keys.push(DkimKey { domain, selector, key: file, secret: Arc::new(secret) });
        }
        s.finish();
    }
    keys
}
