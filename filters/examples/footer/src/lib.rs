//! Puts a legal footer below what one's own users write: in the text and in the HTML of it, once, and never into what is
//! signed or encrypted.

use postwarden_filter::*;
use serde::Deserialize;

/// Bytes read at once, and of a whole part; a longer one stays as it is.
const PIECE_BYTES: u32 = 64 * 1024;
const TEXT_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    text: String,
}

impl Filter for Footer {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        match settings.text.trim().is_empty() {
            true => Err(vec![Problem::new("/text", "is empty")]),
            false => Ok(settings),
        }
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        if session.get_user().is_none() || sealed(message) {
            return pass();
        }
        let mut done = Vec::new();
        for (index, part) in (0..message.count_parts()).filter_map(|index| Some((index, message.get_part(index)?))) {
            let media_type = part.get_media_type();
            let attached = part.get_disposition().is_some_and(|disposition| disposition == "attachment");
            let html = media_type == "text/html";
            if attached || !(html || media_type == "text/plain") || done.contains(&media_type) {
                continue;
            }
            let Some(text) = whole(&part).filter(|text| !text.contains(&self.text)) else { continue };
            let changed =
                if html { self.below_html(&text) } else { format!("{}\n\n-- \n{}\n", text.trim_end(), self.text) };
            transaction.replace_part(index, &format!("{media_type}; charset=utf-8"), changed.as_bytes())?;
            done.push(media_type);
        }
        pass()
    }
}

impl Footer {
    /// Before the end of the body, if there is one.
    fn below_html(&self, text: &str) -> String {
        let footer = format!("<hr><p>{}</p>", escaped(&self.text));
        let at = text.to_ascii_lowercase().rfind("</body>").unwrap_or(text.len());
        let (before, after) = text.split_at(at);
        format!("{before}{footer}\n{after}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\n', "<br>")
}

/// What a change would break.
fn sealed(message: &Message) -> bool {
    let sealing = ["multipart/signed", "multipart/encrypted", "application/pkcs7-mime"];
    (0..message.count_parts())
        .filter_map(|index| message.get_part(index))
        .any(|part| sealing.contains(&part.get_media_type().as_str()))
}

fn whole(part: &Part) -> Option<String> {
    let (mut text, mut start) = (String::new(), Some(0));
    while let Some(from) = start {
        let chunk = part.read_text(from, PIECE_BYTES)?;
        text.push_str(&chunk.text);
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        start = chunk.next;
    }
    Some(text)
}

export!(Footer: on_message);
