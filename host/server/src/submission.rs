//! What a user's mail program left out or should not have sent (RFC 6409 section 8): Date, Message-ID and From are
//! added, Bcc is taken out, and where From is somebody else's a Sender field says who it was. Headers only; whether
//! an address is the login's own is said by the caller.

use mail_auth::AuthenticatedMessage;
use postwarden_mail::{address, date, header};

/// Authors whose right to be named is looked up; a message with more is somebody else's.
pub(crate) const AUTHORS_MAX: usize = 10;

/// Fields that only the sender and the server should see.
const BLIND: [&str; 2] = ["Bcc", "Resent-Bcc"];

pub(crate) struct Submitted<'a> {
    /// The account.
    pub(crate) login: &'a str,
    pub(crate) hostname: &'a str,
    pub(crate) id: &'a str,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// From names nobody but the login, or who it may send as.
    pub(crate) own: bool,
    pub(crate) utf8: bool,
}

/// The addresses in From, in lower case; none where the field is missing or cannot be read.
pub(crate) fn authors(head: &[u8]) -> Vec<String> {
    let closed = [head, b"\r\n"].concat();
    AuthenticatedMessage::parse(&closed).map(|message| message.from).unwrap_or_default()
}

/// The header section as it goes on; none where nothing is to be done.
pub(crate) fn tidied(head: &[u8], submitted: &Submitted<'_>) -> Option<Vec<u8>> {
    let stands = |name: &str| header::find(head, name).is_some_and(|field| !field.text().is_empty());
    let mut added = String::new();
    if !stands("Date") {
        added.push_str(&format!("Date: {}\r\n", date::rfc5322(submitted.now)));
    }
    if !stands("From") {
        added.push_str(&format!("From: <{}>\r\n", address::written(submitted.login, submitted.utf8)));
    } else if !submitted.own {
        added.push_str(&format!("Sender: <{}>\r\n", address::written(submitted.login, submitted.utf8)));
    }
    if !stands("Message-ID") {
        added.push_str(&format!("Message-ID: <{}@{}>\r\n", submitted.id, submitted.hostname));
    }
    let empty =
        |field: &header::Field<'_>| ["Date", "From", "Message-ID"].iter().any(|name| field.is(name) && !stands(name));
    let goes = |field: &header::Field<'_>| {
        BLIND.iter().any(|name| field.is(name))
            || empty(field)
            || (field.is("Sender") && stands("From") && !submitted.own)
    };
    if added.is_empty() && !header::fields(head).any(|field| goes(&field)) {
        return None;
    }
    let mut out = added.into_bytes();
    for field in header::fields(head).filter(|field| !goes(field)) {
        out.extend_from_slice(head.get(field.start..field.end).unwrap_or_default());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn submitted(own: bool) -> Submitted<'static> {
        Submitted { login: "alice@example.com", hostname: "mx.example.com", id: "0abc", now: 0, own, utf8: false }
    }

    fn tidy(head: &str, own: bool) -> Option<String> {
        tidied(head.as_bytes(), &submitted(own)).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    const WHOLE: &str = "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nFrom: <alice@example.com>\r\nMessage-ID: <x@y>\r\n";

    #[test]
    fn what_is_whole_stays_as_it_is() {
        assert_eq!(tidy(WHOLE, true), None);
    }

    #[test]
    fn what_is_missing_is_added() {
        let added = "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nFrom: <alice@example.com>\r\n\
                     Message-ID: <0abc@mx.example.com>\r\n";
        assert_eq!(tidy("", true).unwrap(), added);
        assert_eq!(tidy("Subject: x\r\n", true).unwrap(), format!("{added}Subject: x\r\n"));
        assert_eq!(tidy("from:\r\nDATE: \r\n \r\nmessage-id:\t\r\n", true).unwrap(), added);
    }

    #[test]
    fn blind_recipients_are_nobodys_business() {
        let head =
            format!("Bcc: a@b.example,\r\n\tc@d.example\r\n{WHOLE}RESENT-BCC: e@f.example\r\nbcc:\r\nX-Bcc: kept\r\n");
        assert_eq!(tidy(&head, true).unwrap(), format!("{WHOLE}X-Bcc: kept\r\n"));
    }

    #[test]
    fn who_sends_for_another_is_named() {
        let head = WHOLE.replace("alice", "chief");
        let sender = "Sender: <alice@example.com>\r\n";
        assert_eq!(tidy(&head, false).unwrap(), format!("{sender}{head}"));
        // A claim about it goes.
        assert_eq!(tidy(&format!("{head}Sender: chief@example.com\r\n"), false).unwrap(), format!("{sender}{head}"));
        assert_eq!(tidy(&format!("{WHOLE}Sender: desk@example.com\r\n"), true), None);
    }

    #[test]
    fn authors_are_read_from_the_field() {
        assert_eq!(authors(b"From: \"A, B\" <A@Example.com>, c@d.example\r\n"), ["a@example.com", "c@d.example"]);
        assert!(authors(b"Subject: x\r\n").is_empty());
        assert!(authors(b"").is_empty());
    }
}
