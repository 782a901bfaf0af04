//! The replies the specification does not list.

use super::{Faq, Row};

const fn other(key: &'static str, code: u16, enhanced: &'static str, text: &'static str, meaning: &'static str) -> Row {
    Row { number: 0, key, code, enhanced, text, rfc: &[], faq: Faq { meaning, causes: &[], change: &[] } }
}

const fn fault(
    key: &'static str,
    code: u16,
    enhanced: &'static str,
    text: &'static str,
    meaning: &'static str,
    causes: &'static [&'static str],
    change: &'static [&'static str],
) -> Row {
    Row { number: 0, key, code, enhanced, text, rfc: &[], faq: Faq { meaning, causes, change } }
}

pub static SERVICE_READY: Row = other("service-ready", 220, "", "{} Postwarden", "The server greets a new client.");
pub static TLS_READY: Row =
    other("tls-ready", 220, "2.0.0", "Ready to start TLS", "The client may begin its TLS handshake.");
pub static CLOSING: Row = other("closing", 221, "2.0.0", "Bye", "The client said QUIT.");
pub static LOGGED_IN: Row = other("logged-in", 235, "2.7.0", "Authentication successful", "The login worked.");
pub static HELLO: Row =
    other("hello", 250, "", "{}", "The answer to a greeting: the name of this server, then what it offers.");
pub static OK: Row = other("ok", 250, "2.0.0", "OK", "Done.");
pub static SENDER_OK: Row =
    other("sender-ok", 250, "2.1.0", "Sender OK", "The sender may send; recipients may follow.");
pub static RECIPIENT_OK: Row =
    other("recipient-ok", 250, "2.1.5", "Recipient OK", "The recipient will get the message.");
pub static CHUNK_TAKEN: Row =
    other("chunk-taken", 250, "2.0.0", "{} octets received", "A chunk of a message has arrived.");
pub static MESSAGE_ACCEPTED: Row = other(
    "message-accepted",
    250,
    "2.0.0",
    "Message accepted for delivery",
    "The message is stored durably; from here on this server answers for it.",
);
pub static VERIFIED: Row = other("verified", 250, "2.1.5", "{}", "The answer to VRFY or EXPN.");
pub static CANNOT_VERIFY: Row =
    other("cannot-verify", 252, "2.5.0", "Cannot verify the user, send some mail and see", "VRFY gives nothing away.");
pub static HELP: Row = other("help", 214, "2.0.0", "Commands: {}", "The commands of this listener.");
pub static CHALLENGE: Row = other("challenge", 334, "", "{}", "A step of AUTH.");
pub static START_CONTENT: Row =
    other("start-content", 354, "", "End data with <CR><LF>.<CR><LF>", "The client may send the message.");

