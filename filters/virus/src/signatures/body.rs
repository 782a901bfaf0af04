//! Lines of `.ndb` and `.ldb` files: what is looked for, in which files and where in them.

use super::hex::{self, Unused, malformed};
use super::levels;
use crate::database::{Builder, Offset, Part, Rule};
use crate::logic::{Logic, PARTS_MAX};
use crate::pattern::{Compiled, Reading};

/// Targets that exist; 13 and more are of later versions.
const TARGET_MAX: u8 = 12;

/// `name:target:offset:body[:least level[:greatest level]]`
pub(super) fn line(line: &str, builder: &mut Builder) -> Result<(), Unused> {
    let mut fields = line.split(':');
    let (Some(name), Some(target), Some(place), Some(body)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(malformed("is not name:target:offset:body"));
    };
    levels(fields.next(), fields.next())?;
    let rule = Rule { name: named(name)?, target: target_of(target)?, sizes: (0, u64::MAX), logic: None };
    let parts = vec![Part {
        number: 0,
        offset: offset(place)?,
        pattern: Compiled::new(hex::parse(body)?, Reading::default())?,
    }];
    builder.rule(rule, parts)
}

/// `name;target block;expression;part;part…`
pub(super) fn logical(line: &str, builder: &mut Builder) -> Result<(), Unused> {
    let mut fields = line.split(';');
    let (Some(name), Some(block), Some(expression)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(malformed("is not name;target;expression;part…"));
    };
    let mut rule = Rule { name: named(name)?, target: 0, sizes: (0, u64::MAX), logic: None };
    block.split(',').try_for_each(|entry| described(entry, &mut rule))?;
    let written: Vec<&str> = fields.collect();
    if written.is_empty() || written.len() > PARTS_MAX {
        return Err(malformed(format!("has {} subsignatures: 1 to {PARTS_MAX} may be", written.len())));
    }
    rule.logic = Some(Logic::parse(expression, written.len())?);
    let mut parts = Vec::new();
    for (number, text) in written.into_iter().enumerate() {
        part(text, u8::try_from(number).unwrap_or(u8::MAX), &mut parts)?;
    }
    builder.rule(rule, parts)
}

fn named(name: &str) -> Result<String, Unused> {
    if name.is_empty() { Err(malformed("has no name")) } else { Ok(name.to_owned()) }
}

fn target_of(text: &str) -> Result<u8, Unused> {
    let target: u8 = text.parse().map_err(|_| malformed(format!("\"{text}\" is no target")))?;
    if target <= TARGET_MAX { Ok(target) } else { Err(Unused::Unsupported("a target of a later version")) }
}

/// One entry of the target description block.
fn described(entry: &str, rule: &mut Rule) -> Result<(), Unused> {
    let Some((key, value)) = entry.split_once(':') else {
        return Err(malformed(format!("\"{entry}\" is no target description")));
    };
    match key {
        "Engine" => {
            let (least, greatest) = value.split_once('-').unwrap_or((value, ""));
            levels(Some(least), Some(greatest))
        }
        "Target" => {
            rule.target = target_of(value)?;
            Ok(())
        }
        "FileSize" => {
            let sizes = value.split_once('-').and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
            rule.sizes = sizes.ok_or_else(|| malformed(format!("\"{value}\" is no range of sizes")))?;
            Ok(())
        }
        "Container" | "Intermediates" => Err(Unused::Unsupported("a condition on the container of the file")),
        "EntryPoint" | "NumberOfSections" | "IconGroup1" | "IconGroup2" | "HandlerType" => {
            Err(Unused::Unsupported("a condition on the structure of a program"))
        }
        _ => Err(Unused::Unsupported("an unknown target description")),
    }
}

/// `[offset:]body[::options]`
fn part(text: &str, number: u8, parts: &mut Vec<Part>) -> Result<(), Unused> {
    if text.contains('/') {
        return Err(Unused::Unsupported("a regular expression"));
    }
    if text.contains('#') {
        return Err(Unused::Unsupported("a comparison of bytes or of an image"));
    }
    if text.contains('$') {
        return Err(Unused::Unsupported("a macro"));
    }
    let (body, options) = text.rsplit_once("::").unwrap_or((text, ""));
    let (place, body) = body.rsplit_once(':').unwrap_or(("*", body));
    if let Some(unknown) = options.chars().find(|option| !"iwfa".contains(*option)) {
        return Err(malformed(format!("\"{unknown}\" is no option of a subsignature")));
    }
    let has = |option: char| options.contains(option);
    let tokens = hex::parse(body)?;
    let both = has('w') && has('a');
    for wide in [true, false] {
        if both || wide == has('w') {
            let reading = Reading { any_case: has('i'), wide, full_word: has('f') };
            let pattern = Compiled::new(tokens.clone(), reading)?;
            parts.push(Part { number, offset: offset(place)?, pattern });
        }
    }
    Ok(())
}

fn offset(text: &str) -> Result<Offset, Unused> {
    if text == "*" {
        return Ok(Offset::Any);
    }
    if ["EP", "SL", "SE", "S", "VI", "MACRO"].iter().any(|start| text.starts_with(start)) {
        return Err(Unused::Unsupported("an offset within the structure of a program"));
    }
    let (start, shift) = text.split_once(',').unwrap_or((text, "0"));
    let number = |text: &str| text.parse::<u64>().map_err(|_| malformed(format!("\"{text}\" is no offset")));
    let shift = number(shift)?;
    match start.strip_prefix("EOF-") {
        Some(start) => Ok(Offset::FromEnd { start: number(start)?, shift }),
        None => Ok(Offset::FromStart { start: number(start)?, shift }),
    }
}
