//! The 35 rows of the specification, in its order. Rows 31 and 32 have no SMTP error: the client gets its
//! 250, the sentence stands in log and history.

use super::{Case, Row, faq};

pub static COMMAND_UNRECOGNIZED: Row = Row {
    number: 1,
    key: "command-unrecognized",
    code: 500,
    enhanced: "5.5.1",
    text: "Command unrecognized",
    rfc: &[],
    faq: faq::COMMAND_UNRECOGNIZED,
};
pub static DOMAIN_REQUIRED: Row = Row {
    number: 2,
    key: "domain-required",
    code: 501,
    enhanced: "5.5.2",
    text: "Domain name required",
    rfc: &[(Case::Mail, 553, "5.1.7"), (Case::Rcpt, 553, "5.1.3")],
    faq: faq::DOMAIN_REQUIRED,
};
pub static UNBALANCED: Row = Row {
    number: 3,
    key: "unbalanced",
    code: 501,
    enhanced: "5.5.2",
    text: "Unbalanced",
    rfc: &[(Case::Mail, 501, "5.1.7"), (Case::Usual, 501, "5.1.3")],
    faq: faq::UNBALANCED,
};
pub static SYNTAX_ERROR: Row = Row {
    number: 4,
    key: "syntax-error",
    code: 501,
    enhanced: "5.5.4",
    text: "Syntax error in parameters scanning",
    rfc: &[(Case::UnknownParameter, 555, "5.5.4")],
    faq: faq::SYNTAX_ERROR,
};
pub static HELO_DOMAIN_REQUIRED: Row = Row {
    number: 5,
    key: "helo-domain-required",
    code: 501,
    enhanced: "5.5.1",
    text: "HELO/EHLO requires domain address",
    rfc: &[(Case::Usual, 501, "5.5.4")],
    faq: faq::HELO_DOMAIN_REQUIRED,
};
pub static AUTH_CANCELLED: Row = Row {
    number: 6,
    key: "auth-cancelled",
    code: 501,
    enhanced: "5.0.0",
    text: "Authentication cancelled",
    rfc: &[(Case::Usual, 501, "5.7.0"), (Case::BadBase64, 501, "5.5.2"), (Case::TooLong, 500, "5.5.6")],
    faq: faq::AUTH_CANCELLED,
};
pub static AUTH_FAILED: Row = Row {
    number: 7,
    key: "auth-failed",
    code: 501,
    enhanced: "5.7.0",
    text: "Authentication failed",
    rfc: &[(Case::Usual, 535, "5.7.8")],
    faq: faq::AUTH_FAILED,
};
pub static SENDING_NOT_ALLOWED: Row = Row {
    number: 8,
    key: "sending-not-allowed",
    code: 501,
    enhanced: "5.7.1",
    text: "You are not allowed to send.",
    rfc: &[(Case::NoReverseName, 550, "5.7.25"), (Case::Usual, 550, "5.7.1")],
    faq: faq::SENDING_NOT_ALLOWED,
};
pub static NOT_SUPPORTED: Row = Row {
    number: 9,
    key: "not-supported",
    code: 502,
    enhanced: "5.5.1",
    text: "Sorry, we do not support this operation",
    rfc: &[],
    faq: faq::NOT_SUPPORTED,
};
pub static BAD_SEQUENCE: Row = Row {
    number: 10,
    key: "bad-sequence",
    code: 503,
    enhanced: "5.5.1",
    text: "Incorrect command sequence",
    rfc: &[(Case::NoRecipients, 554, "5.5.1")],
    faq: faq::BAD_SEQUENCE,
};
pub static AUTH_ALREADY_DONE: Row = Row {
    number: 11,
    key: "auth-already-done",
    code: 503,
    enhanced: "5.5.1",
    text: "Authentication already done",
    rfc: &[],
    faq: faq::AUTH_ALREADY_DONE,
};
pub static HELO_REQUIRED: Row = Row {
    number: 12,
    key: "helo-required",
    code: 503,
    enhanced: "5.5.1",
    text: "HELO/EHLO command required",
    rfc: &[],
    faq: faq::HELO_REQUIRED,
};
pub static HELO_ALREADY_SPECIFIED: Row = Row {
    number: 13,
    key: "helo-already-specified",
    code: 503,
    enhanced: "5.5.1",
    text: "HELO/EHLO already specified",
    rfc: &[],
    faq: faq::HELO_ALREADY_SPECIFIED,
};
pub static AUTH_TYPE_UNRECOGNIZED: Row = Row {
    number: 14,
    key: "auth-type-unrecognized",
    code: 504,
    enhanced: "5.7.6",
    text: "Unrecognized authentication type",
    rfc: &[(Case::Usual, 504, "5.5.4"), (Case::MechanismMissing, 501, "5.5.4"), (Case::NeedsTls, 538, "5.7.11")],
    faq: faq::AUTH_TYPE_UNRECOGNIZED,
};
pub static AUTH_REQUIRED: Row = Row {
    number: 15,
    key: "auth-required",
    code: 530,
    enhanced: "5.7.1",
    text: "Authentication required [AUTH]",
    rfc: &[(Case::Usual, 530, "5.7.0")],
    faq: faq::AUTH_REQUIRED,
};
pub static RELAY_DENIED: Row = Row {
    number: 16,
    key: "relay-denied",
    code: 550,
    enhanced: "5.7.1",
    text: "We do not relay",
    rfc: &[],
    faq: faq::RELAY_DENIED,
};
pub static RELAY_LIMITS: Row = Row {
    number: 17,
    key: "relay-limits",
    code: 550,
    enhanced: "5.7.1",
    text: "We do not relay, account limits apply",
    rfc: &[(Case::Usual, 450, "4.7.1")],
    faq: faq::RELAY_LIMITS,
};
pub static RELAY_LOCAL_ONLY: Row = Row {
    number: 18,
    key: "relay-local-only",
    code: 550,
    enhanced: "5.7.1",
    text: "You have rights to send mail to local domains only",
    rfc: &[],
    faq: faq::RELAY_LOCAL_ONLY,
};
pub static ACCESS_DENIED: Row = Row {
    number: 19,
    key: "access-denied",
    code: 550,
    enhanced: "5.7.1",
    text: "Access not allowed",
    rfc: &[],
    faq: faq::ACCESS_DENIED,
};
pub static PERMISSION_DENIED: Row = Row {
    number: 20,
    key: "permission-denied",
    code: 550,
    enhanced: "5.7.1",
    text: "Permission denied",
    rfc: &[],
    faq: faq::PERMISSION_DENIED,
};
pub static UNKNOWN_USER_LOCAL: Row = Row {
    number: 21,
    key: "unknown-user-local",
    code: 550,
    enhanced: "5.1.1",
    text: "Unknown user local",
    rfc: &[],
    faq: faq::UNKNOWN_USER_LOCAL,
};
pub static UNKNOWN_USER_REJECTING: Row = Row {
    number: 22,
    key: "unknown-user-rejecting",
    code: 550,
    enhanced: "5.1.1",
    text: "Unknown user; rejecting",
    rfc: &[],
    faq: faq::UNKNOWN_USER_REJECTING,
};
pub static NO_SUCH_USER: Row = Row {
    number: 23,
    key: "no-such-user",
    code: 551,
    enhanced: "5.1.1",
    text: "No such user found",
    rfc: &[(Case::Usual, 550, "5.1.1")],
    faq: faq::NO_SUCH_USER,
};
pub static NO_SUCH_LIST: Row = Row {
    number: 24,
    key: "no-such-list",
    code: 551,
    enhanced: "5.1.1",
    text: "No such mailing list found",
    rfc: &[(Case::Usual, 550, "5.1.1")],
    faq: faq::NO_SUCH_LIST,
};
pub static TOO_MANY_RECIPIENTS: Row = Row {
    number: 25,
    key: "too-many-recipients",
    code: 552,
    enhanced: "5.5.3",
    text: "Too many recipients",
    rfc: &[(Case::Usual, 452, "4.5.3")],
    faq: faq::TOO_MANY_RECIPIENTS,
};
pub static MESSAGE_TOO_BIG: Row = Row {
    number: 26,
    key: "message-too-big",
    code: 554,
    enhanced: "5.3.4",
    text: "Message size exceeds fixed maximum message size",
    rfc: &[(Case::Usual, 552, "5.3.4")],
    faq: faq::MESSAGE_TOO_BIG,
};
pub static VIRUS_FOUND: Row = Row {
    number: 27,
    key: "virus-found",
    code: 554,
    enhanced: "5.7.1",
    text: "Message cannot be accepted, virus found",
    rfc: &[],
    faq: faq::VIRUS_FOUND,
};
pub static CONTENT_REJECTED: Row = Row {
    number: 28,
    key: "content-rejected",
    code: 554,
    enhanced: "5.7.1",
    text: "Message cannot be accepted, content filter rejection",
    rfc: &[],
    faq: faq::CONTENT_REJECTED,
};
pub static SPAM_FILTER_REJECTED: Row = Row {
    number: 29,
    key: "spam-filter-rejected",
    code: 554,
    enhanced: "5.7.1",
    text: "Message cannot be accepted, spam filter rejection",
    rfc: &[],
    faq: faq::SPAM_FILTER_REJECTED,
};
pub static SPAM_REJECTED: Row = Row {
    number: 30,
    key: "spam-rejected",
    code: 554,
    enhanced: "5.7.1",
    text: "Message cannot be accepted, spam rejection",
    rfc: &[],
    faq: faq::SPAM_REJECTED,
};
pub static DELETED_BY_FILTER: Row = Row {
    number: 31,
    key: "deleted-by-filter",
    code: 250,
    enhanced: "",
    text: "Message deleted by filter",
    rfc: &[],
    faq: faq::DELETED_BY_FILTER,
};
pub static CHALLENGED_BY_FILTER: Row = Row {
    number: 32,
    key: "challenged-by-filter",
    code: 250,
    enhanced: "",
    text: "Message challenged by filter",
    rfc: &[],
    faq: faq::CHALLENGED_BY_FILTER,
};
pub static MAILBOX_FULL: Row = Row {
    number: 33,
    key: "mailbox-full",
    code: 554,
    enhanced: "5.2.2",
    text: "Maximum size exceeded.",
    rfc: &[(Case::Usual, 552, "5.2.2")],
    faq: faq::MAILBOX_FULL,
};
pub static SERVER_CEILING: Row = Row {
    number: 34,
    key: "server-ceiling",
    code: 554,
    enhanced: "5.3.1",
    text: "Maximum message size exceeded.",
    rfc: &[(Case::Usual, 552, "5.3.4")],
    faq: faq::SERVER_CEILING,
};
pub static FILTER_REJECTED: Row = Row {
    number: 35,
    key: "filter-rejected",
    code: 554,
    enhanced: "5.7.1",
    text: "Message cannot be accepted, filter rejection",
    rfc: &[],
    faq: faq::FILTER_REJECTED,
};

