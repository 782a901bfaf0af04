//! The EICAR test file as a signature: found also where no signature folder is. Kept in halves, so that no scanner takes
//! this filter for the file.

/// The 68 characters in hex, as the standard gives them.
const HALVES: [&str; 2] = [
    "58354f2150254041505b345c505a58353428505e2937434329377d",
    "2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a",
];

pub(crate) const NAME: &str = "Eicar-Test-Signature";

/// Lines of an `.ndb` file. A file that begins with the string is the test file.
pub(crate) fn signatures() -> [String; 1] {
    [format!("{NAME}:0:0:{}", HALVES.concat())]
}

/// The test file, for tests.
#[cfg(test)]
pub(crate) fn file() -> Vec<u8> {
    let hex = HALVES.concat();
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
