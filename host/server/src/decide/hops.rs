//! The hop limit: a message that went through too many hosts goes in circles (RFC 5321 section 6.3).

use postwarden_smtp::Refusal;
use postwarden_store::Draft;

use super::{Check, store_refusal};

/// As much of the message as is searched. Each hop puts its field at the top, so those of a loop are in it.
const HEAD_BYTES_MAX: usize = 128 << 10;

/// `limit` 0: none.
pub(super) async fn check(draft: &mut Draft, limit: usize) -> Check {
    if limit == 0 {
        return Ok(());
    }
    let head = draft.head(HEAD_BYTES_MAX).await.map_err(|error| store_refusal(&error))?;
    if received_fields(&head) > limit { Err(Refusal::TooManyHops) } else { Ok(()) }
}

/// `Received` fields before the first empty line.
fn received_fields(head: &[u8]) -> usize {
    const NAME: &[u8] = b"received";
    let mut count = 0;
    let mut rest = head;
    loop {
        let (line, after) = match memchr::memchr(b'\n', rest) {
            Some(end) => rest.split_at(end + 1),
            None => (rest, &[][..]),
        };
        if matches!(line, b"" | b"\r\n" | b"\n") {
            return count;
        }
        if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME))
            && line.get(NAME.len()..).is_some_and(|tail| tail.trim_ascii_start().starts_with(b":"))
        {
            count += 1;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::received_fields;

    #[test]
    fn counts_fields_not_lines() {
        let cases: [(&[u8], usize); 8] = [
            (b"", 0),
            (b"\r\nReceived: in the body\r\n", 0),
            (b"Received: a\r\n\tReceived: folded\r\nSubject: x\r\nRECEIVED : b\r\n\r\nReceived: body", 2),
            (b"Received-SPF: pass\r\nReceived\r\nX-Received: a\r\n", 0),
            (b"Received: cut", 1),
            (b"received:a\r\nreceived:b\r\n\r\n", 2),
            (b"Rece", 0),
            (b"\n", 0),
        ];
        for (head, count) in cases {
            assert_eq!(received_fields(head), count, "{}", String::from_utf8_lossy(head));
        }
    }
}
