//! Which row of the reply table a text belongs to: by number, key, or the likeness of its words.

use std::collections::BTreeSet;

use super::clues::Clues;
use super::rows::{Row, rows};
use super::{RowName, RowView};
use crate::config::{Config, Profile};

/// Below this likeness a text is not taken for a row.
const SCORE_MIN: f64 = 0.55;
/// What comes so near to the best is an alternative.
const ALTERNATIVE_SPAN: f64 = 0.25;
const ALTERNATIVES_MAX: usize = 6;

#[derive(Default)]
pub(super) struct Found {
    pub(super) best: Option<&'static Row>,
    pub(super) alternatives: Vec<&'static Row>,
}

pub(super) fn find(text: &str, clues: &Clues, config: Option<&Config>) -> Found {
    if let Some(row) = by_name(text) {
        return Found { best: Some(row), alternatives: Vec::new() };
    }
    let mut scored: Vec<(f64, &'static Row)> = rows()
        .iter()
        .filter(|row| row.is_failure() || same_code(row, clues))
        .map(|row| (score(row, text, clues, config), row))
        .collect();
    // What a message's history says about its last failure counts most.
    for told in &clues.told {
        let inner = Clues::of(told);
        for (best, row) in &mut scored {
            *best = best.max(if row.key == told.trim() { 2.0 } else { score(row, told, &inner, config) });
        }
    }
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let Some((top, best)) = scored.first().copied() else { return Found::default() };
    if top >= SCORE_MIN {
        let near = |(score, row): &&(f64, &'static Row)| {
            row.key != best.key && *score >= SCORE_MIN.max(top - ALTERNATIVE_SPAN)
        };
        let alternatives = scored.iter().filter(near).map(|(_, row)| *row).take(ALTERNATIVES_MAX).collect();
        return Found { best: Some(best), alternatives };
    }
    // Codes alone name no row, only those that share them.
    let shares = |row: &&'static Row| same_codes(row, clues) && (clues.code.is_some() || clues.enhanced.is_some());
    let alternatives: Vec<_> = rows().iter().filter(shares).collect();
    match alternatives.as_slice() {
        [only] if normal(text).is_empty() => Found { best: Some(only), alternatives: Vec::new() },
        _ => Found { best: None, alternatives },
    }
}

/// The number or the key of a row, and nothing else.
fn by_name(text: &str) -> Option<&'static Row> {
    let name = text.to_ascii_lowercase();
    let name = name.strip_prefix("row").unwrap_or(&name).trim();
    let number = name.parse::<u32>().ok();
    rows().iter().find(|row| row.key == name || (number.is_some() && row.number == number))
}

/// For success a text has to show the very code.
fn same_code(row: &Row, clues: &Clues) -> bool {
    clues.code.as_ref().is_some_and(|code| row.replies.iter().any(|reply| reply.code == *code))
}

fn same_codes(row: &Row, clues: &Clues) -> bool {
    row.replies.iter().any(|reply| {
        clues.code.as_ref().is_none_or(|code| reply.code == *code)
            && clues.enhanced.as_ref().is_none_or(|enhanced| reply.enhanced == enhanced)
    })
}

/// 0 to about 1.5: likeness of the words, and whether the codes agree.
fn score(row: &Row, text: &str, clues: &Clues, config: Option<&Config>) -> f64 {
    let overridden = config.and_then(|config| config.replies.get(row.key)).map(String::as_str);
    let words = normal(text);
    row.replies
        .iter()
        .map(|reply| {
            let likeness = |candidate: &str| likeness(&words, &normal(candidate));
            let best = likeness(reply.text).max(overridden.map_or(0.0, likeness));
            let agrees = |given: &Option<String>, own: &str| match given {
                Some(given) if given == own => 0.1,
                Some(_) => -0.1,
                None => 0.0,
            };
            best + agrees(&clues.code, &reply.code) + agrees(&clues.enhanced, reply.enhanced)
        })
        .fold(0.0, f64::max)
}

/// Words only, in lower case; `{}` of a row falls away; numbers are codes, sizes and dates of others.
fn normal(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// 1 and more where the candidate's words stand in the text in a row (longer candidates more),
/// else the part of its words that the text has.
fn likeness(text: &[String], candidate: &[String]) -> f64 {
    if candidate.is_empty() || text.is_empty() {
        return 0.0;
    }
    if let [word] = candidate
        && text != candidate
        && text.contains(word)
    {
        // One word stands in many texts: the codes have to speak for it too.
        return 0.5;
    }
    if text.windows(candidate.len()).any(|window| window == candidate) {
        #[allow(clippy::cast_precision_loss)]
        let length = candidate.len().min(20) as f64;
        return 1.0 + length * 0.02;
    }
    let present: BTreeSet<&String> = text.iter().collect();
    let weight = |word: &String| if word.len() <= 2 { 0.3 } else { 1.0 };
    let all: f64 = candidate.iter().map(weight).sum();
    let found: f64 =
        candidate.iter().filter(|word| present.contains(word) || similar(word, &present)).map(weight).sum();
    // Loose words are a weaker sign than a sentence.
    0.85 * found / all
}

/// Mistyped, or another form of the word.
fn similar(word: &str, present: &BTreeSet<&String>) -> bool {
    word.len() >= 5 && present.iter().any(|other| strsim::jaro_winkler(word, other) > 0.92)
}

pub(super) fn name(row: &Row, config: Option<&Config>) -> RowName {
    RowName { number: row.number, key: row.key.to_owned(), reply: reply(row, config) }
}

pub(super) fn view(row: &Row, config: Option<&Config>) -> RowView {
    RowView {
        number: row.number,
        key: row.key.to_owned(),
        reply: reply(row, config),
        meaning: row.meaning.to_owned(),
        causes: row.causes.iter().map(|cause| (*cause).to_owned()).collect(),
        advice: row.advice.iter().map(|advice| (*advice).to_owned()).collect(),
    }
}

/// As this server sends it: profile and `[replies]` included.
pub(super) fn reply(row: &Row, config: Option<&Config>) -> String {
    let profile = config.map_or(Profile::Merak, |config| config.smtp.replies);
    let Some(reply) = row.reply(profile) else { return String::new() };
    let text = config.and_then(|config| config.replies.get(row.key)).map_or(reply.text, String::as_str);
    // Rows 31 and 32: no error at all, the client gets its 250.
    let code = if row.number.is_some() && reply.code.starts_with('2') {
        format!("({})", reply.code)
    } else {
        reply.code.clone()
    };
    [code.as_str(), reply.enhanced, text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
