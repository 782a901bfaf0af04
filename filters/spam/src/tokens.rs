//! A message as features for the classifier: hashes of words and word pairs, of header fields, addresses and tags, each
//! with the place where it stood. Leaves out what tells when, where and by whom the message was received: a classifier
//! that learns this knows the past of one mailbox, not spam.

mod header;
mod relations;
mod words;

pub(crate) use header::split_address;

use crate::hash::{Token, token};
use crate::mail::Mail;
use crate::rules::Found;
use crate::url::{self, Url};

/// Features of one message.
pub(crate) const FEATURES_MAX: usize = 2_000;
/// Bits of a feature, as learned messages keep it.
pub(crate) const FEATURE_BITS: u32 = 24;
/// Kinds of features, one block each. Each counts alike, so that a long text does not drown the header.
pub(crate) const BLOCKS: usize = 6;
const SYMBOLS: usize = 0;
const HEADER: usize = 1;
const RELATIONS: usize = 2;
const TRACE: usize = 3;
/// Parts, links, tags.
const STRUCTURE: usize = 4;
const TEXT: usize = 5;
/// Features of each kind that are kept, in the order of the blocks.
const BLOCK_MAX: [usize; BLOCKS] = [80, 400, 60, 120, 440, 900];

/// Words of the body.
const WORDS_MAX: usize = 800;
/// Words before a word that it makes a pair with.
const WINDOW: usize = 2;
/// Web addresses that become features.
const URLS_MAX: usize = 60;
/// Slots of the set that finds repeated features: a power of two, more than [`FEATURES_MAX`].
const SLOTS: usize = 4_096;

/// Each feature once.
pub(crate) struct Features {
    blocks: [Vec<u32>; BLOCKS],
    /// The block that is being filled.
    block: usize,
    /// Open addressing, 0 is free.
    slots: Vec<u32>,
}

impl Features {
    /// `found` are the rules about the content: what they see counts too.
    pub(crate) fn new(mail: &Mail, found: &Found) -> Self {
        let blocks = [(); BLOCKS].map(|()| Vec::new());
        let mut features = Self { blocks, block: SYMBOLS, slots: vec![0; SLOTS] };
        for (symbol, _) in found.iter() {
            features.say("symbol", symbol.name());
        }
        features.block = HEADER;
        header::add(mail, &mut features);
        features.block = RELATIONS;
        relations::add(mail, &mut features);
        features.block = TRACE;
        header::trace(mail, &mut features);
        features.block = STRUCTURE;
        structure(mail, &mut features);
        for found in mail.urls.iter().take(URLS_MAX) {
            web(found, &mut features);
        }
        for mark in &mail.html.marks {
            features.add(*mark);
        }
        words::add("title", &mail.html.title, 50, 1, &mut features);
        features.block = TEXT;
        words::add("", &mail.text, WORDS_MAX, WINDOW, &mut features);
        features
    }

    pub(crate) fn blocks(&self) -> &[Vec<u32>; BLOCKS] {
        &self.blocks
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(Vec::len).sum()
    }

    /// In each block.
    pub(crate) fn counts(&self) -> [u16; BLOCKS] {
        self.blocks.each_ref().map(|block| u16::try_from(block.len()).unwrap_or(u16::MAX))
    }

    fn add(&mut self, token: Token) {
        let feature = token.bits(FEATURE_BITS).max(1);
        let mut slot = usize::try_from(feature).unwrap_or(0) % SLOTS;
        while let Some(place) = self.slots.get_mut(slot) {
            if *place == feature {
                return;
            }
            if *place == 0 {
                if let (Some(block), Some(most)) = (self.blocks.get_mut(self.block), BLOCK_MAX.get(self.block))
                    && block.len() < *most
                {
                    *place = feature;
                    block.push(feature);
                }
                return;
            }
            slot = slot.saturating_add(1) % SLOTS;
        }
    }

    fn say(&mut self, place: &str, word: &str) {
        self.add(token(place, word));
    }
}

fn structure(mail: &Mail, features: &mut Features) {
    for part in &mail.parts {
        features.say("part", &part.media_type);
        features.say("encoding", &part.encoding);
        features.say("charset", part.charset.as_deref().unwrap_or("none"));
        if let Some(disposition) = &part.disposition {
            features.say("disposition", disposition);
        }
        if let Some((_, extension)) = part.filename.as_deref().and_then(|name| name.rsplit_once('.')) {
            features.say("extension", &extension.to_ascii_lowercase());
        }
    }
    let kinds: Vec<&str> = mail.parts.iter().take(6).map(|part| part.media_type.as_str()).collect();
    features.say("parts", &kinds.join(" "));
    features.say("links", scale(mail.html.links.len()));
    features.say("images", scale(mail.html.images));
    features.say("words", scale(mail.text.len() / 40));
    features.say("tags", scale(mail.html.tags));
    features.say("broken", scale(mail.html.broken_words));
    features.say("unknown-tags", scale(mail.html.unknown_tags));
    features.say("hidden", scale(mail.html.hidden));
    features.say("size", &mail.size.checked_ilog2().unwrap_or(0).to_string());
}

fn web(url: &Url, features: &mut Features) {
    if !url.is_web() {
        let domain = url.host.rsplit_once('@').map_or("", |(_, domain)| domain);
        features.say("mailto", domain);
        return;
    }
    features.say("url", "any");
    features.say("host", &url.host);
    let registered = url::registered(&url.host);
    features.say("site", registered);
    if let Some((_, tld)) = url.host.rsplit_once('.') {
        features.say("tld", tld);
    }
    if let Some(address) = url.address() {
        let [a, b, c, _] = address.octets();
        features.say("host", "ip");
        features.say("host", &format!("{a}.{b}.{c}"));
    }
    if url.userinfo.is_some() {
        features.say("host", "userinfo");
    }
    if url.escaped_host {
        features.say("host", "escaped");
    }
    if let Some(port) = url.port {
        features.say("port", &port.to_string());
    }
    for piece in url.path.split(|c: char| !c.is_ascii_alphabetic()).take(20) {
        if (2..=20).contains(&piece.len()) {
            features.say("path", &piece.to_ascii_lowercase());
        }
    }
    features.say("path-length", scale(url.path.len()));
    features.say("path-shape", &shape(&url.path, 24));
}

/// A number on a coarse scale.
pub(crate) fn scale(number: usize) -> &'static str {
    match number {
        0 => "0",
        1 => "1",
        2..=3 => "3",
        4..=8 => "8",
        9..=20 => "20",
        21..=50 => "50",
        51..=200 => "200",
        _ => "more",
    }
}

/// Runs of digits as `0`, of capitals as `A`, of small letters as `a`; the rest stands as it is.
pub(crate) fn shape(text: &str, most: usize) -> String {
    let mut shape = String::new();
    let mut last = '\0';
    for c in text.chars() {
        let class = match c {
            '0'..='9' => '0',
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            c if c.is_ascii() => c,
            _ => '?',
        };
        let runs = matches!(class, '0' | 'A' | 'a' | '?');
        if !(runs && class == last) {
            shape.push(class);
        }
        last = class;
        if shape.len() >= most {
            break;
        }
    }
    shape
}