pub static TIMEOUT: Row = fault(
    "timeout",
    421,
    "4.4.2",
    "Timeout, closing the connection",
    "The client said nothing, or sent its message too slowly, for longer than this server waits.",
    &[
        "The client or the network between broke off.",
        "A firewall silently drops long connections.",
        "Content came in below the slowest rate this server bears.",
    ],
    &["Raise smtp.command-timeout or smtp.data-timeout if honest clients are that slow."],
);
pub static TOO_MANY_ERRORS: Row = fault(
    "too-many-errors",
    421,
    "4.7.0",
    "Too many errors, closing the connection",
    "The session collected more refused commands than it may without handing over a message.",
    &["A program guesses addresses.", "A client goes on after an error it does not understand."],
    &["Look at the errors before this one in the log; raise smtp.max-errors only if the client is honest."],
);
pub static SHUTTING_DOWN: Row = fault(
    "shutting-down",
    421,
    "4.3.2",
    "Server is stopping, try again later",
    "The server was told to stop and takes no new work; nothing is lost.",
    &["A restart or an upgrade."],
    &["Nothing: clients try again by themselves."],
);
pub static TOO_MANY_SESSIONS: Row = fault(
    "too-many-sessions",
    421,
    "4.7.0",
    "Too many connections, try again later",
    "The client holds or opens more sessions than the server gives to one address, or the server is full.",
    &[
        "A bulk sender opens many connections at once.",
        "Many users share one address behind a router.",
        "The server itself is at its limit.",
    ],
    &["Raise smtp.max-sessions-per-ip, smtp.max-sessions or smtp.max-connections-per-minute-per-ip."],
);
pub static TOO_MANY_MESSAGES: Row = fault(
    "too-many-messages",
    421,
    "4.7.0",
    "Too many messages in one session, connect again",
    "The session has handed over as many messages as one session may.",
    &["A bulk sender reuses one connection."],
    &["Raise smtp.max-messages-per-session, or let the client reconnect."],
);
pub static AUTH_BLOCKED: Row = fault(
    "auth-blocked",
    421,
    "4.7.0",
    "Too many failed logins, try again later",
    "Logins from this address, or in this session, failed too often.",
    &["Somebody guesses passwords.", "A device still uses an old password and tries again and again."],
    &["Correct the password in the device; the block ends by itself after auth.max-failures-per-ip's block-for."],
);
pub static AUTH_UNAVAILABLE: Row = fault(
    "auth-unavailable",
    454,
    "4.7.0",
    "Temporary authentication failure",
    "The login could not be checked; it was neither right nor wrong.",
    &["The accounts are not readable at the moment."],
    &["Look in the log for the store's error; the client may try again."],
);
pub static REVERSE_NAME_UNAVAILABLE: Row = fault(
    "reverse-name-unavailable",
    451,
    "4.4.3",
    "The reverse name of your address cannot be looked up now",
    "security.reject-no-rdns is on and the DNS gave no answer about the client, neither yes nor no.",
    &["The resolver is slow or down.", "The name servers of the client's network are down."],
    &["Check delivery.resolver; the client will try again."],
);
pub static NO_SPACE: Row = fault(
    "no-space",
    452,
    "4.3.1",
    "Insufficient system storage",
    "There is no room to store a message safely.",
    &["The disk of data-dir is full, in bytes or in inodes."],
    &["Make room; the server takes mail again by itself."],
);
pub static MAILBOX_FULL_TEMPORARY: Row = fault(
    "mailbox-full-temporary",
    452,
    "4.2.2",
    "Maximum size exceeded.",
    "The mailbox or its domain is full, and the domain asks senders to try again (quota-temporary).",
    &["The owner has not emptied the mailbox."],
    &["Raise the quota of the account or of the domain, or empty the mailbox."],
);
pub static TOO_MANY_HOPS: Row = fault(
    "too-many-hops",
    554,
    "5.4.6",
    "Too many hops",
    "The message passed more servers than smtp.max-hops: it most likely runs in a circle.",
    &["Two servers forward to each other.", "An alias here leads to a host that sends it back."],
    &["Read the Received fields of the message to see the circle and break it."],
);
pub static ADDRESS_LOOP: Row = fault(
    "address-loop",
    550,
    "5.4.6",
    "The address leads back to itself",
    "An alias, forward or list ends in itself.",
    &["Two aliases name each other.", "A list is a member of itself through an alias."],
    &["Look with `postwarden alias show` and `postwarden list show` and take one of them out."],
);
pub static SENDER_DOMAIN_INVALID: Row = fault(
    "sender-domain-invalid",
    550,
    "5.1.8",
    "The domain of the sender does not take mail",
    "A failure could never be reported to this sender.",
    &["The sender's domain is misspelt or does not exist."],
    &["Correct the sender's address in the client."],
);
pub static REQUIRETLS_UNAVAILABLE: Row = fault(
    "requiretls-unavailable",
    550,
    "5.7.30",
    "REQUIRETLS cannot be kept",
    "The sender asked that the message travels encrypted all the way, and the next step cannot promise it.",
    &["The next host offers no TLS or no REQUIRETLS."],
    &["Send without the request, or ask the other side to support RFC 8689."],
);
pub static DKIM_FAILED: Row = fault(
    "dkim-failed",
    550,
    "5.7.20",
    "No valid DKIM signature",
    "The message is signed, no signature is right, and authentication.dkim asks to refuse such mail.",
    &[
        "The message was changed on its way, as some mailing lists do.",
        "The sender's key record is wrong.",
        "A forgery.",
    ],
    &["Look at the results in `postwarden history find`; set authentication.dkim = { fail = \"tag\" } to take it."],
);
pub static SPF_FAILED: Row = fault(
    "spf-failed",
    550,
    "5.7.23",
    "SPF validation failed",
    "The sender's domain says by SPF that the client may not send for it, and authentication.spf asks to refuse such mail.",
    &["Mail was forwarded without a rewritten sender.", "The domain's SPF record misses a server.", "A forgery."],
    &[
        "Name forwarders of yours in authentication.exempt.",
        "Ask the sender to correct the SPF record; set authentication.spf = { fail = \"tag\" } to take it.",
    ],
);
pub static DMARC_FAILED: Row = fault(
    "dmarc-failed",
    550,
    "5.7.26",
    "Multiple authentication checks failed: DMARC of the author's domain",
    "Neither SPF nor DKIM speaks for the domain in From, the domain has a DMARC record, and authentication.dmarc asks to refuse such mail.",
    &["A mailing list changed the message.", "Somebody else's service sends for the domain unsigned.", "A forgery."],
    &[
        "Name a mailing list's domain in authentication.arc.trusted if it seals its mail.",
        "Set authentication.dmarc = { fail = \"tag\" } to take it.",
    ],
);
pub static ARC_FAILED: Row = fault(
    "arc-failed",
    550,
    "5.7.29",
    "ARC validation failure",
    "The seals of the servers that forwarded the message do not hold, and authentication.arc asks to refuse such mail.",
    &["The message was changed after its last seal."],
    &["Set authentication.arc = { fail = \"tag\" } to take it."],
);
pub static MESSAGE_MALFORMED: Row = fault(
    "message-malformed",
    550,
    "5.6.0",
    "The content is not a message",
    "The content cannot be read as a message.",
    &["A client sends damaged or empty data."],
    &["Correct the client."],
);
pub static BARE_LINE_END: Row = fault(
    "bare-line-end",
    550,
    "5.6.0",
    "Lines must end with CR LF, bare CR or LF is not allowed",
    "The content held a CR without LF or an LF without CR. Such bytes are used to smuggle messages past servers that read line ends differently, so nothing of the message was taken.",
    &["A script or device writes line feeds only.", "An attack."],
    &["Let the client write CR LF, or hand the message over through a library that does."],
);
pub static FILTER_DEFERRED: Row = fault(
    "filter-deferred",
    451,
    "4.7.1",
    "Try again later",
    "A filter asks the sender to try again, as greylisting does.",
    &["The sender is new here."],
    &["Nothing, or list the sender in the filter's white list."],
);
pub static UNAVAILABLE: Row = fault(
    "unavailable",
    451,
    "4.3.0",
    "Temporary failure, try again later",
    "A part of the server or a filter failed. The message was not taken and is not lost: the sender still has it.",
    &["The store or a filter is broken, too slow or out of memory."],
    &["Look in the log at this time and id."],
);
pub static SERVICE_NOT_AVAILABLE: Row = fault(
    "service-not-available",
    550,
    "5.7.4",
    "The requested service is not available",
    "The client asked for a service, such as holding or timing a message, that cannot be given in this case.",
    &["A hold or delivery time out of bounds."],
    &["Send without the parameter."],
);
pub static LINE_TOO_LONG: Row = fault(
    "line-too-long",
    500,
    "5.5.6",
    "Line too long",
    "A command line was longer than the server reads; it was skipped whole.",
    &["A broken client, or content sent where a command belongs."],
    &["Correct the client."],
);

