//! What reply codes (RFC 5321 section 4.2) and enhanced codes (RFC 3463 and its registry) mean in
//! general, in our own words, for texts that are none of this server's rows.

use super::clues::Clues;

const BASIC: &[(&str, &str)] = &[
    ("211", "status or help of the system"),
    ("214", "help for people"),
    ("220", "the server is ready"),
    ("221", "the server closes the connection, as it was asked to"),
    ("235", "the login succeeded"),
    ("250", "done: what was asked for was accepted"),
    ("251", "the recipient lives elsewhere; the server forwards"),
    ("252", "the server does not verify the address, but would try to deliver"),
    ("334", "the server waits for the next part of the login"),
    ("354", "the server waits for the message, up to a line with only a dot"),
    ("421", "the server cannot go on now and closes the connection; the client tries again later"),
    ("432", "the password has to be changed before this login works"),
    (
        "450",
        "the mailbox cannot be used at the moment, for example because of greylisting; the client tries again later",
    ),
    ("451", "an error while the server worked on it; the client tries again later"),
    ("452", "not enough room, or too many recipients at once; the client tries again later"),
    ("454", "TLS or the login is not available at the moment"),
    ("455", "parameters cannot be honoured at the moment"),
    ("500", "the command was not understood, or its line is too long"),
    ("501", "the command was understood, its arguments were not"),
    ("502", "the command exists, but not here"),
    ("503", "the command came at the wrong place of the conversation"),
    ("504", "the argument is understood, but not supported"),
    ("521", "this host takes no mail at all"),
    ("523", "the message is larger than the recipient takes"),
    ("530", "something has to come first: STARTTLS or a login"),
    ("534", "the login method is too weak"),
    ("535", "user name or password are wrong"),
    ("538", "this login method needs TLS"),
    ("541", "the recipient rejected the message, usually as spam"),
    ("550", "the mailbox does not exist, or the server refuses for reasons of policy"),
    ("551", "the recipient is not here"),
    ("552", "more than what is allowed: of bytes in the mailbox or in the message"),
    ("553", "the address is not allowed as it is written"),
    ("554", "the transaction failed, or no mail is taken from this client"),
    ("555", "a parameter of MAIL or RCPT is not known"),
    ("556", "the domain takes no mail"),
];

const SUBJECTS: &[(&str, &str)] = &[
    ("0", "no nearer cause is told"),
    ("1", "about the address"),
    ("2", "about the mailbox"),
    ("3", "about the mail system of the recipient"),
    ("4", "about the network or the routing"),
    ("5", "about the protocol"),
    ("6", "about the content or its conversion"),
    ("7", "about security or policy"),
];

/// Subject and detail.
const DETAILS: &[(&str, &str)] = &[
    ("1.0", "some address is wrong"),
    ("1.1", "there is no such mailbox"),
    ("1.2", "there is no such domain"),
    ("1.3", "the recipient's address is not written correctly"),
    ("1.4", "the address fits more than one mailbox"),
    ("1.6", "the mailbox has moved, without telling where to"),
    ("1.7", "the sender's address is not written correctly"),
    ("1.8", "the sender's domain cannot be used"),
    ("1.10", "the domain says that it takes no mail (null MX)"),
    ("2.0", "something about the mailbox"),
    ("2.1", "the mailbox is switched off"),
    ("2.2", "the mailbox is full"),
    ("2.3", "the message is larger than this mailbox takes"),
    ("2.4", "the mailing list cannot be expanded"),
    ("3.0", "something about the mail system"),
    ("3.1", "the mail system is full"),
    ("3.2", "the mail system takes no mail now"),
    ("3.4", "the message is too big for the system"),
    ("3.5", "the system is configured wrongly"),
    ("4.1", "the next host did not answer"),
    ("4.2", "the connection broke"),
    ("4.3", "a directory or DNS server failed"),
    ("4.4", "no route to the recipient's hosts"),
    ("4.5", "the mail system is overloaded"),
    ("4.6", "mail goes round in a loop"),
    ("4.7", "the time for delivery ran out"),
    ("5.0", "some fault of the protocol"),
    ("5.1", "a command is not known, or not allowed here"),
    ("5.2", "a syntax error"),
    ("5.3", "too many recipients"),
    ("5.4", "arguments of a command are wrong"),
    ("5.6", "a line of the login is too long"),
    ("6.0", "something about the content"),
    ("6.1", "the kind of content is not supported"),
    ("6.6", "the content could not be had"),
    ("6.7", "an address needs SMTPUTF8, and the other side has it not"),
    ("7.0", "refused for reasons of security or policy"),
    ("7.1", "the sender may not do this: refused by policy"),
    ("7.2", "the sender may not write to this mailing list"),
    ("7.3", "a conversion that security needs is not possible"),
    ("7.4", "a security feature is not supported"),
    ("7.5", "a key or certificate does not work"),
    ("7.6", "an algorithm is not supported"),
    ("7.7", "the message was changed on its way"),
    ("7.8", "user name or password are wrong"),
    ("7.9", "the login method is too weak"),
    ("7.10", "encryption is needed"),
    ("7.11", "this login method needs encryption"),
    ("7.13", "the account is switched off"),
    ("7.20", "no DKIM signature passed"),
    ("7.21", "no acceptable DKIM signature"),
    ("7.22", "no valid DKIM signature of the author's domain"),
    ("7.23", "SPF says that the client may not send for this domain"),
    ("7.24", "the SPF check failed with an error"),
    ("7.25", "the client's IP has no reverse name in DNS, or one that does not lead back"),
    ("7.26", "several authentication checks failed"),
    ("7.27", "the sender's domain says that it takes no mail"),
    ("7.28", "too much mail of this kind: flood control"),
    ("7.29", "the chain of ARC signatures is not valid"),
    ("7.30", "REQUIRETLS was asked for and cannot be kept"),
];

/// Sentences about the codes of a text; empty where it has none.
pub(super) fn general(clues: &Clues) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(code) = &clues.code {
        match BASIC.iter().find(|(known, _)| known == code) {
            Some((_, meaning)) => out.push(format!("{code}: {meaning}.")),
            None => out.push(format!("{code}: {}.", class(code))),
        }
    }
    if let Some(enhanced) = &clues.enhanced {
        let subject_and_detail = enhanced.split_once('.').map_or("", |(_, rest)| rest);
        let subject = subject_and_detail.split('.').next().unwrap_or_default();
        let known = |table: &[(&str, &'static str)], name: &str| {
            table.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning)
        };
        let detail = known(DETAILS, subject_and_detail).or_else(|| known(SUBJECTS, subject));
        out.push(format!("{enhanced}: {}.", detail.unwrap_or("not in the registry of enhanced codes")));
    }
    let first = clues.enhanced.as_deref().or(clues.code.as_deref()).unwrap_or_default();
    match first.as_bytes().first() {
        Some(b'4') => out.push("It begins with 4: temporary. The sending server tries again by itself.".into()),
        Some(b'5') => {
            out.push(
                "It begins with 5: final. The sender gets a bounce, and nobody tries again until the cause is removed."
                    .into(),
            );
        }
        _ => {}
    }
    out
}

fn class(code: &str) -> &'static str {
    match code.as_bytes().first() {
        Some(b'2') => "success",
        Some(b'3') => "the server waits for more",
        Some(b'4') => "a temporary failure",
        _ => "a final failure",
    }
}
