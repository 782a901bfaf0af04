//! Rules about MIME and HTML: what is shown, what is hidden, what is built to run.

use crate::html::Html;
use crate::mail::{Mail, Part};
use crate::rules::Found;
use crate::symbols::Symbol::*;
use crate::url::{Url, registered};

/// Extensions that Windows runs.
const PROGRAMS: &[&str] =
    &["exe", "scr", "pif", "bat", "cmd", "com", "vbs", "vbe", "js", "jse", "wsf", "hta", "lnk", "cpl", "jar"];
/// Charsets by the start of their names.
const CHARSETS: &[&str] = &[
    "us-ascii",
    "ascii",
    "utf",
    "iso-",
    "iso8859",
    "windows-",
    "cp",
    "koi8",
    "big5",
    "gb",
    "euc-",
    "shift_jis",
    "ks_c",
    "tis-620",
    "macintosh",
    "x-mac",
    "x-sjis",
    "latin",
    "ansi_x3",
    "unicode",
    "x-unknown",
    "unknown-8bit",
    "hz-gb",
    "x-user-defined",
];
/// Letters that a reader must see for pictures to be more than the message.
const WORDS_BESIDE_PICTURES: usize = 150;

pub(super) fn find(mail: &Mail, found: &mut Found) {
    mime(mail, found);
    if mail.has_html() {
        html(mail, found);
    }
}

fn mime(mail: &Mail, found: &mut Found) {
    let text = |kind: &str| mail.parts.iter().any(|part| part.media_type == kind && part.text_bytes > 0);
    found.add_if(text("text/html") && !text("text/plain"), HTML_ONLY);
    found.add_if(mail.has_html() && text("text/plain") && !text("text/html"), HTML_AS_PLAIN);
    found.add_if(mail.has("content-type") && !mail.has("mime-version"), MIME_NO_VERSION);
    found.add_if(mail.parts.iter().any(|part| is_hidden_ascii(part) && mail.text.is_ascii()), MIME_BASE64_TEXT);
    for part in &mail.parts {
        let extension = part.filename.as_deref().and_then(|name| name.trim_end().rsplit_once('.')).map(|(_, end)| end);
        if let Some(extension) = extension.map(str::to_ascii_lowercase)
            && PROGRAMS.contains(&extension.as_str())
        {
            found.with(MIME_PROGRAM, Some(format!(".{extension}")));
        }
        if let Some(charset) = &part.charset
            && !CHARSETS.iter().any(|known| charset.starts_with(known))
        {
            found.with(CHARSET_UNKNOWN, Some(charset.chars().take(40).collect()));
        }
    }
}

fn is_hidden_ascii(part: &Part) -> bool {
    let plain = matches!(part.charset.as_deref(), None | Some("us-ascii" | "iso-8859-1" | "windows-1252"));
    part.text_bytes > 0 && part.encoding.trim() == "base64" && plain
}

fn html(mail: &Mail, found: &mut Found) {
    let Html { visible, hidden, tiny, .. } = mail.html;
    let html = &mail.html;
    let pictures = html.images > 0 && visible < WORDS_BESIDE_PICTURES;
    found.add_if(pictures && mail.text.len() < 2 * WORDS_BESIDE_PICTURES + 200, HTML_IMAGES_ONLY);
    found.add_if(hidden >= 12, HTML_HIDDEN_TEXT);
    found.add_if(tiny >= 200 || (tiny >= 40 && tiny * 3 > visible), HTML_TINY_TEXT);
    found.add_if(html.broken_words >= 2, HTML_BROKEN_WORDS);
    found.add_if(html.unknown_tags >= 4, HTML_UNKNOWN_TAGS);
    found.add_if(html.forms > 0, HTML_FORM);
    found.add_if(html.scripts > 0 || html.handlers > 3, HTML_ACTIVE);
    found.add_if(html.frames > 0, HTML_FRAME);
    found.add_if(html.refresh, HTML_REFRESH);
    let elsewhere = html.links.iter().find_map(|link| {
        let shown = Url::parse(&link.text).filter(|shown| shown.is_web() && shown.host.contains('.'))?;
        let target = Url::parse(&link.target).filter(Url::is_web)?;
        (registered(&shown.host) != registered(&target.host)).then_some((shown.host, target.host))
    });
    if let Some((shown, target)) = elsewhere {
        found.with(HTML_LINK_ELSEWHERE, Some(format!("{shown} leads to {target}")));
    }
}
