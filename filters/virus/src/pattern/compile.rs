//! From the tokens of a signature to its chunks: where it is cut, and which of its bytes are looked for.

use super::{Chunk, Compiled, Element, Fragment, Reading};
use crate::fragments::LENGTHS;
use crate::signatures::hex::{Masked, Token, Unused};

impl Compiled {
    pub(crate) fn new(tokens: Vec<Token>, reading: Reading) -> Result<Self, Unused> {
        let mut chunks = Vec::new();
        let (mut open, mut least_before) = (Vec::new(), 0);
        let mut groups = Vec::new();
        for token in tokens {
            match token {
                Token::Gap { least, most: None } => {
                    groups.push((least_before, std::mem::take(&mut open)));
                    least_before = least;
                }
                token => open.push(token),
            }
        }
        groups.push((least_before, open));
        let last = groups.len().saturating_sub(1);
        for (number, (least_before, tokens)) in groups.into_iter().enumerate() {
            // A wildcard at either end says nothing.
            if tokens.is_empty() && (number == 0 || number == last) {
                continue;
            }
            let edges = (reading.full_word && number == 0, reading.full_word && number == last);
            let tokens = tokens.into_iter().flat_map(|token| read(token, reading)).collect();
            chunks.push(chunk(tokens, least_before, reading.any_case, edges)?);
        }
        if chunks.is_empty() { Err(Unused::Unsupported(SHORT)) } else { Ok(Self { chunks }) }
    }
}

const SHORT: &str = "a pattern without two fixed bytes in a row";

fn read(token: Token, reading: Reading) -> Vec<Token> {
    let byte = |byte: Masked| {
        let letter = byte.is_fixed() && byte.value.is_ascii_alphabetic() && reading.any_case;
        if letter { Masked { value: byte.value & 0xDF, mask: 0xDF } } else { byte }
    };
    let wide = |bytes: Vec<Masked>| -> Vec<Masked> {
        let zero = Masked { value: 0, mask: 0xFF };
        match reading.wide {
            true => bytes.into_iter().flat_map(|found| [byte(found), zero]).collect(),
            false => bytes.into_iter().map(byte).collect(),
        }
    };
    match token {
        Token::Byte(found) => wide(vec![found]).into_iter().map(Token::Byte).collect(),
        Token::OneOf { options, negated } => {
            vec![Token::OneOf { options: options.into_iter().map(wide).collect(), negated }]
        }
        gap => vec![gap],
    }
}

fn chunk(
    tokens: Vec<Token>,
    least_before: u32,
    any_case: bool,
    edges: (bool, bool),
) -> Result<(Chunk, Fragment), Unused> {
    let (start, bytes) = best_fragment(&tokens, any_case).ok_or(Unused::Unsupported(SHORT))?;
    let mut before = elements(tokens.get(..start).unwrap_or_default());
    let mut after = elements(tokens.get(start.saturating_add(bytes.len())..).unwrap_or_default());
    before.reverse();
    before.extend(edges.0.then_some(Element::Edge));
    after.extend(edges.1.then_some(Element::Edge));
    let fragment_bytes = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let chunk = Chunk { least_before, before: before.into(), after: after.into(), fragment_bytes };
    Ok((chunk, Fragment { bytes, folded: any_case }))
}

/// A byte that can be looked for, and how much it tells.
fn telling(token: &Token, any_case: bool) -> Option<(u8, u32)> {
    let Token::Byte(byte) = token else { return None };
    let value = match byte.mask {
        0xFF => byte.value,
        0xDF if any_case => byte.value.to_ascii_lowercase(),
        _ => return None,
    };
    let weight = match value {
        0 => 1,
        b' ' | b'\r' | b'\n' | 0xFF => 2,
        b'a'..=b'z' | b'0'..=b'9' => 4,
        _ => 6,
    };
    Some((value, weight))
}

/// The most telling run of fixed bytes and its place.
fn best_fragment(tokens: &[Token], any_case: bool) -> Option<(usize, Vec<u8>)> {
    let told: Vec<_> = tokens.iter().map(|token| telling(token, any_case)).collect();
    let mut best: Option<(u32, usize, Vec<u8>)> = None;
    for start in 0..told.len() {
        let mut bytes: Vec<u8> = Vec::new();
        let mut score = 0;
        let longest = LENGTHS.iter().copied().max().unwrap_or(0);
        for (value, weight) in told.iter().skip(start).map_while(|found| *found).take(longest) {
            // A byte that was there already tells little.
            score += if bytes.contains(&value) { 1 } else { weight };
            bytes.push(value);
            let better = best.as_ref().is_none_or(|(known, ..)| *known < score);
            if LENGTHS.contains(&bytes.len()) && better {
                best = Some((score, start, bytes.clone()));
            }
        }
    }
    best.map(|(_, start, bytes)| (start, bytes))
}

fn elements(tokens: &[Token]) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut run: Vec<Masked> = Vec::new();
    for token in tokens {
        match token {
            Token::Byte(byte) => run.push(*byte),
            other => {
                flush(&mut run, &mut elements);
                match other {
                    Token::Gap { least, most: Some(most) } => {
                        elements.push(Element::Gap { least: *least, most: *most });
                    }
                    Token::OneOf { options, negated } => elements.push(Element::OneOf {
                        options: options.iter().map(|option| option.clone().into()).collect(),
                        negated: *negated,
                    }),
                    Token::Byte(_) | Token::Gap { .. } => {}
                }
            }
        }
    }
    flush(&mut run, &mut elements);
    elements
}

fn flush(run: &mut Vec<Masked>, elements: &mut Vec<Element>) {
    let run = std::mem::take(run);
    if run.iter().all(|byte| byte.is_fixed()) {
        elements.extend((!run.is_empty()).then(|| Element::Exact(run.iter().map(|byte| byte.value).collect())));
    } else if run.iter().all(|byte| byte.mask == 0) {
        let bytes = u32::try_from(run.len()).unwrap_or(u32::MAX);
        elements.push(Element::Gap { least: bytes, most: bytes });
    } else {
        elements.push(Element::Masked(run.into()));
    }
}
