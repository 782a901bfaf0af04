//! Whether a reader sees the text at this place: colours on their background, sizes, `display: none`. Knows only what
//! stands in the tags that are open.

/// Open tags that are remembered; deeper ones look like the last.
const DEPTH_MAX: usize = 100;
/// Open tags that a closing one looks back over.
const LOOK_BACK: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Tiny,
    Hidden,
}

#[derive(Debug, Default)]
pub(super) struct Looks {
    open: Vec<Opening>,
}

/// How a tag makes its text look.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    name: String,
    colour: [u8; 3],
    background: [u8; 3],
    hidden: bool,
    tiny: bool,
}

impl Looks {
    pub(super) fn look(&self) -> Look {
        match self.open.last() {
            Some(open) if open.hidden || near(open.colour, open.background) => Look::Hidden,
            Some(open) if open.tiny => Look::Tiny,
            _ => Look::Plain,
        }
    }

    /// Inherits from the tag around it.
    pub(super) fn opening(&self, name: &str) -> Opening {
        let base = Opening { name: String::new(), colour: [0; 3], background: [255; 3], hidden: false, tiny: false };
        Opening { name: name.to_owned(), ..self.open.last().cloned().unwrap_or(base) }
    }

    pub(super) fn open(&mut self, opening: Opening) {
        let holds_text = matches!(
            opening.name.as_str(),
            "font"
                | "span"
                | "div"
                | "p"
                | "td"
                | "th"
                | "tr"
                | "table"
                | "body"
                | "center"
                | "small"
                | "a"
                | "h1"
                | "h2"
                | "h3"
                | "b"
        );
        if holds_text && self.open.len() < DEPTH_MAX {
            self.open.push(opening);
        }
    }

    pub(super) fn close(&mut self, name: &str) {
        let found = self.open.iter().rev().take(LOOK_BACK).position(|open| open.name == name);
        if let Some(back) = found {
            let keep = self.open.len().saturating_sub(back).saturating_sub(1);
            self.open.truncate(keep);
        }
    }
}

impl Opening {
    /// A property of `style`, lower case.
    pub(super) fn style(&mut self, property: &str) {
        let Some((key, value)) = property.split_once(':') else { return };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "color" => self.attribute("color", value),
            "background" | "background-color" => self.attribute("bgcolor", value),
            "display" => self.hidden |= value.starts_with("none"),
            "visibility" => self.hidden |= value.starts_with("hidden"),
            "font-size" => self.size(value),
            _ => {}
        }
    }

    /// An attribute, lower case.
    pub(super) fn attribute(&mut self, key: &str, value: &str) {
        match key {
            "color" | "text" => self.colour = colour(value).unwrap_or(self.colour),
            "bgcolor" => {
                self.background = colour(value).unwrap_or(self.background);
            }
            "size" if self.name == "font" => {
                self.tiny = matches!(value, "1" | "-2" | "-3" | "-4" | "-5" | "-6" | "-7" | "0")
            }
            _ => {}
        }
    }

    fn size(&mut self, value: &str) {
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
        let (number, unit) = value.split_at(digits);
        let Ok(number) = number.parse::<f32>() else { return };
        if matches!(unit.trim(), "px" | "pt" | "") {
            self.hidden |= number <= 1.0;
            self.tiny = number <= 5.0;
        }
    }
}

fn near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 10)
}

fn colour(value: &str) -> Option<[u8; 3]> {
    let value = value.trim();
    let hex = value.strip_prefix('#').unwrap_or(value);
    if hex.len() >= 6
        && let Ok(number) = u32::from_str_radix(hex.get(..6)?, 16)
    {
        let [_, red, green, blue] = number.to_be_bytes();
        return Some([red, green, blue]);
    }
    Some(match value {
        "white" => [255; 3],
        "black" => [0; 3],
        "red" => [255, 0, 0],
        "blue" => [0, 0, 255],
        "green" => [0, 128, 0],
        "yellow" => [255, 255, 0],
        "navy" => [0, 0, 128],
        "gray" => [128; 3],
        "silver" => [192; 3],
        _ => return None,
    })
}
