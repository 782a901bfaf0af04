//! What the operator allows a filter: denied unless written down. Reads the `grants` key of a `[[filter]]`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Default quota of a bucket, in bytes.
pub const BUCKET_BYTES_DEFAULT: u64 = 16 << 20;

const NAMES: &[&str] =
    &["dns", "state", "accept", "discard", "edit", "recipients", "custom-replies", "files", "connect"];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// None: no DNS. Empty: any name. Else these names and what lies below them.
    pub dns: Option<Vec<String>>,
    /// None: no state. Name of the bucket to its quota in bytes; the empty name is the filter's own.
    pub state: Option<BTreeMap<String, u64>>,
    pub accept: bool,
    pub discard: bool,
    pub edit: bool,
    pub recipients: bool,
    pub custom_replies: bool,
    /// Name of the asset to its file or folder.
    pub files: BTreeMap<String, String>,
    /// `host:port`.
    pub connect: Vec<String>,
    /// Interfaces that it may import without their grant: calls to them are refused then. For filters of the server's
    /// own, which say themselves what a setting needs; an operator cannot write it.
    pub optional: &'static [&'static str],
}

impl Grants {
    /// From `["dns", { files = { lists = "lists/" } }]`, or from one table. All errors at once.
    pub fn read(value: &Value) -> Result<Self, Vec<String>> {
        Self::read_with(value, BUCKET_BYTES_DEFAULT)
    }

