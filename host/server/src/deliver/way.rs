//! Who takes the mail for a recipient, by the configuration alone. Asks nobody.

use postwarden_store::queue::Route;

use super::remote::{Hop, Next, Protocol, Security, Target};
use crate::config::{Config, DeliveryRoute, DeliveryTls, LocalDelivery};

/// Who takes the mail for a route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Mailbox,
    Next(Next),
}

/// `require_tls`: the message must not travel without TLS that was verified (RFC 8689).
pub(crate) fn way(config: &Config, route: &Route, require_tls: bool) -> Way {
    let delivery = &config.delivery;
    match (route, &delivery.local) {
        (Route::Local(_), LocalDelivery::Maildir { .. }) => Way::Mailbox,
        (Route::Local(_), LocalDelivery::Lmtp { to }) => Way::Next(Next::Hop(Hop {
            protocol: Protocol::Lmtp,
            to: Target::Fixed(to.clone()),
            security: Security::Off,
        })),
        (Route::Remote(domain), _) => {
            let DeliveryRoute { smarthost, tls } = route_for(config, domain);
            let security = match tls {
                _ if require_tls => Security::Required,
                DeliveryTls::Opportunistic => Security::Opportunistic,
                DeliveryTls::Required => Security::Required,
                DeliveryTls::Off => Security::Off,
            };
            Way::Next(match smarthost {
                Some(to) => Next::Hop(Hop { protocol: Protocol::Smtp, to: Target::Fixed(to), security }),
                None => Next::Domain(domain.clone(), security),
            })
        }
    }
}

/// The route of the domain, of the nearest domain above it, or what `[delivery]` says for all.
fn route_for(config: &Config, domain: &str) -> DeliveryRoute {
    let delivery = &config.delivery;
    let above = domain.match_indices('.').filter_map(|(at, _)| domain.get(at..));
    let written = std::iter::once(domain).chain(above).find_map(|name| delivery.routes.get(name));
    let all = || DeliveryRoute { smarthost: delivery.smarthost.clone(), tls: delivery.tls };
    written.cloned().unwrap_or_else(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    const TEXT: &str = r#"
        hostname = "mx.example.com"
        [delivery]
        smarthost = "relay.example.net"
        [delivery.routes]
        "example.org" = { smarthost = "one.example.org:26", tls = "required" }
        ".example.org" = { smarthost = "" }
        ".deep.example.org" = { tls = "off" }
    "#;

    fn found(domain: &str, require_tls: bool) -> String {
        let config = crate::config::read::parse(TEXT, Path::new("postwarden.toml")).unwrap().config;
        match way(&config, &Route::Remote(domain.to_owned()), require_tls) {
            Way::Next(Next::Hop(Hop { to: Target::Fixed(to), security, .. })) => format!("{to} {security:?}"),
            Way::Next(Next::Domain(domain, security)) => format!("mx of {domain} {security:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_nearest_route_counts() {
        for (domain, expected) in [
            ("example.net", "relay.example.net:25 Opportunistic"),
            ("example.org", "one.example.org:26 Required"),
            ("a.example.org", "mx of a.example.org Opportunistic"),
            ("a.b.example.org", "mx of a.b.example.org Opportunistic"),
            ("deep.example.org", "mx of deep.example.org Opportunistic"),
            ("x.deep.example.org", "relay.example.net:25 Off"),
            ("notexample.org", "relay.example.net:25 Opportunistic"),
            ("[192.0.2.1]", "relay.example.net:25 Opportunistic"),
        ] {
            assert_eq!(found(domain, false), expected, "{domain}");
        }
        assert_eq!(found("x.deep.example.org", true), "relay.example.net:25 Required");
    }
}
