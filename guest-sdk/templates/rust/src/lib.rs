//! Refuses messages whose subject or text holds one of the words in the settings.

use postwarden_filter::*;
use serde::Deserialize;

/// Bytes of one part's text that are looked at.
const TEXT_BYTES_MAX: u32 = 256 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    words: Vec<String>,
}

pub struct MyFilter {
    words: Vec<String>,
}

impl Filter for MyFilter {
    type Settings = Settings;

    /// Runs once, when the filter is loaded.
    fn configure(settings: Settings) -> Result<Self, Problems> {
        if settings.words.is_empty() {
            return Err(vec![Problem::new("/words", "name at least one word")]);
        }
        Ok(Self { words: settings.words.iter().map(|word| word.to_lowercase()).collect() })
    }

    fn on_message(&self, _: &Session, _: &Transaction, message: &Message) -> Answer {
        let mut texts = message.get_decoded_fields("Subject");
        let parts = (0..message.count_parts()).filter_map(|index| message.get_part(index));
        texts.extend(parts.filter_map(|part| Some(part.read_text(0, TEXT_BYTES_MAX)?.text)));
        match texts.iter().find_map(|text| self.word_in(text)) {
            Some(word) => reject(Reason::Content).detail(format!("contains {word}")).into(),
            None => pass(),
        }
    }
}

impl MyFilter {
    fn word_in(&self, text: &str) -> Option<&String> {
        let text = text.to_lowercase();
        self.words.iter().find(|word| text.contains(word.as_str()))
    }
}

export!(MyFilter: on_message);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_in_the_subject_are_refused() {
        let host = testing::FakeHost::new().message("Subject: Your Invoice\n\nPay!\n");
        let filter = host.configure::<MyFilter>(json!({ "words": ["invoice"] })).unwrap();
        assert!(matches!(host.on_message(&filter), Ok(Verdict::Reject(_))));
    }

    #[test]
    fn no_words_are_a_mistake_of_the_operator() {
        let problems = testing::FakeHost::new().configure::<MyFilter>(json!({ "words": [] })).err().unwrap();
        assert_eq!(problems[0].path, "/words");
    }
}
