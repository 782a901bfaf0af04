//! Addresses as they may stand in a header field: quoted where needed, with nothing in them that
//! could end the field. No lookup, no judgement whether an address is valid.

/// An address longer than this many bytes is cut: RFC 5321 allows 64 + 1 + 255.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// `local@domain`, the local part quoted if it is no dot-atom (RFC 5321 section 4.1.2). Control
/// characters become `?`; so does what is not ASCII unless `utf8` is on.
pub fn written(address: &str, utf8: bool) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return word(address, utf8, ADDRESS_BYTES_MAX);
    };
    let mut text = String::with_capacity(address.len() + 2);
    if is_dot_atom(local) || is_quoted(local) {
        text.push_str(&visible(local, utf8, ADDRESS_BYTES_MAX));
    } else {
        text.push('"');
        for character in visible(local, utf8, ADDRESS_BYTES_MAX).chars() {
            if matches!(character, '"' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        text.push('"');
    }
    text.push('@');
    text.push_str(&word(domain, utf8, ADDRESS_BYTES_MAX));
    text
}

/// Text on one line: control characters become spaces or `?`, what is not ASCII `?` unless `utf8`.
pub(crate) fn visible(text: &str, utf8: bool, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let character = match character {
            '\t' | '\r' | '\n' => ' ',
            c if c.is_control() => '?',
            // Line and paragraph separators: no line ends in SMTP, but in some readers.
            '\u{2028}' | '\u{2029}' => '?',
            c if c.is_ascii() || utf8 => c,
            _ => '?',
        };
        if out.len() + character.len_utf8() > bytes_max {
            break;
        }
        out.push(character);
    }
    out
}

/// Like [`visible`], and without what could end a word of a structured field.
pub(crate) fn word(text: &str, utf8: bool, bytes_max: usize) -> String {
    visible(text, utf8, bytes_max)
        .chars()
        .map(|c| if matches!(c, ' ' | '(' | ')' | '<' | '>' | ';' | ',' | '"' | '\\') { '?' } else { c })
        .collect()
}

fn is_dot_atom(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|atom| {
            !atom.is_empty()
                && atom.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii())
        })
}

/// Already a well-formed quoted string.
fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut escaped = false;
    for c in inner.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn quotes_what_needs_it() {
        assert_eq!(written("alice@example.com", false), "alice@example.com");
        assert_eq!(written("a b@example.com", false), "\"a b\"@example.com");
        assert_eq!(written("a\"b\\c@example.com", false), "\"a\\\"b\\\\c\"@example.com");
        assert_eq!(written("\"a b\"@example.com", false), "\"a b\"@example.com");
        assert_eq!(written("a..b@example.com", false), "\"a..b\"@example.com");
        assert_eq!(written("", false), "");
        assert_eq!(written("postmaster", false), "postmaster");
        assert_eq!(written("\"@example.com", false), "\"\\\"\"@example.com");
    }

    #[test]
    fn nothing_ends_the_field() {
        assert_eq!(written("a\r\nBcc: x@example.com", false), "\"a  Bcc: x\"@example.com");
        assert_eq!(written("a@b>\r\nX: y", false), "a@b???X:?y");
        assert_eq!(written("a\0\u{7f}\u{85}@b", true), "\"a???\"@b");
    }

    #[test]
    fn beyond_ascii_only_where_it_may_stand() {
        assert_eq!(written("jörg@müller.example", true), "jörg@müller.example");
        assert_eq!(written("jörg@müller.example", false), "j?rg@m?ller.example");
    }
}
