//! Sizes and times as operators write them: `25MiB`, `5m`, `1h30m`; and back. 0 needs no unit.

use std::time::Duration;

/// Unit names with their bytes. The first name of a value that divides a size evenly is used for writing it.
const SIZE_UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Unit names with their milliseconds, largest first.
const TIME_UNITS: &[(&str, u64)] =
    &[("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A hundred years, so that times can be added without care.
const TIME_MILLISECONDS_MAX: u64 = 100 * 366 * 86_400_000;

/// `25MiB` in bytes; `0` in any form is 0. The error says what to write.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = split_number(text);
    let unit = unit.trim();
    if number.is_empty() {
        return Err(format!("\"{text}\" is not a size: write a number with a unit, as in \"25MiB\", or 0"));
    }
    if unit.is_empty() {
        return match number.parse::<f64>() {
            Ok(0.0) => Ok(0),
            _ => Err(format!("\"{text}\" has no unit: write \"{number}MiB\", or \"{number}B\" for bytes")),
        };
    }
    let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        let near = match unit.as_bytes().first().map(u8::to_ascii_lowercase) {
            Some(b'b') => "B",
            Some(b'k') => "KiB",
            Some(b'g') => "GiB",
            Some(b't') => "TiB",
            _ => "MiB",
        };
        return Err(format!(
            "\"{unit}\" is not a unit of size: write \"{number}{near}\" (B, KiB, MiB, GiB, TiB; KB, MB, GB, TB are decimal)"
        ));
    };
    scaled(number, *factor).ok_or_else(|| format!("\"{text}\" is not a size this server can count"))
}

/// `5m`, `1h30m`, `250ms`; `0` is none. The error says what to write.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is empty: write a number with a unit, as in \"5m\", or 0".into());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let after = after.trim_start();
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        if number.is_empty() {
            return Err(format!("\"{text}\" is not a time: write a number with a unit, as in \"5m\", or 0"));
        }
        let part = if unit.is_empty() {
            match number.parse::<f64>() {
                Ok(0.0) => Some(0),
                _ => {
                    return Err(format!(
                        "\"{text}\" has no unit: write \"{number}s\" for seconds or \"{number}m\" for minutes"
                    ));
                }
            }
        } else {
            let Some((_, factor)) = TIME_UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(format!(
                    "\"{unit}\" is not a unit of time: use ms, s, m, h, d or w, as in \"{number}{}\"",
                    nearest_time_unit(unit)
                ));
            };
            scaled(number, *factor)
        };
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= TIME_MILLISECONDS_MAX)
            .ok_or_else(|| format!("\"{text}\" is longer than this server can count (100 years)"))?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// The shortest exact form: `25MiB`, `1500B`, `0`.
pub fn format_size(bytes: u64) -> String {
    if bytes == 0 {
        return "0".into();
    }
    for (name, factor) in SIZE_UNITS {
        if bytes.is_multiple_of(*factor) && (*factor != 1_000 || bytes < 1_000_000) {
            return format!("{}{name}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

/// For people: `4.9 KiB`. Not exact.
pub fn show_size(bytes: u64) -> String {
    for (name, factor) in SIZE_UNITS.iter().take(4) {
        if bytes >= *factor {
            #[allow(clippy::cast_precision_loss)]
            let value = bytes as f64 / *factor as f64;
            return format!("{value:.1} {name}");
        }
    }
    format!("{bytes} B")
}

/// The shortest exact form: `5m`, `1h30m`, `0`.
pub fn format_duration(time: Duration) -> String {
    let mut rest = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0".into();
    }
    let mut out = String::new();
    for (name, factor) in TIME_UNITS {
        let count = rest / factor;
        // Weeks only where nothing smaller is left over: 10 days are "10d", not "1w3d".
        if count == 0 || (*name == "w" && rest % factor != 0) {
            continue;
        }
        out.push_str(&format!("{count}{name}"));
        rest %= factor;
    }
    out
}

/// For people: the one or two largest units, `3d4h`, `12s`.
pub fn show_duration(time: Duration) -> String {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let units = TIME_UNITS.get(1..5).unwrap_or(TIME_UNITS);
    for (at, (name, factor)) in units.iter().enumerate() {
        let count = milliseconds / factor;
        if count == 0 {
            continue;
        }
        let mut out = format!("{count}{name}");
        if let Some((name, smaller)) = units.get(at + 1) {
            let more = milliseconds % factor / smaller;
            if more > 0 {
                out.push_str(&format!("{more}{name}"));
            }
        }
        return out;
    }
    "0s".into()
}

fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// `1.5` times a factor, exact for whole numbers.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let value = number.parse::<f64>().ok()? * factor as f64;
    // Fractions are for people; above 2^53 they would not be exact.
    (value.is_finite() && value < 9e15).then_some(value as u64)
}

fn nearest_time_unit(unit: &str) -> &'static str {
    match unit.to_ascii_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" => "s",
        "h" | "hr" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "week" | "weeks" => "w",
        _ => "m",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("0MiB", 0),
            ("1B", 1),
            ("25MiB", 25 << 20),
            ("25 MiB", 25 << 20),
            ("25mib", 25 << 20),
            ("1.5KiB", 1536),
            ("2KB", 2000),
            ("16TiB", 16 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert!(parse_size("25").unwrap_err().contains("\"25MiB\""));
        assert!(parse_size("25M").unwrap_err().contains("\"25MiB\""));
        assert!(parse_size("3G").unwrap_err().contains("\"3GiB\""));
        for bad in ["", "MiB", "-1MiB", "1.2.3MiB", "99999999999999TiB", "1e3B"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        for bytes in [0, 1, 1023, 1024, 1000, 1_000_000, 50 << 20, 1 << 40, 4999] {
            assert_eq!(parse_size(&format_size(bytes)), Ok(bytes), "{}", format_size(bytes));
        }
    }

    #[test]
    fn times() {
        for (text, milliseconds) in [
            ("0", 0),
            ("250ms", 250),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("4d", 345_600_000),
            ("2w", 1_209_600_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert!(parse_duration("5").unwrap_err().contains("\"5s\""));
        assert!(parse_duration("5min").unwrap_err().contains("\"5m\""));
        for bad in ["", "m", "-5m", "5x", "900000000w"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for text in ["0", "5m", "1h30m", "10d", "2w", "250ms", "1d1s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(show_duration(Duration::from_secs(90_061)), "1d1h");
        assert_eq!(show_duration(Duration::from_millis(12_400)), "12s");
    }
}
