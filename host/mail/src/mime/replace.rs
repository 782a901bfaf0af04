//! The message with other content in some of its parts. Writes the fields of the header that concern the content, the
//! body and what keeps it apart from its boundary; every other byte stays as it was.

use super::encode::encode;
use super::{Message, Part};
use crate::header;

/// Fields that describe the content: they go when it becomes another kind of thing.
const DESCRIBING: &[&str] =
    &["Content-Disposition", "Content-Description", "Content-Location", "Content-Language", "Content-Duration"];
/// Fields that are written anew, or no longer true.
const WRITTEN: &[&str] = &["Content-Type", "Content-Transfer-Encoding", "Content-MD5"];

/// New content for one part.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
    /// Of a part that is no multipart; others are left as they are.
    pub index: usize,
    /// `type/subtype`, and parameters as they shall stand in the header: on one line, checked by the caller.
    pub media_type: &'a str,
    /// What a reader sees after decoding.
    pub content: &'a [u8],
}

impl Message {
    /// All indexes are those of this message. Of two for the same part the later counts; what lies in a part that is
    /// replaced itself goes with it.
    pub fn replace_parts(&self, wanted: &[Replacement<'_>]) -> Vec<u8> {
        let can = |index: usize| self.part(index).filter(|part| !part.media_type.starts_with("multipart/"));
        let mut wanted: Vec<_> = wanted.iter().filter_map(|one| Some((can(one.index)?, one))).collect();
        // Depth first is also the order of the bytes; sorting is stable.
        wanted.sort_by_key(|(_, one)| one.index);
        let mut made = Vec::with_capacity(self.raw.len());
        let mut done = 0_usize;
        let mut wanted = wanted.into_iter().peekable();
        while let Some((part, one)) = wanted.next() {
            let superseded = wanted.peek().is_some_and(|(_, next)| next.index == one.index);
            if superseded || part.header.0 < done {
                continue;
            }
            made.extend_from_slice(self.slice((done, part.header.0)));
            self.write(part, one, &mut made);
            done = part.body.1;
        }
        made.extend_from_slice(self.slice((done, self.raw.len())));
        made
    }

    fn write(&self, part: &Part, new: &Replacement<'_>, made: &mut Vec<u8>) {
        let (name, parameters) =
            new.media_type.split_once(';').map_or((new.media_type, ""), |(name, rest)| (name, rest));
        let name = name.trim().to_ascii_lowercase();
        let is_text = name.starts_with("text/");
        let head = self.slice(part.header);
        for field in header::fields(head) {
            let goes = WRITTEN.iter().any(|name| field.is(name))
                || (name != part.media_type && DESCRIBING.iter().any(|name| field.is(name)));
            if !goes {
                let bytes = head.get(field.start..field.end).unwrap_or_default();
                made.extend_from_slice(bytes);
                if !bytes.ends_with(b"\n") {
                    made.extend_from_slice(b"\r\n");
                }
            }
        }
        if self.heads_a_message(part) && header::find(head, "MIME-Version").is_none() {
            made.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        let (encoding, body) = encode(new.content, is_text);
        let has_charset = parameters.to_ascii_lowercase().contains("charset");
        let charset = if is_text && !has_charset && !new.content.is_ascii() { "; charset=utf-8" } else { "" };
        let media_type = new.media_type.trim();
        made.extend_from_slice(
            format!("Content-Type: {media_type}{charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes(),
        );
        made.extend_from_slice(&body);
        let behind = self.slice((part.body.1, self.raw.len()));
        let apart = behind.starts_with(b"\r\n") || behind.starts_with(b"\n");
        // The line end before a boundary is the boundary's own; at the end of the message it is the content's.
        if !(apart || behind.is_empty() && body.ends_with(b"\r\n")) {
            made.extend_from_slice(b"\r\n");
        }
    }

    /// The message's own header, or that of a message inside it.
    fn heads_a_message(&self, part: &Part) -> bool {
        let parent = part.parent.and_then(|parent| self.part(parent));
        parent.is_none_or(|parent| parent.media_type.starts_with("message/"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    const MIXED: &str = "From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\nX-Odd:  \t\n\n\
        preamble\n--b\nContent-Type: text/plain\n\nHello\n\n--b \nX-Kept: 1\nContent-Type: application/x-dosexec; name=a.exe\n\
        Content-Transfer-Encoding: base64\nContent-Disposition: attachment;\n filename=a.exe\nContent-ID: <1>\n\nTVqQ\n--b\n\
        Content-Type: message/rfc822\n\nSubject: inner\nContent-Type: multipart/x; boundary=c\n\n--c\n\ndeep\n--c--\n--b--\nepilogue\n";

    fn message(text: &str) -> Message {
        Message::new(text.replace('\n', "\r\n").into_bytes())
    }

    fn replaced(text: &str, wanted: &[(usize, &str, &str)]) -> String {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(index, media_type, content)| Replacement { index: *index, media_type, content: content.as_bytes() })
            .collect();
        let made = message(text).replace_parts(&wanted);
        String::from_utf8(made).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn an_attachment_becomes_a_note_and_nothing_else_changes() {
        let made = replaced(MIXED, &[(2, "text/plain", "A virus was here.\n-- \nthe server\n")]);
        let old = "Content-Type: application/x-dosexec; name=a.exe\nContent-Transfer-Encoding: base64\n\
                   Content-Disposition: attachment;\n filename=a.exe\nContent-ID: <1>\n\nTVqQ";
        let new = "Content-ID: <1>\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n\
                   A virus was here.\n=2D-=20\nthe server\n";
        assert_eq!(made, MIXED.replace(old, new));
        let again = message(&made);
        assert_eq!(again.part_text(2), Some("A virus was here.\r\n-- \r\nthe server\r\n"));
        assert_eq!((again.count_parts(), again.part(2).unwrap().filename.clone()), (6, None));
    }

    #[test]
    fn a_footer_keeps_what_describes_the_part() {
        let text = "Content-Type: text/html; charset=latin1; name=x\nContent-Disposition: inline\nContent-MD5: x\nSubject: s\n\n<p>a</p>";
        let made = replaced(text, &[(0, "text/html", "<p>a</p><p>\u{fc}</p>")]);
        assert_eq!(
            made,
            "Content-Disposition: inline\nSubject: s\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\
             Content-Transfer-Encoding: quoted-printable\n\n<p>a</p><p>=C3=BC</p>\n"
        );
        assert_eq!(message(&made).part_text(0), Some("<p>a</p><p>\u{fc}</p>\r\n"));
    }

    #[test]
    fn indexes_are_those_of_the_message_before() {
        // A message inside goes with its parts; of two contents for one part the later counts.
        let made = replaced(
            MIXED,
            &[
                (5, "a/b", "lost"),
                (3, "text/plain", "note"),
                (1, "text/plain", "one"),
                (1, "text/plain", "two"),
                (9, "a/b", "none"),
                (0, "a/b", "none"),
            ],
        );
        let made = message(&made);
        let texts: Vec<_> = (0..made.count_parts()).map(|index| made.part_text(index).map(str::to_owned)).collect();
        assert_eq!(texts, [None, Some("two".to_owned()), None, Some("note".to_owned())]);
        assert_eq!(made.part_bytes(2), b"MZ\x90");
        // Inside it, only the inner part changes.
        let made = replaced(MIXED, &[(5, "application/octet-stream", "bin\n")]);
        assert_eq!(
            made,
            MIXED.replace(
                "--c\n\ndeep\n",
                "--c\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nYmluCg==\n"
            )
        );
    }

    #[test]
    fn new_content_never_ends_its_part() {
        let hostile = "--b\n--b--\n\n--b\r\n -\n.\n..\nFrom x\n=\t \n";
        for (content, media_type) in
            [(hostile, "text/plain"), (hostile, "a/b"), ("", "text/plain"), ("", "a/b"), ("-", "text/x")]
        {
            for text in
                [MIXED, "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n--b\nContent-Type: x/y\n--b", "--b", ""]
            {
                for index in 0..message(text).count_parts() {
                    let before = message(text);
                    if before.part(index).unwrap().media_type.contains("multipart")
                        || before.part(index).unwrap().media_type.contains("message")
                    {
                        continue;
                    }
                    let made = before.replace_parts(&[Replacement { index, media_type, content: content.as_bytes() }]);
                    let after = Message::new(made);
                    assert_eq!(after.count_parts(), before.count_parts(), "{content:?} in {index} of {text:?}");
                    let wanted = if media_type.starts_with("text") {
                        content.replace("\r\n", "\n").replace('\n', "\r\n")
                    } else {
                        content.to_owned()
                    };
                    let found = String::from_utf8(after.part_bytes(index).to_vec()).unwrap();
                    assert!(
                        found == wanted || found == format!("{wanted}\r\n"),
                        "{found:?} for {wanted:?} in {index} of {text:?}"
                    );
                    for other in (0..before.count_parts())
                        .filter(|other| *other != index && !before.part(*other).unwrap().media_type.contains('m'))
                    {
                        assert_eq!(after.part_bytes(other), before.part_bytes(other));
                    }
                }
            }
        }
    }

    #[test]
    fn lines_are_short_and_decode_to_what_was_written() {
        let all: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        let words = "word = \u{e9} ".repeat(300);
        for (content, media_type) in [
            (all.as_slice(), "image/png"),
            (all.as_slice(), "text/plain"),
            (words.as_bytes(), "text/plain"),
            ("\u{43f}\u{440}\u{438} ".repeat(400).as_bytes(), "text/plain"),
        ] {
            let made = message("Subject: x\n\nx\n").replace_parts(&[Replacement { index: 0, media_type, content }]);
            assert!(made.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
            let made = Message::new(made);
            let found = made.part_bytes(0);
            assert!(found == content || found.strip_suffix(b"\r\n") == Some(content), "{media_type}");
        }
    }
}
