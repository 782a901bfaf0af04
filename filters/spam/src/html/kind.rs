//! Tags that HTML knows, and whether their text stands apart from the text before them. Both lists are sorted.

#[rustfmt::skip]
const BLOCKS: &[&str] = &[
    "address", "article", "blockquote", "body", "br", "button", "caption", "center", "dd", "div", "dl", "dt",
    "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html",
    "iframe", "img", "input", "li", "main", "nav", "ol", "option", "p", "pre", "section", "select", "table", "tbody",
    "td", "textarea", "tfoot", "th", "thead", "title", "tr", "ul",
];
#[rustfmt::skip]
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "applet", "area", "aside", "audio", "b", "base", "basefont", "bdo", "bgsound", "big",
    "blink", "cite", "code", "col", "colgroup", "del", "dfn", "dir", "em", "embed", "figcaption", "font", "frame",
    "frameset", "i", "ilayer", "image", "ins", "isindex", "kbd", "label", "layer", "legend", "link", "listing", "map",
    "mark", "marquee", "menu", "meta", "multicol", "nobr", "noframes", "nolayer", "noscript", "object", "optgroup",
    "param", "path", "picture", "plaintext", "q", "rt", "ruby", "s", "samp", "script", "small", "smarttagtype",
    "source", "spacer", "span", "strike", "strong", "style", "sub", "sup", "svg", "time", "tt", "u", "var", "video",
    "wbr", "x-body", "x-html", "xml", "xmp",
];

#[derive(PartialEq, Eq)]
pub(super) enum Kind {
    /// Its text stands apart.
    Block,
    Inline,
    Unknown,
}

/// `name` is lower case.
pub(super) fn kind(name: &str) -> Kind {
    if BLOCKS.binary_search(&name).is_ok() {
        Kind::Block
    } else if INLINE.binary_search(&name).is_ok() {
        Kind::Inline
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_searched() {
        assert!(BLOCKS.is_sorted() && INLINE.is_sorted());
    }
}
