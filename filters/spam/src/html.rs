//! HTML as spam writes it: the text a reader sees, links, and tricks. A scanner, not a parser: one pass, bounded memory,
//! never fails. It trusts nothing to be closed.

mod entity;
mod kind;
mod look;

use crate::hash::{Token, token};
use kind::{Kind, kind};
use look::{Look, Looks};

/// Bytes of one tag.
const TAG_BYTES_MAX: usize = 2_000;
/// Attributes of one tag.
const ATTRIBUTES_MAX: usize = 40;
pub(crate) const LINKS_MAX: usize = 200;
/// Tags and attributes remembered for the classifier.
const MARKS_MAX: usize = 1_000;
/// Bytes of a link's text.
const LINK_TEXT_BYTES_MAX: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Html {
    pub(crate) tags: usize,
    pub(crate) links: Vec<Link>,
    pub(crate) images: usize,
    pub(crate) forms: usize,
    pub(crate) scripts: usize,
    pub(crate) frames: usize,
    /// `onload=` and the like.
    pub(crate) handlers: usize,
    /// Tags that no HTML knows.
    pub(crate) unknown_tags: usize,
    /// Comments or unknown tags between two letters.
    pub(crate) broken_words: usize,
    pub(crate) refresh: bool,
    /// Characters that a reader sees, and those that are there and not seen.
    pub(crate) visible: usize,
    pub(crate) hidden: usize,
    pub(crate) tiny: usize,
    pub(crate) title: String,
    /// For the classifier: tags, attributes, colours, styles.
    pub(crate) marks: Vec<Token>,
}

#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) text: String,
}

/// Adds what is found in `source`; its visible text goes to the end of `text`.
pub(crate) fn read(source: &str, html: &mut Html, text: &mut String) {
    let mut reader = Reader { html, text, looks: Looks::default(), silent: None, link: None, comments_end: true };
    let mut rest = source;
    while !rest.is_empty() {
        let stop = rest.find('<').unwrap_or(rest.len());
        let (run, behind) = rest.split_at(stop);
        reader.run(run);
        rest = reader.markup(behind);
    }
    reader.end_link();
}

struct Reader<'a> {
    html: &'a mut Html,
    text: &'a mut String,
    looks: Looks,
    /// Inside `script`, `style` or `title`: nothing of it is text.
    silent: Option<&'static str>,
    /// Where the open link's text begins.
    link: Option<usize>,
    /// False once a comment was found to have no end: the rest is not searched again.
    comments_end: bool,
}