/// In order of their codes, the good ones first.
pub static OTHERS: [&Row; 39] = [
    &SERVICE_READY,
    &TLS_READY,
    &CLOSING,
    &LOGGED_IN,
    &HELLO,
    &OK,
    &SENDER_OK,
    &RECIPIENT_OK,
    &CHUNK_TAKEN,
    &MESSAGE_ACCEPTED,
    &VERIFIED,
    &CANNOT_VERIFY,
    &HELP,
    &CHALLENGE,
    &START_CONTENT,
    &TIMEOUT,
    &TOO_MANY_ERRORS,
    &SHUTTING_DOWN,
    &TOO_MANY_SESSIONS,
    &TOO_MANY_MESSAGES,
    &AUTH_BLOCKED,
    &AUTH_UNAVAILABLE,
    &REVERSE_NAME_UNAVAILABLE,
    &NO_SPACE,
    &MAILBOX_FULL_TEMPORARY,
    &TOO_MANY_HOPS,
    &ADDRESS_LOOP,
    &SENDER_DOMAIN_INVALID,
    &REQUIRETLS_UNAVAILABLE,
    &DKIM_FAILED,
    &SPF_FAILED,
    &DMARC_FAILED,
    &ARC_FAILED,
    &MESSAGE_MALFORMED,
    &BARE_LINE_END,
    &FILTER_DEFERRED,
    &UNAVAILABLE,
    &SERVICE_NOT_AVAILABLE,
    &LINE_TOO_LONG,
];
