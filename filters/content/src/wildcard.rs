//! Masks: `*` stands for any text, an empty one too, `?` for one character. Nothing else is special.

use crate::text::{clean, fold};

#[derive(Debug)]
pub(crate) struct Wildcard {
    source: String,
    folded: Vec<char>,
}

impl Wildcard {
    pub(crate) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), folded: fold(&clean(source)).chars().collect() }
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// `text` is folded. Time is at most the product of both lengths: only the last `*` is tried again.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let (mut mask, mut text) = (self.folded.as_slice(), text.chars());
        let mut again = None;
        loop {
            let mut rest = text.clone();
            match (mask.split_first(), rest.next()) {
                (Some(('*', behind)), _) => {
                    mask = behind;
                    again = Some((behind, text.clone()));
                }
                (Some((wanted, behind)), Some(found)) if *wanted == '?' || *wanted == found => {
                    (mask, text) = (behind, rest);
                }
                (None, None) => return true,
                _ => {
                    let Some((behind, from)) = &mut again else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    (mask, text) = (*behind, from.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_fit_whole_texts() {
        for (mask, text, fits) in [
            ("*@Legal.example.com", "a@legal.example.com", true),
            ("*.exe", "setup.exe", true),
            ("*.exe", "setup.exe.txt", false),
            ("*.ex?", "a.exé", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("*", "", true),
            ("?", "", false),
            ("", "", true),
            ("", "x", false),
            ("**a", "bba", true),
        ] {
            assert_eq!(Wildcard::new(mask).fits(text), fits, "{mask} {text}");
        }
    }
}
