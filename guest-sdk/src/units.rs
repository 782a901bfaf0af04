//! Sizes with a unit, as everywhere in the configuration: `#[serde(deserialize_with = "postwarden_filter::units::size")]`.

use serde::{Deserialize, Deserializer, de::Error};

const UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// `"25MiB"` in bytes.
pub fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|(_, factor)| *factor);
    let bytes = factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    bytes.ok_or_else(|| D::Error::custom(format!("\"{text}\" is no size: write a number with B, KiB, MiB or GiB")))
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    #[test]
    fn sizes_have_units() {
        let size = |text: &str| {
            let text: StrDeserializer<'_, Error> = text.into_deserializer();
            super::size(text)
        };
        assert_eq!((size("25MiB"), size("3 KiB"), size("0B")), (Ok(25 << 20), Ok(3072), Ok(0)));
        for wrong in ["", "25", "MiB", "25 miles", "-1B", "1.5MiB", "99999999999999999999B", "99999999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
