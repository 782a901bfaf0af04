//! Time of day and day of the week, in the offset from UTC that the file names. Knows no daylight saving.

use crate::read::Value;

pub(crate) const KEYS: &[&str] = &["after", "before", "weekday"];

const DAY_MINUTES: i64 = 1440;

/// The first of January 1970 was the fourth of these.
const WEEKDAYS: &[(&str, i64)] = &[
    ("mon", 0),
    ("tue", 1),
    ("wed", 2),
    ("thu", 3),
    ("fri", 4),
    ("sat", 5),
    ("sun", 6),
    ("monday", 0),
    ("tuesday", 1),
    ("wednesday", 2),
    ("thursday", 3),
    ("friday", 4),
    ("saturday", 5),
    ("sunday", 6),
];

/// Minutes of the day and days of the week. `after` is in, `before` is out; from `after` over midnight to `before` if
/// that is earlier.
#[derive(Debug)]
pub(crate) struct Time {
    after: Option<i64>,
    before: Option<i64>,
    weekdays: Vec<i64>,
}

impl Time {
    pub(super) fn read(value: &Value<'_>) -> Option<Self> {
        let table = value.table("{ after = \"18:00\", before = \"08:00\", weekday = [\"sat\", \"sun\"] }")?;
        table.only(KEYS);
        let minute = |key: &str| match table.get(key) {
            Some(value) => {
                let minute = minute_of(value.text()?);
                if minute.is_none() {
                    value.complain("is no time of day: write \"08:00\" or \"17:30\"");
                }
                minute.map(Some)
            }
            None => Some(None),
        };
        let weekdays = table.get("weekday").map(|value| value.texts(weekday));
        let time = Self { after: minute("after")?, before: minute("before")?, weekdays: weekdays.unwrap_or_default() };
        if table.is_empty() {
            table.complain(format!("limits nothing: add one of {}", KEYS.join(", ")));
        }
        Some(time)
    }

    /// `minutes` since the beginning of 1970, where the rules are.
    pub(super) fn holds(&self, minutes: i64) -> bool {
        let (day, minute) = (weekday_of(minutes), minutes.rem_euclid(DAY_MINUTES));
        let of_day = match (self.after, self.before) {
            (Some(after), Some(before)) if after > before => minute >= after || minute < before,
            (after, before) => after.is_none_or(|after| minute >= after) && before.is_none_or(|before| minute < before),
        };
        of_day && (self.weekdays.is_empty() || self.weekdays.contains(&day))
    }

    pub(super) fn explain(&self, minutes: i64) -> String {
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let name = |day: i64| WEEKDAYS.iter().find(|(_, known)| *known == day).map_or("", |(name, _)| name);
        let limit = |word: &str, limit: Option<i64>| limit.map(|limit| format!("{word} {}", clock(limit)));
        let days: Vec<&str> = self.weekdays.iter().map(|day| name(*day)).collect();
        let days = (!days.is_empty()).then(|| days.join(", "));
        let limits = [limit("after", self.after), limit("before", self.before), days];
        let limits = limits.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let now = clock(minutes.rem_euclid(DAY_MINUTES));
        format!("time {} {now} ({limits})", name(weekday_of(minutes)))
    }
}

/// `+01:00`, `-03:30` or `Z`, in minutes.
pub(crate) fn offset(text: &str) -> Result<i64, String> {
    let wrong = || "is no offset from UTC: write \"+01:00\", \"-03:30\" or \"Z\"".to_owned();
    if text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    minute_of(rest).map(|minutes| sign * minutes).ok_or_else(wrong)
}

fn minute_of(text: &str) -> Option<i64> {
    let number = |text: &str, below: i64| -> Option<i64> {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| is_number && *number < below)
    };
    let (hour, minute) = text.split_once(':')?;
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

fn weekday(text: &str) -> Result<i64, String> {
    let found = WEEKDAYS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found
        .map(|(_, day)| *day)
        .ok_or_else(|| format!("\"{text}\" is no weekday: write mon, tue, wed, thu, fri, sat, sun"))
}

fn weekday_of(minutes: i64) -> i64 {
    (minutes.div_euclid(DAY_MINUTES) + 3).rem_euclid(7)
}
