//! `[[listener]]` and `[tls]`, and what can only be said when all sections are read.

use super::table::{Reader, Section};
use super::*;

pub(super) fn listeners(root: &Section<'_>) -> Vec<Listener> {
    let written = root.sections("listener");
    if written.is_empty() {
        return defaults::listeners();
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for s in written {
        let roles = [("mx", Role::Mx), ("submission", Role::Submission), ("lmtp", Role::Lmtp)];
        let tls = [("starttls", ListenerTls::Starttls), ("implicit", ListenerTls::Implicit), ("off", ListenerTls::Off)];
        let role = s.choice("role", &roles, Role::Mx);
        let tls = s.choice("tls", &tls, ListenerTls::Starttls);
        let role_name = roles.iter().find(|(_, other)| *other == role).map_or("mx", |(name, _)| name);
        let bind = s.list("bind", defaults::bind(role, tls), |text| address::socket(text, "0.0.0.0:25"));
        let listener = Listener {
            name: s.text("name", role_name),
            bind,
            role,
            tls,
            proxy_protocol: s.networks("proxy-protocol", Vec::new()),
        };
        if let Some(entry) = s.get("bind").filter(|entry| entry.items().is_empty() && listener.bind.is_empty()) {
            entry.error("names no address, so nothing can connect; leave out the whole [[listener]] instead");
        }
        if listeners.iter().any(|other| other.name == listener.name) {
            let at = s.get("name").map(|entry| entry.at).or(s.at);
            s.reader.error(
                at,
                &format!("{}.name", s.path),
                format!("there are two listeners \"{}\"; the log tells them apart by name", listener.name),
            );
        }
        for bind in &listener.bind {
            if bind.port() != 0 && listeners.iter().any(|other| other.bind.contains(bind)) {
                s.reader.error(s.at, &format!("{}.bind", s.path), format!("another listener has {bind} already"));
            }
        }
        listeners.push(listener);
        s.finish();
    }
    listeners
}

/// None where no certificate is to be had: TLS is not offered then.
pub(super) fn tls(s: Section<'_>) -> Option<TlsFiles> {
    let files = TlsFiles {
        certificate: s.file("certificate", defaults::TLS_CERTIFICATE),
        key: s.file("key", defaults::TLS_KEY),
    };
    let mut complete = true;
    for (name, file) in [("certificate", &files.certificate), ("key", &files.key)] {
        if !file.is_file() {
            complete = false;
            if s.written() {
                let at = s.get(name).map(|entry| entry.at).or(s.at);
                let message = format!(
                    "there is no file {}: put the PEM file there, or leave out [tls] to run without TLS",
                    file.display()
                );
                s.reader.error(at, &format!("tls.{name}"), message);
            }
        }
    }
    if !complete && !s.written() {
        s.reader.warn(
            None,
            "tls",
            format!(
                "no certificate: TLS is not offered; put one at {} and its key at {}, or name them in [tls]",
                files.certificate.display(),
                files.key.display()
            ),
        );
    }
    s.finish();
    complete.then_some(files)
}

/// What can only be said when all sections are read.
pub(super) fn cross_checks(reader: &Reader<'_>, config: &Config, listener_lines: &[Option<usize>]) {
    let plaintext = [Mechanism::Plain, Mechanism::Login];
    for (index, listener) in config.listeners.iter().enumerate() {
        let at = listener_lines.get(index).copied().flatten();
        let key = format!("listener[{index}]");
        let has_tls = config.tls.is_some() && listener.tls != ListenerTls::Off;
        if listener.tls == ListenerTls::Implicit && config.tls.is_none() {
            let message = "\"implicit\" needs a certificate: name certificate and key in [tls], or write tls = \"off\"";
            reader.error(at, &format!("{key}.tls"), message);
        }
        if listener.role != Role::Submission {
            continue;
        }
        if config.auth.mechanisms.is_empty() {
            reader.warn(at, &key, "nobody can log in here: auth.mechanisms is empty");
        } else if !has_tls && !config.auth.allow_plaintext_without_tls {
            let only_plaintext = config.auth.mechanisms.iter().all(|mechanism| plaintext.contains(mechanism));
            let who = if only_plaintext { "nobody" } else { "no client with PLAIN or LOGIN" };
            let message = format!(
                "{who} can log in here: there is no TLS on \"{}\", and passwords in the clear are refused; \
                 name a certificate in [tls] (or, for tests, set auth.allow-plaintext-without-tls)",
                listener.name
            );
            reader.warn(at, &key, message);
        }
    }
    if config.domains.is_empty() {
        let message = "there is no local domain, so this server accepts mail for nobody; add [domains.\"example.com\"]";
        reader.warn(None, "domains", message);
    }
}
