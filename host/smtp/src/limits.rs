//! Every bound of a session that is not the operator's to choose, with its unit.

use std::time::Duration;

/// A command line with its CRLF (RFC 5321 section 4.5.3.1.4 asks for 512, extensions add to it).
pub const LINE_BYTES_MAX: usize = 2048;
/// An AUTH command or response line with its CRLF (RFC 4954 section 4).
pub const AUTH_LINE_BYTES_MAX: usize = 12_288;
/// Replies gathered before the session asks to write them and stops reading.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Text of one reply line that comes from outside (overrides, filters, VRFY), so that a line stays within 512.
pub const REPLY_TEXT_BYTES_MAX: usize = 400;
/// Lines of one EXPN reply.
pub const REPLY_LINES_MAX: usize = 1000;
/// Local part. RFC 5321 asks for 64; senders with encoded return addresses need more.
pub const LOCAL_BYTES_MAX: usize = 256;
/// Domain name or literal (RFC 5321 section 4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;
/// One label of a domain name (RFC 1035); U-labels are longer in UTF-8.
pub const LABEL_BYTES_MAX: usize = 63;
/// ENVID (RFC 3461 section 4.4), encoded.
pub const ENVID_BYTES_MAX: usize = 100;
/// ORCPT (RFC 3461 section 4.2), encoded.
pub const ORCPT_BYTES_MAX: usize = 500;
/// FUTURERELEASE: the longest HOLDFOR, seconds (30 days).
pub const HOLD_SECONDS_MAX: u64 = 30 * 86_400;
/// RCPT commands refused or accepted in one transaction where the operator sets no limit of recipients.
pub const RECIPIENTS_HELD_MAX: usize = 100_000;
/// Time a client has for content before the rate counts.
pub const CONTENT_GRACE: Duration = Duration::from_secs(240);
/// Content slower than this, after the grace, is given up: bytes in a second.
pub const CONTENT_BYTES_PER_SECOND_MIN: u64 = 500;
