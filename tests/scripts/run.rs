//! Runs one script against a server of its own.

use super::parse::{Script, Step, matches};
use crate::harness::{Client, Server, process, server, template};

/// The filter that does what its settings say (`tests/guests/puppet`).
const PUPPET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/frozen/0.1/puppet.wasm");

/// Runs the script in this profile; panics with file, line and conversation where it does not hold.
pub fn script(script: &Script, profile: &str) {
    let config = with_profile(&script.config.replace("{puppet}", PUPPET), profile);
    let mut server = Server::prepare(&config);
    for command in &script.cli {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let output = server::cli(&server.config(), &arguments, format!("{}\n", template::PASSWORD).as_bytes());
        assert!(output.status.success(), "{}: {command}: {}", script.name, process::said(&output));
    }
    for (address, bytes) in &script.fill {
        let folder = server.maildir(address).join("cur");
        std::fs::create_dir_all(&folder).expect("a Maildir");
        for other in ["new", "tmp"] {
            std::fs::create_dir_all(server.maildir(address).join(other)).expect("a Maildir");
        }
        std::fs::write(folder.join("1.filler.test:2,S"), vec![b'x'; *bytes]).expect("a message");
    }
    server.launch();
    Run { script, profile, server, client: None, whole: Vec::new(), mail: Vec::new() }.all();
}

/// The script's configuration with `[smtp] replies` in it.
fn with_profile(config: &str, profile: &str) -> String {
    let mut table: toml::Table = config.parse().unwrap_or_else(|error| panic!("{error}\n{config}"));
    let smtp = table.entry("smtp").or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(smtp) = smtp {
        smtp.insert("replies".to_owned(), toml::Value::String(profile.to_owned()));
    }
    toml::to_string(&table).expect("TOML")
}

struct Run<'a> {
    script: &'a Script,
    profile: &'a str,
    server: Server,
    client: Option<Client>,
    /// Lines of the last whole reply.
    whole: Vec<String>,
    /// The last message waited for.
    mail: Vec<u8>,
}

impl Run<'_> {
    fn all(mut self) {
        self.connect(&self.script.listener);
        for step in &self.script.steps {
            if let Err(problem) = self.step(&step.what) {
                let transcript = self.client.as_ref().map_or("", |client| client.transcript.as_str());
                panic!(
                    "{}:{} ({}): {problem}\n{transcript}--- log\n{}",
                    self.script.name,
                    step.line,
                    self.profile,
                    self.server.logs()
                );
            }
        }
    }

    fn connect(&mut self, listener: &str) {
        let mut client = Client::raw(self.server.address(listener)).expect("the server listens");
        if listener == "submissions" {
            client.handshake(template::certificate_der());
        }
        self.client = Some(client);
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let profile = self.profile;
        let other = |only: &Option<String>| only.as_deref().is_some_and(|only| only != profile);
        let Some(client) = self.client.as_mut() else { return Err("not connected".to_owned()) };
        match step {
            Step::Send { profile, bytes } if !other(profile) => {
                client.bytes(bytes).map_err(|error| error.to_string())?;
            }
            Step::Line { profile, pattern } if !other(profile) => match client.try_line() {
                Ok(Some(line)) if matches(pattern, &line) => {}
                Ok(Some(line)) => return Err(format!("expected `{pattern}`, got `{line}`")),
                Ok(None) => return Err(format!("expected `{pattern}`, the server closed")),
                Err(error) => return Err(format!("expected `{pattern}`: {error}")),
            },
            Step::Send { .. } | Step::Line { .. } => {}
            Step::Filler(count) => {
                let line = format!("{}\r\n", "x".repeat(72));
                let bytes: Vec<u8> = line.bytes().cycle().take(count - 2).chain(*b"\r\n").collect();
                client.bytes(&bytes).map_err(|error| error.to_string())?;
            }
            Step::Whole { code } => {
                let reply = client.try_reply().map_err(|error| error.to_string())?;
                if reply.code != *code {
                    return Err(format!("expected {code}, got {} {}", reply.code, reply.text()));
                }
                self.whole = reply.lines;
            }
            Step::With(pattern) if !self.whole.iter().any(|line| matches(pattern, line)) => {
                return Err(format!("no line `{pattern}` in {:?}", self.whole));
            }
            Step::Without(pattern) if self.whole.iter().any(|line| matches(pattern, line)) => {
                return Err(format!("a line `{pattern}` in {:?}", self.whole));
            }
            Step::With(_) | Step::Without(_) => {}
            Step::Tls => client.try_handshake(template::certificate_der()).map_err(|error| error.to_string())?,
            Step::Connect(listener) => self.connect(listener),
            Step::Closed => {
                if !client.closed() {
                    return Err("expected the server to close".to_owned());
                }
            }
            Step::Mail { address, count } => {
                let mails = self.server.wait_mails(address, *count);
                if mails.len() != *count {
                    return Err(format!("{} messages for {address}", mails.len()));
                }
                self.mail = mails.last().cloned().unwrap_or_default();
            }
            Step::Has(text) if memchr::memmem::find(&self.mail, text).is_none() => {
                return Err(format!("not in the message:\n{}", String::from_utf8_lossy(&self.mail)));
            }
            Step::Lacks(text) if memchr::memmem::find(&self.mail, text).is_some() => {
                return Err(format!("in the message:\n{}", String::from_utf8_lossy(&self.mail)));
            }
            Step::Has(_) | Step::Lacks(_) => {}
            Step::Queue(count) => self.server.wait_queued(*count),
        }
        Ok(())
    }
}
