//! The configuration every scenario starts from, and laying a scenario's own keys over it.

use toml::{Table, Value};

/// Domains for each treatment, all four roles, port 0 everywhere. Loopback is *not* trusted.
const BASE: &str = r#"
hostname = "mx.example.com"
data-dir = "data"

[[listener]]
name = "mx"
bind = ["127.0.0.1:0"]
role = "mx"

[[listener]]
name = "submission"
bind = ["127.0.0.1:0"]
role = "submission"

[[listener]]
name = "submissions"
bind = ["127.0.0.1:0"]
role = "submission"
tls = "implicit"

[[listener]]
name = "lmtp"
bind = ["127.0.0.1:0"]
role = "lmtp"

[tls]
certificate = "tls/fullchain.pem"
key = "tls/privkey.pem"

[relay]
from = []

[domains."example.com"]
[domains."reject.example"]
unknown-users = "reject"
[domains."discard.example"]
unknown-users = "discard"
[domains."forward.example"]
unknown-users = { forward = "postmaster@example.com" }

[delivery]
local = { maildir = "mail/{domain}/{user}" }
resolver = ["127.0.0.1:9"]

[log]
level = "debug"
"#;

/// The base with `extra` laid over it: section by section.
pub fn text(extra: &str, console: u16) -> String {
    let mut base: Table = BASE.parse().expect("the base configuration");
    let console: Table = format!("[admin]\nbind = \"127.0.0.1:{console}\"").parse().expect("console");
    merge(&mut base, console);
    let extra: Table = match extra.parse() {
        Ok(table) => table,
        Err(error) => panic!("the scenario's configuration: {error}\n{extra}"),
    };
    merge(&mut base, extra);
    toml::to_string(&base).expect("TOML")
}

/// Key by key inside a section; a key's value, also if it is a table, is replaced whole.
fn merge(base: &mut Table, extra: Table) {
    for (key, value) in extra {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(section)), Value::Table(over)) => section.extend(over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
