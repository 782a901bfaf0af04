//! Dates of RFC 5322, as loosely as mail writes them. Knows no clock.

/// Seconds since 1970. None for what is no date.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.split('(').next().unwrap_or_default();
    let text = text.split_once(',').map_or(text, |(_, behind)| behind);
    let mut words = text.split_whitespace().skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let day: i64 = words.next()?.parse().ok()?;
    let month = month(words.next()?)?;
    let year: i64 = words.next()?.parse().ok()?;
    let year = match year {
        0..=49 => year + 2000,
        50..=999 => year + 1900,
        _ => year,
    };
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let fits =
        (1..=31).contains(&day) && (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !fits || !(1900..=9999).contains(&year) {
        return None;
    }
    let east = words.next().map_or(Some(0), zone)?;
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - east)
}

fn month(name: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = name.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().zip(1..).find(|(known, _)| **known == name).map(|(_, number)| number)
}

/// Seconds east of Greenwich.
fn zone(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes() {
        [b'+', ..] => (1, text.get(1..)?),
        [b'-', ..] => (-1, text.get(1..)?),
        // Names of zones are obsolete, and read as RFC 5322 section 4.3 asks where it knows them.
        _ => {
            let hours = match text {
                "EST" | "CDT" => -5,
                "EDT" => -4,
                "CST" | "MDT" => -6,
                "MST" | "PDT" => -7,
                "PST" => -8,
                _ => 0,
            };
            return Some(hours * 3600);
        }
    };
    let number: i64 = digits.parse().ok()?;
    (digits.len() == 4 && number / 100 <= 14 && number % 100 < 60)
        .then_some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// Days since 1970 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
