//! `[delivery.routes."…"]`: next hop and TLS for single domains. How mail travels is read here, who it is for is not.

use super::entry::Entry;
use super::table::Section;
use super::*;

pub(super) const TLS: [(&str, DeliveryTls); 3] =
    [("opportunistic", DeliveryTls::Opportunistic), ("required", DeliveryTls::Required), ("off", DeliveryTls::Off)];

/// `smarthost`: "" means MX.
pub(super) fn smarthost(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text().filter(|text| !text.is_empty())?;
    entry.checked(address::host_and_port(text, 25))
}

pub(super) fn port(s: &Section<'_>, name: &'static str, default: u16) -> u16 {
    let Some(entry) = s.get(name) else { return default };
    let port = entry.count::<i64>().map(|port| u16::try_from(port).ok().filter(|port| *port != 0));
    port.and_then(|port| entry.checked(port.ok_or_else(|| "a port is a number from 1 to 65535".into())))
        .unwrap_or(default)
}

/// `all` is what a route has for a key that it leaves out.
pub(super) fn routes(s: Section<'_>, all: &DeliveryRoute) -> BTreeMap<String, DeliveryRoute> {
    let mut routes = BTreeMap::new();
    for (name, entry) in s.entries() {
        let Some(name) = entry.checked(pattern(name)) else { continue };
        let at = entry.at;
        let s = entry.section();
        let (hop, tls) = (s.get("smarthost"), s.get("tls"));
        let route = DeliveryRoute {
            smarthost: hop.as_ref().map_or_else(|| all.smarthost.clone(), smarthost),
            tls: tls.as_ref().and_then(|entry| entry.choice(&TLS)).unwrap_or(all.tls),
        };
        if s.written() && hop.is_none() && tls.is_none() {
            s.reader.error(
                Some(at),
                &s.path,
                "says nothing: write { smarthost = \"relay.example.net\" }, { tls = \"required\" } or both; smarthost = \"\" means MX",
            );
        }
        if routes.insert(name.clone(), route).is_some() {
            s.reader.error(Some(at), &s.path, format!("the route for {name} stands here twice (case does not count)"));
        }
        s.finish();
    }
    routes
}

/// A domain, or `.example.org` for what lies below it.
fn pattern(text: &str) -> Result<String, String> {
    match text.strip_prefix('.') {
        Some(below) => address::domain(below).map(|below| format!(".{below}")),
        None => address::domain(text),
    }
}
