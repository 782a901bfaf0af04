//! Ordinary and malformed messages; hostile ones are bounded by the limits, never by time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn message(text: &str) -> Message {
    Message::new(text.replace('\n', "\r\n").into_bytes())
}

#[test]
fn a_plain_message_has_one_part() {
    let message = message("From: a@example.org\nDate: now\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n folded\n\nHello\n");
    assert_eq!(message.count_parts(), 1);
    assert_eq!(message.part(0).unwrap().media_type, "text/plain");
    assert_eq!(message.part_text(0), Some("Hello\r\n"));
    assert_eq!(message.decoded_fields("subject"), ["Grüße folded"]);
    assert_eq!(message.fields("SUBJECT")[0].value, b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= folded");
    assert_eq!((message.count_fields(), message.list_fields(1, 1)[0].name.as_str()), (3, "Date"));
    assert!(message.defects().is_empty(), "{:?}", message.defects());
}

#[test]
fn parts_are_told_apart_in_depth_first_order() {
    let message = message(
        "From: a@example.org\nDate: now\nContent-Type: multipart/mixed; boundary=\"out er\"\n\npreamble\n--out er\n\
         Content-Type: multipart/alternative; boundary=in\n\n--in\n\nplain\n--in\nContent-Type: TEXT/HTML; charset=iso-8859-1\n\
         Content-Transfer-Encoding: quoted-printable\n\n<p>=E9t=\n=E9</p>\n--in--\n--out er\n\
         Content-Type: application/octet-stream; name=other.bin\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename*=utf-8''%e2%82%ac.txt\n\naGVs\nbG8=\n--out er\nContent-Type: message/rfc822\n\n\
         Subject: inner\n\ninside\n--out er--\nepilogue\n",
    );
    let facts: Vec<_> = (0..message.count_parts())
        .map(|index| (message.part(index).unwrap().parent, message.part(index).unwrap().media_type.clone()))
        .collect();
    let expected = [
        (None, "multipart/mixed"),
        (Some(0), "multipart/alternative"),
        (Some(1), "text/plain"),
        (Some(1), "text/html"),
        (Some(0), "application/octet-stream"),
        (Some(0), "message/rfc822"),
        (Some(5), "text/plain"),
    ];
    assert_eq!(facts, expected.map(|(parent, name)| (parent, name.to_owned())));
    assert_eq!(message.part_text(2), Some("plain"));
    assert_eq!(message.part_text(3), Some("<p>été</p>"));
    assert_eq!(message.part_bytes(4), b"hello");
    assert_eq!(message.part_text(4), None);
    let attachment = message.part(4).unwrap();
    assert_eq!(
        (attachment.disposition.as_deref(), attachment.filename.as_deref()),
        (Some("attachment"), Some("€.txt"))
    );
    assert_eq!(message.part_fields(6, "subject")[0].value, b"inner");
    assert_eq!(message.part_text(6), Some("inside"));
    assert!(message.defects().is_empty(), "{:?}", message.defects());
}

#[test]
fn what_is_wrong_is_named() {
    let defects = |text: &str| message(text).defects();
    assert_eq!(defects("Subject: a\nSubject: b\n\nx\n"), ["duplicate-subject", "missing-date", "missing-from"]);
    let head = "From: a@b.example\nDate: now\n";
    assert_eq!(defects(&format!("{head}Content-Type: multipart/mixed\n\nx\n")), ["missing-boundary"]);
    let open = format!("{head}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n");
    assert_eq!(defects(&open), ["unterminated-multipart"]);
    assert_eq!(message(&open).part_text(1), Some("x\r\n"));
    let broken = format!("{head}Content-Transfer-Encoding: base64\n\naGVs*bG8\n");
    assert_eq!(defects(&broken), ["bad-base64"]);
    assert_eq!(message(&broken).part_bytes(0), b"hello");
    assert_eq!(
        defects(&format!("{head}Content-Transfer-Encoding: quoted-printable\n\n=zz\n")),
        ["bad-quoted-printable"]
    );
    assert_eq!(defects(&format!("{head}Content-Transfer-Encoding: rot13\n\nx\n")), ["unknown-encoding"]);
    assert_eq!(
        defects(&format!("{head}Content-Type: text/html\nContent-Type: text/plain\n\nx\n")),
        ["duplicate-content-type"]
    );
    assert_eq!(defects(&format!("{head}\nx\0y\n")), ["nul"]);
}

#[test]
fn nesting_and_number_of_parts_end_at_their_limits() {
    let mut deep = String::from("From: a@b.example\nDate: now\n");
    for level in 0..10_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    let deep = message(&deep);
    assert_eq!(deep.count_parts(), DEPTH_MAX + 1);
    assert!(deep.defects().contains(&"too-deep"));
    let wide = format!(
        "From: a@b.example\nDate: now\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
        "--b\n\nx\n".repeat(20_000)
    );
    let wide = message(&wide);
    assert_eq!(wide.count_parts(), PARTS_MAX);
    assert!(wide.defects().contains(&"too-many-parts"));
}

#[test]
fn every_prefix_of_a_message_can_be_asked_everything() {
    let text = "From: a\nContent-Type: multipart/mixed; boundary=b; x*0*=''%\n\n--b\nContent-Type: text/plain; charset=\n\
                Content-Transfer-Encoding: base64\n\n=\n--b\nContent-Type: ;;;/\nContent-Disposition: \"\n\n\x7f=?x?y?z?=\n--b--";
    for end in 0..text.len() {
        let message = Message::new(text.as_bytes()[..end].to_vec());
        for index in 0..=message.count_parts() {
            message.part_bytes(index);
            message.part_text(index);
            message.part_fields(index, "Content-Type");
        }
        message.defects();
        message.decoded_fields("From");
    }
}
