//! The hex language of body signatures, parsed: fixed bytes, wildcards, gaps and alternatives. Compiles nothing.
//!
//! `aa ?? a? ?a * {n} {n-m} {-m} {n-} [n-m] (aa|bbcc) !(aa|bb)`, written without spaces.

/// Bytes a gap may span before the pattern is taken for two.
pub(crate) const GAP_BYTES_MAX: u32 = 1 << 20;
/// Alternatives of one group.
const OPTIONS_MAX: usize = 1000;

/// A byte and which of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    pub(crate) value: u8,
    pub(crate) mask: u8,
}

impl Masked {
    pub(crate) fn is_fixed(self) -> bool {
        self.mask == 0xFF
    }

    pub(crate) fn fits(self, byte: u8) -> bool {
        byte & self.mask == self.value
    }
}

/// One thing after the other, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Byte(Masked),
    /// From `least` to `most` bytes of any value; none: as many as there are.
    Gap {
        least: u32,
        most: Option<u32>,
    },
    OneOf {
        options: Vec<Vec<Masked>>,
        negated: bool,
    },
}

/// Why a line is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unused {
    /// The line is wrong.
    Malformed(String),
    /// The line may be right; this filter does not do that.
    Unsupported(&'static str),
}

pub(crate) fn malformed(what: impl Into<String>) -> Unused {
    Unused::Malformed(what.into())
}

pub(crate) fn parse(text: &str) -> Result<Vec<Token>, Unused> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            '*' => (Token::Gap { least: 0, most: None }, skip(rest, 1)),
            '{' => {
                let (inside, behind) = enclosed(rest, '}')?;
                (gap(inside)?, behind)
            }
            '[' => {
                let (inside, behind) = enclosed(rest, ']')?;
                (gap(inside)?, behind)
            }
            '(' => {
                let (inside, behind) = enclosed(rest, ')')?;
                (alternatives(inside, false)?, behind)
            }
            '!' => {
                let (inside, behind) = enclosed(skip(rest, 1), ')')?;
                (alternatives(inside, true)?, behind)
            }
            _ => {
                let (byte, behind) = byte(rest)?;
                (Token::Byte(byte), behind)
            }
        };
        tokens.push(token);
        rest = behind;
    }
    if tokens.is_empty() { Err(malformed("the signature is empty")) } else { Ok(tokens) }
}

fn skip(text: &str, count: usize) -> &str {
    text.get(count..).unwrap_or_default()
}

/// What stands between the bracket that `text` begins with and `close`, and what follows.
fn enclosed(text: &str, close: char) -> Result<(&str, &str), Unused> {
    skip(text, 1).split_once(close).ok_or_else(|| malformed(format!("a bracket without its \"{close}\"")))
}

fn byte(text: &str) -> Result<(Masked, &str), Unused> {
    let mut digits = text.chars();
    let (Some(high), Some(low)) = (digits.next(), digits.next()) else {
        return Err(malformed("an odd number of hex digits"));
    };
    let nibble = |digit: char| match digit {
        '?' => Ok((0_u8, 0_u8)),
        _ => digit
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
            .map(|value| (value, 0x0F))
            .ok_or_else(|| malformed(format!("\"{digit}\" is no hex digit"))),
    };
    let ((high, high_mask), (low, low_mask)) = (nibble(high)?, nibble(low)?);
    Ok((Masked { value: high << 4 | low, mask: high_mask << 4 | low_mask }, digits.as_str()))
}

fn gap(inside: &str) -> Result<Token, Unused> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| malformed(format!("\"{inside}\" is no gap")));
    let (least, most) = match inside.split_once('-') {
        None => (number(inside)?, Some(number(inside)?)),
        Some(("", most)) => (0, Some(number(most)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    if most.is_some_and(|most| most < least) {
        return Err(malformed(format!("\"{inside}\": the gap ends before it begins")));
    }
    if least > GAP_BYTES_MAX || most.is_some_and(|most| most > GAP_BYTES_MAX) {
        return Err(Unused::Unsupported("a gap of more than 1 MiB"));
    }
    Ok(Token::Gap { least, most })
}

fn alternatives(inside: &str, negated: bool) -> Result<Token, Unused> {
    if matches!(inside, "B" | "L" | "W") {
        return Err(Unused::Unsupported("a word or line boundary"));
    }
    if inside.contains(['(', '{', '[', '*']) {
        return Err(Unused::Unsupported("wildcards inside alternatives"));
    }
    let options = inside.split('|').map(option).collect::<Result<Vec<_>, _>>()?;
    if options.len() > OPTIONS_MAX {
        return Err(Unused::Unsupported("more than 1000 alternatives"));
    }
    let one_length = options.iter().all(|option| options.first().is_some_and(|first| first.len() == option.len()));
    if negated && !one_length {
        return Err(malformed("what is negated must be of one length"));
    }
    Ok(Token::OneOf { options, negated })
}

fn option(text: &str) -> Result<Vec<Masked>, Unused> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (next, behind) = byte(rest)?;
        bytes.push(next);
        rest = behind;
    }
    if bytes.is_empty() { Err(malformed("an empty alternative")) } else { Ok(bytes) }
}
