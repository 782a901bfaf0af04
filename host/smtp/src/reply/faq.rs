//! Why a client sees one of the 35 rows, and what to change. One answer a row.

use super::Faq;

pub(super) const COMMAND_UNRECOGNIZED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const DOMAIN_REQUIRED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const UNBALANCED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const SYNTAX_ERROR: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const HELO_DOMAIN_REQUIRED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const AUTH_CANCELLED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const AUTH_FAILED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const SENDING_NOT_ALLOWED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const NOT_SUPPORTED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const BAD_SEQUENCE: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const AUTH_ALREADY_DONE: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const HELO_REQUIRED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const HELO_ALREADY_SPECIFIED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const AUTH_TYPE_UNRECOGNIZED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const AUTH_REQUIRED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const RELAY_DENIED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const RELAY_LIMITS: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const RELAY_LOCAL_ONLY: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const ACCESS_DENIED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const PERMISSION_DENIED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const UNKNOWN_USER_LOCAL: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const UNKNOWN_USER_REJECTING: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const NO_SUCH_USER: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const NO_SUCH_LIST: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const TOO_MANY_RECIPIENTS: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const MESSAGE_TOO_BIG: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const VIRUS_FOUND: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const CONTENT_REJECTED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const SPAM_FILTER_REJECTED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const SPAM_REJECTED: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const DELETED_BY_FILTER: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const CHALLENGED_BY_FILTER: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const MAILBOX_FULL: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const SERVER_CEILING: Faq = Faq { meaning: "", causes: &[], change: &[] };
pub(super) const FILTER_REJECTED: Faq = Faq { meaning: "", causes: &[], change: &[] };