    /// `own` is the quota of the filter's own bucket, in bytes, where nothing is written.
    pub fn read_with(value: &Value, own: u64) -> Result<Self, Vec<String>> {
        let mut grants = Self::default();
        let mut errors = Vec::new();
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter().for_each(|item| grants.item(item, own, &mut errors)),
            item @ (Value::Object(_) | Value::String(_)) => grants.item(item, own, &mut errors),
            _ => errors.push("grants is a list of names and tables".to_owned()),
        }
        if errors.is_empty() { Ok(grants) } else { Err(errors) }
    }

    fn item(&mut self, item: &Value, own: u64, errors: &mut Vec<String>) {
        match item {
            Value::String(name) => self.grant(name, &Value::Bool(true), own, errors),
            Value::Object(table) => table.iter().for_each(|(name, value)| self.grant(name, value, own, errors)),
            _ => errors.push(format!("a grant is a name or a table, not {item}")),
        }
    }

    fn grant(&mut self, name: &str, value: &Value, own: u64, errors: &mut Vec<String>) {
        let flag = match name {
            "accept" => &mut self.accept,
            "discard" => &mut self.discard,
            "edit" => &mut self.edit,
            "recipients" => &mut self.recipients,
            "custom-replies" => &mut self.custom_replies,
            "dns" => return self.grant_dns(value, errors),
            "state" => return self.grant_state(value, own, errors),
            "files" => return self.grant_files(value, errors),
            "connect" => return self.grant_connect(value, errors),
            _ => {
                errors.push(format!("there is no grant \"{name}\"; known are: {}", NAMES.join(", ")));
                return;
            }
        };
        match value {
            Value::Bool(on) => *flag = *on,
            _ => errors.push(format!("the grant \"{name}\" takes true or false")),
        }
    }

    fn grant_dns(&mut self, value: &Value, errors: &mut Vec<String>) {
        match (value, strings(value)) {
            (Value::Bool(on), _) => self.dns = on.then(Vec::new),
            (_, Some(names)) if !names.is_empty() => {
                let below = |name: String| name.trim_matches('.').trim_start_matches("*.").to_ascii_lowercase();
                self.dns = Some(names.into_iter().map(below).collect());
            }
            _ => errors.push("dns = [\"example.org\", …]: the names and what lies below them".to_owned()),
        }
    }

    fn grant_state(&mut self, value: &Value, own: u64, errors: &mut Vec<String>) {
        let own = || BTreeMap::from([(String::new(), own)]);
        match (value, strings(value)) {
            (Value::Bool(on), _) => self.state = on.then(own),
            (_, Some(names)) => {
                let mut buckets = own();
                buckets.extend(names.into_iter().map(|name| (name, BUCKET_BYTES_DEFAULT)));
                self.state = Some(buckets);
            }
            (Value::Object(table), _) => {
                let mut buckets = own();
                for (name, quota) in table {
                    match quota.as_u64() {
                        Some(quota) => drop(buckets.insert(name.clone(), quota)),
                        None => errors.push(format!("state = {{ {name} = … }}: the quota is a number of bytes")),
                    }
                }
                self.state = Some(buckets);
            }
            _ => errors.push("state = [\"bucket\", …] or { bucket = BYTES }".to_owned()),
        }
    }

    fn grant_files(&mut self, value: &Value, errors: &mut Vec<String>) {
        let Value::Object(table) = value else {
            errors.push("files = { NAME = \"file or folder\" }: each file under the name the filter reads".to_owned());
            return;
        };
        for (name, path) in table {
            match path.as_str() {
                Some(path) => drop(self.files.insert(name.clone(), path.to_owned())),
                None => errors.push(format!("files = {{ {name} = … }}: the path is a string")),
            }
        }
    }

    fn grant_connect(&mut self, value: &Value, errors: &mut Vec<String>) {
        let has_port = |host: &String| {
            host.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        match strings(value) {
            Some(hosts) if hosts.iter().all(has_port) => {
                self.connect = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
            }
            _ => errors.push("connect = [\"host:port\", …]".to_owned()),
        }
    }

    /// What is granted, for people, as the configuration spells it.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(suffixes) = &self.dns {
            names.push(if suffixes.is_empty() { "dns".to_owned() } else { format!("dns ({})", suffixes.join(", ")) });
        }
        if let Some(buckets) = &self.state {
            let named: Vec<&str> = buckets.keys().map(String::as_str).filter(|name| !name.is_empty()).collect();
            names.push(if named.is_empty() { "state".to_owned() } else { format!("state ({})", named.join(", ")) });
        }
        let flags = [
            (self.accept, "accept"),
            (self.discard, "discard"),
            (self.edit, "edit"),
            (self.recipients, "recipients"),
            (self.custom_replies, "custom-replies"),
        ];
        names.extend(flags.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()));
        names.extend(self.files.iter().map(|(name, path)| format!("files ({name}: {path})")));
        if !self.connect.is_empty() {
            names.push(format!("connect ({})", self.connect.join(", ")));
        }
        names
    }

    /// Whether DNS may be asked for this name.
    pub fn may_resolve(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.dns.as_ref().is_some_and(|suffixes| {
            suffixes.is_empty()
                || suffixes.iter().any(|suffix| {
                    name.strip_suffix(suffix.as_str()).is_some_and(|left| left.is_empty() || left.ends_with('.'))
                })
        })
    }

    /// Whether this host and port may be connected to, as the grant spells it.
    pub fn may_connect(&self, host: &str, port: u16) -> bool {
        let wanted = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
        .to_ascii_lowercase();
        self.connect.contains(&wanted)
    }

    /// What an imported interface of the contract needs: the line to add, if it is not granted.
    pub(crate) fn missing(&self, interface: &str) -> Option<&'static str> {
        match interface {
            _ if self.optional.contains(&interface) => None,
            "dns" if self.dns.is_none() => Some("\"dns\""),
            "state" if self.state.is_none() => Some("\"state\""),
            "tcp" if self.connect.is_empty() => Some("{ connect = [\"host:port\"] }"),
            _ => None,
        }
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_granted_by_default() {
        let grants = Grants::read(&json!([])).unwrap();
        assert_eq!(grants, Grants::default());
        assert!(!grants.may_resolve("example.org") && !grants.may_connect("127.0.0.1", 3310));
        assert_eq!(grants.missing("dns"), Some("\"dns\""));
        assert_eq!(grants.missing("telemetry"), None);
    }

    #[test]
    fn names_and_tables() {
        let grants = Grants::read(&json!([
            "edit",
            { "dns": ["zen.example.org"] },
            { "state": { "shared": 1000 }, "connect": ["127.0.0.1:3310", "[::1]:25"] },
            { "files": { "lists": "lists/" } }
        ]))
        .unwrap();
        assert!(grants.edit && !grants.accept);
        assert!(grants.may_resolve("2.0.0.127.zen.example.org.") && grants.may_resolve("ZEN.example.org"));
        assert!(!grants.may_resolve("azen.example.org") && !grants.may_resolve("example.org"));
        assert!(grants.may_connect("127.0.0.1", 3310) && grants.may_connect("::1", 25));
        assert!(!grants.may_connect("127.0.0.1", 25));
        assert_eq!(grants.state.unwrap().get("shared"), Some(&1000));
        assert_eq!(grants.files.get("lists").map(String::as_str), Some("lists/"));
    }

    #[test]
    fn a_filters_own_bucket_can_be_sized() {
        let own = |grants| Grants::read_with(&grants, 99).unwrap().state.unwrap()[""];
        assert_eq!(own(json!(["state"])), 99);
        assert_eq!(own(json!([{ "state": { "shared": 1 } }])), 99);
        assert_eq!(own(json!({ "state": { "": 7 } })), 7);
        assert_eq!(Grants::read(&json!(["state"])).unwrap().state.unwrap()[""], BUCKET_BYTES_DEFAULT);
    }

    #[test]
    fn every_mistake_is_named() {
        let errors = Grants::read(&json!(["dsn", { "connect": ["host"] }, 3, { "edit": "yes" }])).unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].contains("\"dsn\""));
    }
}