impl Reader<'_> {
    fn run(&mut self, run: &str) {
        match self.silent {
            Some("title") => {
                let room = LINK_TEXT_BYTES_MAX.saturating_sub(self.html.title.len());
                self.html.title.push_str(run.get(..run.floor_char_boundary(room)).unwrap_or_default());
            }
            Some(_) => {}
            None => {
                let letters = run.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
                match self.looks.look() {
                    Look::Hidden => self.html.hidden = self.html.hidden.saturating_add(letters),
                    look => {
                        self.html.visible = self.html.visible.saturating_add(letters);
                        if look == Look::Tiny {
                            self.html.tiny = self.html.tiny.saturating_add(letters);
                        }
                        entity::decode(run, self.text);
                    }
                }
            }
        }
    }

    /// `rest` begins with `<` or is empty. Returns what is behind the tag.
    fn markup<'b>(&mut self, rest: &'b str) -> &'b str {
        let Some(inner) = rest.strip_prefix('<') else { return "" };
        if let Some(comment) = inner.strip_prefix("!--") {
            return self.comment(comment);
        }
        let window = inner.get(..inner.floor_char_boundary(TAG_BYTES_MAX)).unwrap_or_default();
        let names = window.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '!' | '?'));
        let Some(end) = (if names { window.find('>') } else { None }) else {
            self.run("<");
            return inner;
        };
        let behind = inner.get(end.saturating_add(1)..).unwrap_or_default();
        self.tag(window.get(..end).unwrap_or_default(), behind);
        behind
    }

    fn comment<'b>(&mut self, inner: &'b str) -> &'b str {
        let end = if self.comments_end { inner.find("-->").map(|at| at.saturating_add(3)) } else { None };
        self.comments_end &= end.is_some();
        let end = end.or_else(|| inner.find('>').map(|at| at.saturating_add(1))).unwrap_or(inner.len());
        let behind = inner.get(end..).unwrap_or_default();
        self.breaks_word(behind);
        behind
    }

    fn breaks_word(&mut self, behind: &str) {
        let before = self.text.chars().next_back().is_some_and(char::is_alphanumeric);
        if self.silent.is_none() && before && behind.starts_with(char::is_alphanumeric) {
            self.html.broken_words = self.html.broken_words.saturating_add(1);
        }
    }

    fn tag(&mut self, tag: &str, behind: &str) {
        let (closes, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name_end = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(name_end);
        let name = name.to_ascii_lowercase();
        if let Some(open) = self.silent {
            if closes && name == open {
                self.silent = None;
            }
            return;
        }
        self.html.tags = self.html.tags.saturating_add(1);
        match kind(&name) {
            Kind::Unknown if !name.starts_with(['!', '?']) && !name.contains(':') => {
                self.html.unknown_tags = self.html.unknown_tags.saturating_add(1);
                self.breaks_word(behind);
            }
            Kind::Block => self.text.push(if name == "td" { ' ' } else { '\n' }),
            _ => {}
        }
        if closes {
            self.close(&name);
        } else {
            self.open(&name, attributes);
        }
    }

    fn close(&mut self, name: &str) {
        if name == "a" {
            self.end_link();
        }
        self.looks.close(name);
    }

    fn open(&mut self, name: &str, attributes: &str) {
        self.mark(name, "", "");
        let mut look = self.looks.opening(name);
        let mut target = None;
        for (key, value) in Attributes(attributes).take(ATTRIBUTES_MAX) {
            let key = key.to_ascii_lowercase();
            match key.as_str() {
                "href" => target = Some(value),
                "src" | "background" | "action" | "id" | "class" | "name" | "alt" | "title" | "content" | "value" => {}
                "style" => {
                    for property in value.split(';') {
                        let property = property.trim().to_ascii_lowercase();
                        self.mark("style", &property, "");
                        look.style(&property);
                    }
                }
                _ => {
                    let value = value.to_ascii_lowercase();
                    self.mark(name, &key, &value);
                    look.attribute(&key, &value);
                    if key.starts_with("on") {
                        self.html.handlers = self.html.handlers.saturating_add(1);
                    }
                }
            }
            if key == "http-equiv" && value.eq_ignore_ascii_case("refresh") {
                self.html.refresh = true;
            }
        }
        self.looks.open(look);
        self.count(name);
        if matches!(name, "a" | "area")
            && let Some(target) = target
        {
            self.end_link();
            if self.html.links.len() < LINKS_MAX {
                let mut decoded = String::new();
                entity::decode(target, &mut decoded);
                self.html.links.push(Link { target: decoded, text: String::new() });
                self.link = Some(self.text.len());
            }
        }
    }

    fn count(&mut self, name: &str) {
        let html = &mut *self.html;
        let counter = match name {
            "img" => &mut html.images,
            "form" => &mut html.forms,
            "script" | "object" | "applet" | "embed" => &mut html.scripts,
            "iframe" | "frame" => &mut html.frames,
            _ => &mut 0,
        };
        *counter = counter.saturating_add(1);
        self.silent = match name {
            "script" => Some("script"),
            "style" => Some("style"),
            "title" => Some("title"),
            _ => None,
        };
    }

    fn end_link(&mut self) {
        let Some(start) = self.link.take() else { return };
        let text = self.text.get(start..).unwrap_or_default();
        let text = text.get(..text.floor_char_boundary(LINK_TEXT_BYTES_MAX)).unwrap_or_default();
        if let Some(link) = self.html.links.last_mut() {
            link.text = text.trim().to_owned();
        }
    }

    fn mark(&mut self, name: &str, key: &str, value: &str) {
        if self.html.marks.len() < MARKS_MAX {
            let value = value.get(..value.floor_char_boundary(40)).unwrap_or_default();
            self.html.marks.push(token("tag", name).and(token(key, value)));
        }
    }
}

/// `key=value`, `key="value"`, `key`.
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_start_matches(|c: char| c.is_whitespace() || c == '/' || c == '=');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let Some(value) = behind.trim_start().strip_prefix('=').map(str::trim_start) else {
            self.0 = behind;
            return Some((key, ""));
        };
        let (value, behind) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = value.get(1..).unwrap_or_default();
                inner.split_once(quote).unwrap_or((inner, ""))
            }
            _ => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        self.0 = behind;
        Some((key, value))
    }
}
