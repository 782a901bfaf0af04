//! Character references of HTML: the numeric ones and the few names that mail uses. Others stay as they are.

/// Bytes between `&` and `;`.
const NAME_BYTES_MAX: usize = 10;

/// Appends the text with its references replaced.
pub(super) fn decode(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        into.push_str(before);
        let end = behind.bytes().take(NAME_BYTES_MAX).position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#');
        let end = end.unwrap_or_else(|| behind.floor_char_boundary(NAME_BYTES_MAX));
        let (name, after) = behind.split_at(end);
        match character(name) {
            Some(found) => {
                into.push(found);
                rest = after.strip_prefix(';').unwrap_or(after);
            }
            None => {
                into.push('&');
                rest = behind;
            }
        }
    }
    into.push_str(rest);
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "nbsp" => ' ',
        "amp" | "AMP" => '&',
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "copy" => '©',
        "reg" => '®',
        "euro" => '€',
        "pound" => '£',
        "bull" | "middot" => '·',
        "ndash" | "mdash" => '-',
        "lsquo" | "rsquo" => '\'',
        "ldquo" | "rdquo" => '"',
        "hellip" => '…',
        "trade" => '™',
        "shy" | "zwnj" | "zwj" => '\u{ad}',
        "eacute" => 'é',
        "egrave" => 'è',
        "agrave" => 'à',
        "ccedil" => 'ç',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "szlig" => 'ß',
        "ntilde" => 'ñ',
        _ => return None,
    })
}
