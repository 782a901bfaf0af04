//! Refuses attachments by the ending of their name, by their type, and where a name hides its ending.

use postwarden_filter::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachments {
    /// Endings without the dot, in lower case.
    refuse: Vec<String>,
    /// Held for the postmaster.
    hold: Vec<String>,
}

impl Filter for Attachments {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        let dotted = |key: &str, endings: &[String]| {
            let wrong = endings.iter().enumerate().filter(|(_, ending)| ending.contains('.'));
            wrong.map(|(index, _)| Problem::new(format!("/{key}/{index}"), "leave the dot out")).collect::<Vec<_>>()
        };
        let problems = [dotted("refuse", &settings.refuse), dotted("hold", &settings.hold)].concat();
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    fn on_message(&self, _: &Session, _: &Transaction, message: &Message) -> Answer {
        let mut held = None;
        for part in (0..message.count_parts()).filter_map(|index| message.get_part(index)) {
            let Some(written) = part.get_filename() else { continue };
            // What a reader's eye does not see: a right-to-left mark turns gnp.exe into exe.png.
            let name: String = written.to_lowercase().chars().filter(|c| !c.is_control() && !hides(*c)).collect();
            let Some((_, ending)) = name.trim_end_matches([' ', '.']).rsplit_once('.') else { continue };
            if self.refuse.iter().any(|refused| refused == ending) {
                return reject(Reason::Content).detail(format!("attachment {name}")).into();
            }
            if self.hold.iter().any(|kept| kept == ending) {
                held = Some(name);
            }
        }
        match held {
            Some(name) => quarantine(Reason::Content).detail(format!("attachment {name}")).into(),
            None => pass(),
        }
    }
}

/// Marks of direction and of zero width.
fn hides(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

export!(Attachments: on_message);
