//! Dates as RFC 5322 section 3.3 writes them, always in UTC. No clock.

use std::fmt::Write as _;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Mon, 23 Nov 2026 22:46:10 +0000` for milliseconds since the Unix epoch. Times that a date cannot
/// express (before the year 0 or after 9999) become the epoch.
pub fn rfc5322(ms: i64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut at = jiff::tz::Offset::UTC.to_datetime(timestamp);
    if at.year() < 0 {
        at = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::UNIX_EPOCH);
    }
    let name = |names: &'static [&'static str], at: i8| {
        usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or("")
    };
    let day = name(&DAYS, at.weekday().to_monday_zero_offset());
    let month = name(&MONTHS, at.month() - 1);
    let mut text = String::with_capacity(31);
    let _ = write!(
        text,
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} +0000",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::rfc5322;

    #[test]
    fn known_dates() {
        assert_eq!(rfc5322(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(rfc5322(1_795_473_970_999), "Mon, 23 Nov 2026 22:46:10 +0000");
        assert_eq!(rfc5322(1_709_164_800_000), "Thu, 29 Feb 2024 00:00:00 +0000");
        assert_eq!(rfc5322(-1), "Wed, 31 Dec 1969 23:59:59 +0000");
    }

    #[test]
    fn impossible_times_do_not_panic() {
        assert_eq!(rfc5322(i64::MAX), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(rfc5322(i64::MIN), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(rfc5322(-99_999_999_999_999), "Thu, 01 Jan 1970 00:00:00 +0000");
    }
}
