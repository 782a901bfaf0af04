//! Regular expressions that cannot blow up: matched in time linear to the text, of bounded size, and only against texts
//! that hold one of the pieces every match begins or ends with.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use crate::needles::{Builder, Needle, Needles};
use crate::text::{Text, clean, fold};

/// Bytes of an expression as it is written.
const SOURCE_BYTES_MAX: usize = 4096;
/// Bytes of a compiled expression, and of its matching states.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Groups in groups.
const NESTING_MAX: u32 = 50;
/// Pieces that are looked for in place of an expression.
const PIECES_MAX: usize = 500;
/// A shorter piece is in every text.
const PIECE_CHARACTERS_MIN: usize = 2;
/// What an expression is tried on when it is loaded: what it learns here each message starts with.
const SAMPLE: &str = "Dear customer, your invoice No. 12345 of 2026-01-31 is $99.00: http://www.example.com/a?b=c ÄÖÜ";

#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// One of them stands in every text that matches. Empty: not known.
    pieces: Vec<Needle>,
}

impl Pattern {
    /// Compares without case, as all rules do. The error says what is wrong with it.
    pub(crate) fn new(source: &str, needles: &mut Builder) -> Result<Self, String> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(format!("has more than {SOURCE_BYTES_MAX} bytes"));
        }
        let hir = ParserBuilder::new().case_insensitive(true).nest_limit(NESTING_MAX).build().parse(source);
        let hir = hir.map_err(|error| format!("is no regular expression: {}", last_line(&error.to_string())))?;
        let regex = RegexBuilder::new(source)
            .case_insensitive(true)
            .nest_limit(NESTING_MAX)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(most) => {
                    format!("takes more than {most} bytes when compiled: write smaller repetitions")
                }
                other => format!("is no regular expression: {}", last_line(&other.to_string())),
            })?;
        regex.is_match(SAMPLE);
        let pieces = pieces(&hir).iter().filter_map(|piece| needles.add(piece)).collect();
        Ok(Self { regex, pieces })
    }

    pub(crate) fn holds(&self, text: &Text, needles: &Needles) -> bool {
        let may = self.pieces.is_empty() || {
            let found = text.found(needles);
            self.pieces.iter().any(|piece| found.has(*piece))
        };
        may && self.regex.is_match(text.clean())
    }

    pub(crate) fn source(&self) -> &str {
        self.regex.as_str()
    }
}

/// Folded texts of which every match holds one; none if there is no such set.
fn pieces(hir: &Hir) -> Vec<String> {
    let of = |kind: ExtractKind| {
        let sequence = Extractor::new().kind(kind).limit_total(PIECES_MAX).extract(hir);
        let mut pieces: Vec<String> = Vec::new();
        for literal in sequence.literals()? {
            // It may be cut inside a character.
            let whole = literal.as_bytes().utf8_chunks().map(|chunk| chunk.valid()).max_by_key(|text| text.len())?;
            pieces.push(fold(&clean(whole)));
        }
        pieces.sort_unstable();
        pieces.dedup();
        let shortest = pieces.iter().map(|piece| piece.chars().count()).min()?;
        (shortest >= PIECE_CHARACTERS_MIN).then_some((shortest, pieces))
    };
    let both = [of(ExtractKind::Prefix), of(ExtractKind::Suffix)];
    both.into_iter().flatten().max_by_key(|(shortest, _)| *shortest).map(|(_, pieces)| pieces).unwrap_or_default()
}

/// Where the library says what is wrong.
fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or(text).trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(source: &str) -> Vec<String> {
        pieces(&ParserBuilder::new().case_insensitive(true).build().parse(source).unwrap())
    }

    #[test]
    fn what_every_match_holds_is_found() {
        assert_eq!(of(r"\bjackpot\b"), ["jackpot"]);
        assert_eq!(of("lottery|casino"), ["casino", "lottery"]);
        assert_eq!(of(r"\w+@bad\.example"), ["d.example"]);
        assert!(of("Привет").contains(&"привет".to_owned()));
        for nothing_is_known in ["[a-z]+", r"\d{16}", ".", "a|jackpot", ""] {
            assert!(of(nothing_is_known).is_empty(), "{nothing_is_known}");
        }
    }

    #[test]
    fn with_and_without_pieces_the_same_texts_match() {
        let mut builder = Builder::default();
        let sources =
            [r"\bjackpot\b", "^ca?sino", r"\w+@bad\.example", "straße", "k+elvin", "(?-i)Win", "σας", r"a\s+b"];
        let patterns = sources.map(|source| Pattern::new(source, &mut builder).unwrap());
        let needles = builder.build().unwrap();
        let texts = [
            "the JACKPOT!",
            "jackpots",
            "Casino",
            "csino",
            "x@BAD.example",
            "STRAßE",
            "\u{212a}elvin",
            "Win",
            "win",
            "ΣΑΣ",
            "a \r\n\tb",
            "jack\u{200b}pot",
            "\u{17f}aſ",
        ];
        let mut matched = 0;
        for pattern in &patterns {
            for text in texts {
                let text = Text::new(text);
                let plain = pattern.regex.is_match(text.clean());
                assert_eq!(pattern.holds(&text, &needles), plain, "{} on {:?}", pattern.source(), text.clean());
                matched += usize::from(plain);
            }
        }
        assert_eq!(matched, 10);
    }

    #[test]
    fn what_would_be_too_much_is_refused() {
        for (source, reason) in [
            ("(", "unclosed group"),
            (r"(?:\w{100}){100}", "compiled"),
            (&["(".repeat(60), ")".repeat(60)].concat(), "nest"),
            (&"a".repeat(5000), "4096"),
        ] {
            let error = Pattern::new(source, &mut Builder::default()).unwrap_err();
            assert!(error.contains(reason), "{source}: {error}");
        }
    }
}
