//! From an account's address to its folder. No address leaves the mail root, no two addresses share
//! a folder, and an ordinary address stays readable.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::config::{Config, LocalDelivery};

/// A path component longer than this many bytes fits no file system that matters (255), with room
/// for what the pattern puts around it.
const COMPONENT_BYTES_MAX: usize = 240;

/// The folder of an account's mailbox. None where delivery is by LMTP, and for an address that can
/// have no folder (no `@`, an empty part, a part too long).
pub fn maildir_path(config: &Config, account: &str) -> Option<PathBuf> {
    match &config.delivery.local {
        LocalDelivery::Maildir { pattern } => fill(pattern, account),
        LocalDelivery::Lmtp { .. } => None,
    }
}

/// The pattern with `{domain}` and `{user}` filled in.
pub(crate) fn fill(pattern: &str, account: &str) -> Option<PathBuf> {
    let (user, domain) = account.rsplit_once('@')?;
    let (user, domain) = (component(user)?, component(domain)?);
    let mut path = String::with_capacity(pattern.len() + user.len() + domain.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, tail) = rest.split_at(at);
        path.push_str(before);
        if let Some(tail) = tail.strip_prefix("{user}") {
            path.push_str(&user);
            rest = tail;
        } else if let Some(tail) = tail.strip_prefix("{domain}") {
            path.push_str(&domain);
            rest = tail;
        } else {
            path.push('{');
            rest = tail.get(1..).unwrap_or("");
        }
    }
    path.push_str(rest);
    Some(PathBuf::from(path))
}

/// One part of an address as a file name. Letters, digits and `_ + = - ~` stay, so does a dot that
/// is not the first; all else, `%` itself included, becomes `%` and two hex digits for each byte.
/// That can be undone, so different parts have different names.
pub(crate) fn component(part: &str) -> Option<String> {
    let mut name = String::with_capacity(part.len());
    for (at, character) in part.char_indices() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '+' | '=' | '-' | '~' => name.push(character),
            '.' if at > 0 => name.push('.'),
            // Letters of other scripts; not control or formatting characters.
            c if !c.is_ascii() && c.is_alphanumeric() => name.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(name, "%{byte:02x}");
                }
            }
        }
    }
    (!name.is_empty() && name.len() <= COMPONENT_BYTES_MAX).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashMap;

    fn filled(account: &str) -> Option<String> {
        fill("/m/{domain}/{user}", account).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn ordinary_addresses_stay_readable() {
        assert_eq!(filled("alice@example.com").unwrap(), "/m/example.com/alice");
        assert_eq!(filled("a.b+tag_x-y@example.com").unwrap(), "/m/example.com/a.b+tag_x-y");
        assert_eq!(filled("jörg@müller.example").unwrap(), "/m/müller.example/jörg");
        assert_eq!(fill("/m/{user}@{domain}/Maildir", "a@b").unwrap().to_str().unwrap(), "/m/a@b/Maildir");
        assert_eq!(fill("/m/{x}/{", "a@b").unwrap().to_str().unwrap(), "/m/{x}/{");
    }

    #[test]
    fn nothing_leaves_the_root() {
        assert_eq!(filled("../../etc/passwd@example.com").unwrap(), "/m/example.com/%2e.%2f..%2fetc%2fpasswd");
        assert_eq!(filled("..@..").unwrap(), "/m/%2e./%2e.");
        assert_eq!(filled(".@.").unwrap(), "/m/%2e/%2e");
        assert_eq!(filled("a\0b@x").unwrap(), "/m/x/a%00b");
        assert_eq!(filled("{domain}@x").unwrap(), "/m/x/%7bdomain%7d");
        for none in ["", "@", "a@", "@b", "plain", &format!("{}@x", "a".repeat(241)), &format!("{}@x", "/".repeat(100))]
        {
            assert_eq!(filled(none), None, "{none}");
        }
    }

    /// D2: generated strings, each inside the root, each with a folder of its own.
    #[test]
    fn generated_addresses_keep_apart() {
        let pieces =
            ["a", "A", ".", "/", "..", "%", "%2f", "2f", "\0", "@", " ", "$(x)", ";", "'", "\"", "\\", "é", "\n"];
        let mut seen: HashMap<PathBuf, String> = HashMap::new();
        for mut n in 0..20_000usize {
            let mut user = String::new();
            while n > 0 {
                user.push_str(pieces.get(n % pieces.len()).unwrap());
                n /= pieces.len();
            }
            let Some(path) = fill("/m/{domain}/{user}", &format!("{user}@d")) else { continue };
            assert_eq!(path.components().count(), 4, "{path:?}");
            let name = path.strip_prefix("/m/d").unwrap().to_str().unwrap();
            assert!(!name.starts_with('.') && !name.contains(['/', '\0']), "{name}");
            if let Some(other) = seen.insert(path, user.clone()) {
                assert_eq!(other, user);
            }
        }
        assert!(seen.len() > 5_000);
    }
}
