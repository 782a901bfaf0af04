//! The session a script runs against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postwarden_smtp::Session;
use postwarden_smtp::session::{Config, Facts, Mechanism, Profile, Role, Tls};

use super::read::{Script, duration};

pub(crate) fn config(profile: Profile) -> Config {
    Config {
        hostname: "mx.example.com".into(),
        role: Role::Mx,
        profile,
        texts: Default::default(),
        disabled: vec!["VRFY".into(), "EXPN".into(), "ETRN".into()],
        mechanisms: Mechanism::all().to_vec(),
        allow_plaintext_without_tls: false,
        starttls: true,
        require_helo: true,
        deny_telnet: false,
        max_recipients: 100,
        max_message_size: 1000,
        hard_ceiling: 2000,
        close_on_ceiling: false,
        max_errors: 20,
        max_auth_failures: 3,
        command_timeout: Duration::from_secs(300),
        data_timeout: Duration::from_secs(600),
    }
}

pub(crate) fn facts() -> Facts {
    Facts {
        session_id: "S".into(),
        listener: "mx".into(),
        client: "192.0.2.1:4711".parse().unwrap(),
        local: "192.0.2.2:25".parse().unwrap(),
        greeting: None,
        tls: None,
        login: None,
    }
}

/// `exporter`, `end-point`, `both`, `plain`: which channel data the connection has.
pub(crate) fn tls(kind: &str) -> Tls {
    Tls {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        exporter: matches!(kind, "exporter" | "both").then_some([7; 32]),
        server_end_point: matches!(kind, "end-point" | "both").then(|| vec![9; 32]),
    }
}

pub(crate) fn session(config: Config, facts: Facts) -> Session {
    let transactions = AtomicU32::new(0);
    let next_id = Arc::new(move || format!("T{}", transactions.fetch_add(1, Ordering::Relaxed) + 1));
    // The server's nonce in the example of RFC 7677 is not base64 of 18 bytes; ours is all zero bytes.
    Session::new(Arc::new(config), facts, next_id, Arc::new(|bytes| bytes.fill(0)), Duration::ZERO)
}

pub(crate) fn of(script: &Script) -> Session {
    let mut config = config(script.profile);
    let mut facts = facts();
    for (key, value) in &script.settings {
        match key.as_str() {
            "role" => {
                config.role = match value.as_str() {
                    "mx" => Role::Mx,
                    "submission" => Role::Submission,
                    "lmtp" => Role::Lmtp,
                    other => panic!("role {other}"),
                }
            }
            "config" => set(&mut config, value),
            "tls" => facts.tls = Some(tls("both")),
            "client" => facts.client = value.parse().unwrap(),
            "profile" | "as-written" => {}
            other => panic!("{}: @{other}", script.name),
        }
    }
    session(config, facts)
}

fn set(config: &mut Config, text: &str) {
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    let flag = || value.parse::<bool>().unwrap();
    let number = || value.parse::<u64>().unwrap();
    match key {
        "disabled" => config.disabled = value.split_whitespace().map(str::to_owned).collect(),
        "mechanisms" => {
            let named = |name: &str| Mechanism::all().into_iter().find(|known| known.name() == name).unwrap();
            config.mechanisms = value.split_whitespace().map(named).collect();
        }
        "text" => {
            let (key, text) = value.split_once(' ').unwrap();
            config.texts.insert(key.to_owned(), text.to_owned());
        }
        "allow-plaintext-without-tls" => config.allow_plaintext_without_tls = flag(),
        "starttls" => config.starttls = flag(),
        "require-helo" => config.require_helo = flag(),
        "deny-telnet" => config.deny_telnet = flag(),
        "close-on-ceiling" => config.close_on_ceiling = flag(),
        "max-recipients" => config.max_recipients = value.parse().unwrap(),
        "max-message-size" => config.max_message_size = number(),
        "hard-ceiling" => config.hard_ceiling = number(),
        "max-errors" => config.max_errors = value.parse().unwrap(),
        "max-auth-failures" => config.max_auth_failures = value.parse().unwrap(),
        "command-timeout" => config.command_timeout = duration(value),
        "data-timeout" => config.data_timeout = duration(value),
        other => panic!("config {other}"),
    }
}
