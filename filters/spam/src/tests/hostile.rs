//! Input made to cost time or memory, of sizes at which a quadratic walk would not end while anybody waits. What a mail
//! may cost is bounded by what is looked at, not by what is sent. The clock is not looked at.

use postwarden_filter::testing::FakeHost;

use super::{LETTER, spam};

fn survives(what: &str, message: &str) {
    let host = FakeHost::new().remote([203, 0, 113, 9].into()).message(message);
    let filter = spam(&host);
    host.on_message(&filter).unwrap();
    assert!(host.scores().iter().all(|(_, points)| points.is_finite()), "{what}");
}

fn html(body: &str) -> String {
    LETTER.replace("\n\nHello", &format!("\nContent-Type: text/html\n\n{body}"))
}

#[test]
fn odd_messages_have_a_verdict() {
    survives("nothing", "");
    survives("only a header", "Subject: x");
    survives("only a body", "\n\nHello");
    survives("many fields", &format!("{}{LETTER}", "X-A: b\n".repeat(100_000)));
    survives("a long field", &LETTER.replace("Minutes", &"m ".repeat(500_000)));
    survives(
        "many trace fields",
        &format!("{}{LETTER}", "Received: from a.b (c.d [1.2.3.4]) by e; now\n".repeat(10_000)),
    );
    survives("no spaces", &LETTER.replace("Hello", &"x".repeat(1 << 20)));
    survives("many addresses", &LETTER.replace("Hello", &"http://a.example/b?c=http://d.example/ ".repeat(10_000)));
    survives("colons", &LETTER.replace("Hello", &":".repeat(1 << 20)));
    survives("www", &LETTER.replace("Hello", &"www.".repeat(1 << 18)));
    survives("every byte", &LETTER.replace("Hello", &(0..=255_u8).map(char::from).collect::<String>().repeat(300)));
}

#[test]
fn odd_html_has_a_verdict() {
    for piece in [
        "<",
        "<a ",
        "<!--",
        "<!-- -->",
        "<font color=white>",
        "<a href=http://a.example/>",
        "</p>",
        "&",
        "&#x",
        "<div style=\"",
        "<style>",
        "<x y=z ",
        "<title>",
    ] {
        survives(piece, &html(&piece.repeat((1 << 19) / piece.len())));
    }
    survives("deep", &html(&format!("{}x{}", "<div>".repeat(50_000), "</div>".repeat(50_000))));
}

#[test]
fn every_cut_of_a_mail_has_a_verdict() {
    let mail = html(
        "<p style='font-size:1px'>a&#65;<!-- b --><a href=\"http://u@h:8/%41\">www.c.example</a> mailto:x@y.example",
    );
    for end in (0..mail.len()).filter(|end| mail.is_char_boundary(*end)) {
        survives("a cut", &mail[..end]);
    }
}
