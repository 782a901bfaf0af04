//! HTML as the text a reader sees: tags, comments, scripts and styles are gone, entities are characters. Lenient as
//! browsers are; renders nothing and knows no style sheet: what is hidden by one is text all the same.

/// Elements that begin a line of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "fieldset",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "table",
    "td",
    "th",
    "title",
    "tr",
    "ul",
];

/// Elements whose content is no text; it ends with their own end tag only.
const SILENT: &[&str] = &["script", "style"];

pub(crate) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some((before, from)) = cut(rest, rest.find('<')) {
        push(&mut text, before);
        let after = from.get(1..).unwrap_or_default();
        rest = match after.as_bytes() {
            [b'!', b'-', b'-', ..] => comment(after.get(3..).unwrap_or_default()),
            [b'!' | b'?', ..] => behind(after, ">"),
            [b'/', letter, ..] if letter.is_ascii_alphabetic() => {
                tag(after.get(1..).unwrap_or_default(), true, &mut text)
            }
            [b'/', ..] => behind(after, ">"),
            [letter, ..] if letter.is_ascii_alphabetic() => tag(after, false, &mut text),
            _ => {
                text.push('<');
                after
            }
        };
    }
    push(&mut text, rest);
    match htmlize::unescape(text.as_str()) {
        std::borrow::Cow::Owned(decoded) => decoded,
        std::borrow::Cow::Borrowed(_) => text,
    }
}

/// White space of the source is one space.
fn push(text: &mut String, piece: &str) {
    let mut words = piece.split_ascii_whitespace();
    let space = |text: &mut String| {
        if !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    };
    if piece.starts_with(|c: char| c.is_ascii_whitespace()) {
        space(text);
    }
    if let Some(first) = words.next() {
        text.push_str(first);
    }
    for word in words {
        text.push(' ');
        text.push_str(word);
    }
    if piece.ends_with(|c: char| c.is_ascii_whitespace()) {
        space(text);
    }
}

/// What stands behind a tag whose name comes next.
fn tag<'a>(source: &'a str, closing: bool, text: &mut String) -> &'a str {
    let end = source.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(source.len());
    let (name, attributes) = source.split_at(end);
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_one_of(BLOCKS) && !text.ends_with('\n') {
        text.push('\n');
    }
    let rest = attributes_end(attributes);
    if closing || !is_one_of(SILENT) {
        return rest;
    }
    // `</style` in any case; without it nothing of the rest is shown.
    let mut places = rest.match_indices("</").map(|(at, _)| at);
    let is_end = |at: &usize| {
        let behind = rest.get(at.saturating_add(2)..).unwrap_or_default();
        behind.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    places.find(is_end).and_then(|at| rest.get(at..)).unwrap_or_default()
}

/// Behind the `>` that ends a tag: one in a quoted value does not.
fn attributes_end(source: &str) -> &str {
    let mut quote = None;
    let mut value = false;
    for (at, byte) in source.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) => {
                if byte == open {
                    quote = None;
                }
            }
            (None, b'>') => return source.get(at.saturating_add(1)..).unwrap_or_default(),
            (None, b'"' | b'\'') if value => (quote, value) = (Some(byte), false),
            (None, b'=') => value = true,
            (None, b' ' | b'\t' | b'\r' | b'\n') => {}
            (None, _) => value = false,
        }
    }
    ""
}

fn comment(source: &str) -> &str {
    match source.as_bytes() {
        [b'>', ..] => source.get(1..),
        [b'-', b'>', ..] => source.get(2..),
        _ => {
            let ended =
                |at: &usize| source.get(..*at).is_some_and(|text| text.ends_with("--") || text.ends_with("--!"));
            let end = source.match_indices('>').map(|(at, _)| at).find(ended);
            end.and_then(|at| source.get(at.saturating_add(1)..))
        }
    }
    .unwrap_or_default()
}

fn behind<'a>(source: &'a str, end: &str) -> &'a str {
    source.split_once(end).map_or("", |(_, rest)| rest)
}

fn cut(text: &str, at: Option<usize>) -> Option<(&str, &str)> {
    text.split_at_checked(at?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_sees() {
        for (html, text) in [
            ("<p>Hello <b>you</b>!</p><p>Bye", "\nHello you!\nBye"),
            ("jack<b></b>pot", "jackpot"),
            ("jack<!-- x > y -->pot<!---->!", "jackpot!"),
            ("a<style>p { color: red } </p></STYLE>b<script>if (1 < 2) x('</b>')</script>c", "abc"),
            ("<a title=\"a > b\" href='x'>c</a>d", "cd"),
            ("&lt;b&gt; caf&eacute; &#106;&#x61;ck&amp;pot &nbsp", "<b> café jack&pot \u{a0}"),
            ("1 < 2 <3 </ 4> <?php x ?>5", "1 < 2 <3 5"),
            ("two\r\n  words<br>x", "two words\nx"),
            ("a<b x=\"never closed>rest", "a"),
            ("a<!-- never closed rest", "a"),
            ("a<style>never closed", "a"),
            ("a<", "a<"),
            ("a</", "a"),
            ("<P>ä</P\n>ö", "\nä\nö"),
        ] {
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn hostile_source_takes_no_longer_than_its_length() {
        for piece in ["<", "<!--", "<!-- -->", "</", "<a ", "<style>", "<style></a>", "&", "<a x=\"", "<!", "-->"] {
            let text = to_text(&piece.repeat(30_000));
            assert!(text.len() <= 240_000, "{piece}");
        }
    }
}
