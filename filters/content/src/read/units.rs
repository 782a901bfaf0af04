//! Sizes as operators write them, by the units of the server's configuration.

const UNITS: &[(&str, f64)] = &[
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
];

/// In bytes. The error says what to write.
pub(super) fn size(text: &str) -> Result<f64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).map(|(_, factor)| factor);
    match (number.parse::<f64>(), factor) {
        (Ok(number), Some(factor)) => Ok((number * factor).floor()),
        (Ok(_), None) if unit.is_empty() => Err(format!("\"{text}\" has no unit: write \"{number}KiB\"")),
        _ => Err(format!("\"{text}\" is no size: write a number with one of B, KiB, MiB, GiB, KB, MB, GB")),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("128KiB", 131_072.0), ("1.5 MiB", 1_572_864.0), ("10kb", 10_000.0), ("7B", 7.0)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["128", "KiB", "", "-1KiB", "1.2.3MiB", "1KiBs"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
