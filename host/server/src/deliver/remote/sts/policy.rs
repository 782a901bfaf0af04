//! MTA-STS records and policies (RFC 8461 section 3) as text. Pure.

use std::time::Duration;

/// A policy is never kept for longer: 31557600 seconds, as the RFC says.
const AGE_MAX: Duration = Duration::from_secs(31_557_600);
/// Patterns of one policy that count.
const PATTERNS_MAX: usize = 100;
const ID_BYTES_MAX: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Mode {
    Enforce,
    Testing,
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Policy {
    pub mode: Mode,
    /// Hosts, or `*.example.com` for those one level below.
    pub mx: Vec<String>,
    pub max_age: Duration,
}

impl Policy {
    /// From the file as it was fetched.
    pub(in super::super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (mut version, mut mode, mut age, mut mx) = (None, None, None, Vec::new());
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match name.trim() {
                // The first of each counts, save for mx.
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => age = age.or(Some(value)),
                "mx" if mx.len() < PATTERNS_MAX => mx.push(value.trim_end_matches('.').to_ascii_lowercase()),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("its version is not STSv1");
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err("its mode is none of enforce, testing, none"),
        };
        if mx.is_empty() && mode != Mode::None {
            return Err("it names no mx");
        }
        let age = age.and_then(|age| age.parse().ok()).ok_or("its max_age is no number of seconds")?;
        Ok(Self { mode, mx, max_age: Duration::from_secs(age).min(AGE_MAX) })
    }

    /// Whether the exchanger is one of the policy's (section 4.1).
    pub(in super::super) fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => *pattern == host,
        })
    }
}

/// The id in the TXT records of `_mta-sts`: none where there is not exactly one MTA-STS record.
pub(in super::super) fn record_id(records: &[Vec<u8>]) -> Option<String> {
    let mut found = records.iter().filter_map(|record| std::str::from_utf8(record).ok()).filter(|text| {
        let version = text.split(';').next().unwrap_or_default();
        version.trim_end() == "v=STSv1"
    });
    let (one, None) = (found.next()?, found.next()) else { return None };
    let id = one.split(';').find_map(|field| field.split_once('=').filter(|(name, _)| name.trim() == "id"))?.1.trim();
    let well = (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    well.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of RFC 8461 section 3.2.
    const EXAMPLE: &str = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";

    #[test]
    fn policies() {
        let policy = Policy::parse(EXAMPLE).unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, Duration::from_secs(604_800)));
        for (host, named) in [
            ("mail.example.com", true),
            ("MAIL.example.COM.", true),
            ("a.example.net", true),
            ("a.b.example.net", false),
            ("example.net", false),
            (".example.net", false),
            ("xmail.example.com", false),
            ("", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
        assert_eq!(Policy::parse("version: STSv1\nmode: none\nmax_age: 1").unwrap().mode, Mode::None);
        let odd = "max_age:5\nmx:A.b\n\nnew: field\nno field\nversion:STSv1\nmode:testing\nmode:enforce";
        let odd = Policy::parse(odd).unwrap();
        assert_eq!((odd.mode, odd.mx), (Mode::Testing, vec!["a.b".to_owned()]));
        let long = EXAMPLE.replace("604800", "99999999999");
        assert_eq!(Policy::parse(&long).unwrap().max_age, AGE_MAX);
        for bad in [
            "",
            "<html>",
            &EXAMPLE.replace("STSv1", "STSv2"),
            &EXAMPLE.replace("enforce", "force"),
            &EXAMPLE.replace("604800", "-1"),
            "version: STSv1\nmode: enforce\nmax_age: 1",
        ] {
            assert!(Policy::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn records() {
        let id = |records: &[&str]| record_id(&records.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(id(&["v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
        assert_eq!(id(&["v=spf1 -all", "v=STSv1;id=1"]).as_deref(), Some("1"));
        for bad in [
            &[][..],
            &["v=STSv1; id=1;", "v=STSv1; id=2;"],
            &["v=STSv1;"],
            &["v=STSv1; id=;"],
            &["v=STSv1; id=a b"],
            &["v=STSv10; id=1"],
            &["id=1; v=STSv1"],
            &["v=STSv1; id=123456789012345678901234567890123"],
        ] {
            assert_eq!(id(bad), None, "{bad:?}");
        }
    }
}
