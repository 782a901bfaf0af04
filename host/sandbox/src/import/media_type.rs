//! The form of a media type that a filter gives to a new body part (RFC 2045 section 5.1). Checks; changes nothing.

/// Bytes of type, subtype and parameters: they stand on one line of a header.
const BYTES_MAX: usize = 500;

/// `type/subtype`, then parameters. The error is for the filter's author.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > BYTES_MAX {
        return Err(format!("a media type has at most {BYTES_MAX} bytes"));
    }
    let (name, parameters) = text.split_once(';').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let (kind, subtype) = name.trim().split_once('/').unwrap_or_default();
    if !is_token(kind) || !is_token(subtype) {
        return Err(format!("{:?} is no media type, as text/plain is", cut(name)));
    }
    if ["multipart", "message"].iter().any(|container| kind.eq_ignore_ascii_case(container)) {
        return Err(format!("{}: a new part holds no other parts", cut(name)));
    }
    let mut rest = parameters;
    while let Some(parameter) = rest {
        rest = after_parameter(parameter).ok_or_else(|| {
            format!("{:?} is no parameter of a media type, as charset=utf-8 or name=\"a b\" is", cut(parameter))
        })?;
    }
    Ok(())
}

/// What stands behind the next `;`, if there is one. None: this is no parameter.
fn after_parameter(text: &str) -> Option<Option<&str>> {
    let (name, value) = text.split_once('=')?;
    if !is_token(name.trim()) {
        return None;
    }
    let behind = match value.trim_start().strip_prefix('"') {
        Some(quoted) => {
            let (inside, behind) = quoted.split_once('"')?;
            let plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && c != '\\';
            inside.chars().all(plain).then_some(behind)?
        }
        None => {
            let end = value.find(';').unwrap_or(value.len());
            let (token, behind) = value.split_at_checked(end)?;
            is_token(token.trim()).then_some(behind)?
        }
    };
    match behind.trim_start() {
        "" => Some(None),
        behind => behind.strip_prefix(';').map(Some),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte))
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(64)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_and_what_is_none() {
        for good in ["text/plain", "text/html; charset=utf-8", "a/b ;x = 1;y=\"q; r\" ; z=2", "application/x-a+b.c"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = [
            "",
            "text",
            "/",
            "text/",
            "text/a b",
            "text/plain;",
            "text/plain; charset",
            "text/plain; =x",
            "a/b; x=",
            "a/b; x=\"y",
            "a/b; x=\"y\" z",
            "a/b; x=\"\\\"\"",
            "a/b\r\nBcc: x",
            "a/b; x=\"\r\n\"",
            "a/ü",
            "multipart/mixed",
            "Message/RFC822",
            "a/b; x=1\0",
        ];
        for bad in bad {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&format!("text/{}", "x".repeat(500))).is_err());
    }
}