/// Row N stands at N - 1.
pub static ROWS: [&Row; 35] = [
    &COMMAND_UNRECOGNIZED,
    &DOMAIN_REQUIRED,
    &UNBALANCED,
    &SYNTAX_ERROR,
    &HELO_DOMAIN_REQUIRED,
    &AUTH_CANCELLED,
    &AUTH_FAILED,
    &SENDING_NOT_ALLOWED,
    &NOT_SUPPORTED,
    &BAD_SEQUENCE,
    &AUTH_ALREADY_DONE,
    &HELO_REQUIRED,
    &HELO_ALREADY_SPECIFIED,
    &AUTH_TYPE_UNRECOGNIZED,
    &AUTH_REQUIRED,
    &RELAY_DENIED,
    &RELAY_LIMITS,
    &RELAY_LOCAL_ONLY,
    &ACCESS_DENIED,
    &PERMISSION_DENIED,
    &UNKNOWN_USER_LOCAL,
    &UNKNOWN_USER_REJECTING,
    &NO_SUCH_USER,
    &NO_SUCH_LIST,
    &TOO_MANY_RECIPIENTS,
    &MESSAGE_TOO_BIG,
    &VIRUS_FOUND,
    &CONTENT_REJECTED,
    &SPAM_FILTER_REJECTED,
    &SPAM_REJECTED,
    &DELETED_BY_FILTER,
    &CHALLENGED_BY_FILTER,
    &MAILBOX_FULL,
    &SERVER_CEILING,
    &FILTER_REJECTED,
];
