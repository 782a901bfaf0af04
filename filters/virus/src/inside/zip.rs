//! zip, read as its writer may have meant it and as others may read it: the files that the central directory names, then
//! any that it hides. A library would trust the directory; a virus writer counts on that.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use flate2::bufread::DeflateDecoder;
use memchr::memmem;

use super::unpack::{Unpacked, unpack};
use super::{Each, Event, Member};
use crate::limits::{Budget, Limit};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
/// Bytes of a local header before the name, and of an entry of the directory.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
/// Bytes at the end in which the end of the directory lies: itself and the longest comment.
const END_AREA_BYTES: usize = 22 + 65_535;
/// Bytes of a name that are told.
const NAME_BYTES_MAX: usize = 200;
/// Entries read of a directory; `files` ends the walk earlier.
const ENTRIES_MAX: usize = 100_000;

const FLAG_ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

pub(super) fn walk(data: &[u8], budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    // Where a member begins and ends.
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    let end_of = |taken: &BTreeMap<usize, usize>, offset: usize| {
        taken.range(..=offset).next_back().map(|(_, end)| *end).filter(|end| *end > offset)
    };
    for entry in directory(data) {
        // Entries that share their bytes unpack one file many times over: a known kind of bomb.
        if end_of(&taken, entry.offset).is_none()
            && let Some((start, end)) = member(data, entry.offset, Some(entry.packed), budget, each)?
        {
            taken.insert(start, end);
        }
    }
    let mut at = 0;
    while let Some(found) = data.get(at..).and_then(|rest| memmem::find(rest, LOCAL)) {
        let offset = at.saturating_add(found);
        if let Some(end) = end_of(&taken, offset) {
            at = end;
            continue;
        }
        at = match member(data, offset, None, budget, each)? {
            Some((_, end)) => end.max(offset.saturating_add(LOCAL.len())),
            None => offset.saturating_add(LOCAL.len()),
        };
    }
    ControlFlow::Continue(())
}

/// Whether the file ends as a zip does.
pub(super) fn has_directory(data: &[u8]) -> bool {
    !directory(data).is_empty()
}

/// A file by the directory.
struct Entry {
    /// Of its local header.
    offset: usize,
    packed: usize,
}

/// What the directory names; empty if there is none.
fn directory(data: &[u8]) -> Vec<Entry> {
    let area = data.len().saturating_sub(END_AREA_BYTES);
    let Some(end) = data.get(area..).and_then(|tail| memmem::rfind(tail, END)).map(|found| area.saturating_add(found))
    else {
        return Vec::new();
    };
    // Bytes before the archive, as in one that unpacks itself, shift all offsets.
    let (size, start) = (u32_at(data, end.saturating_add(12)), u32_at(data, end.saturating_add(16)));
    let (Some(size), Some(start)) = (size, start) else { return Vec::new() };
    let is_64 = size == u32::MAX || start == u32::MAX;
    let (at, shift) = match is_64 {
        false => {
            let at = end.saturating_sub(wide(u64::from(size)));
            (at, at.saturating_sub(wide(u64::from(start))))
        }
        true => match data.get(..end).and_then(|head| memmem::rfind(head, END_64)) {
            Some(end_64) => (u64_at(data, end_64.saturating_add(48)).map_or(usize::MAX, wide), 0),
            None => return Vec::new(),
        },
    };
    entries(data, at, shift)
}

fn entries(data: &[u8], mut at: usize, shift: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while entries.len() < ENTRIES_MAX && data.get(at..).is_some_and(|rest| rest.starts_with(CENTRAL)) {
        let short = |offset: usize| u16_at(data, at.saturating_add(offset)).map(usize::from);
        let long = |offset: usize| u32_at(data, at.saturating_add(offset)).map(u64::from);
        let (Some(name), Some(extra), Some(comment)) = (short(28), short(30), short(32)) else { break };
        let (Some(mut packed), Some(unpacked), Some(mut offset)) = (long(20), long(24), long(42)) else { break };
        let fields = at.saturating_add(CENTRAL_BYTES).saturating_add(name);
        if let Some(wide) = data.get(fields..fields.saturating_add(extra)).and_then(zip64) {
            let mut values = wide.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(u64::from_le_bytes));
            // Only those are there that do not fit into 32 bits, in this order.
            let _ = if unpacked == u64::from(u32::MAX) { values.next() } else { None };
            for value in [&mut packed, &mut offset] {
                if *value == u64::from(u32::MAX) {
                    *value = values.next().unwrap_or(*value);
                }
            }
        }
        entries.push(Entry { offset: wide(offset).saturating_add(shift), packed: wide(packed) });
        at = fields.saturating_add(extra).saturating_add(comment);
    }
    entries
}

/// The extra field that holds what 32 bits do not.
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    loop {
        let (id, size) = (u16_at(extra, 0)?, usize::from(u16_at(extra, 2)?));
        let value = extra.get(4..)?;
        if id == 1 {
            return value.get(..size);
        }
        extra = value.get(size..)?;
    }
}

/// The member whose local header lies at `offset`, and the bytes it takes. `packed` is its size by the directory.
fn member(
    data: &[u8],
    offset: usize,
    packed: Option<usize>,
    budget: &mut Budget,
    each: &mut Each<'_>,
) -> ControlFlow<(), Option<(usize, usize)>> {
    let header = data.get(offset..).filter(|rest| rest.starts_with(LOCAL));
    let Some(header) = header else { return ControlFlow::Continue(None) };
    let short = |at: usize| u16_at(header, at).unwrap_or(0);
    let (flags, method) = (short(6), short(8));
    let start = LOCAL_BYTES.saturating_add(usize::from(short(26))).saturating_add(usize::from(short(28)));
    let Some(content) = header.get(start..) else { return ControlFlow::Continue(None) };
    let name = header.get(LOCAL_BYTES..start.min(LOCAL_BYTES.saturating_add(NAME_BYTES_MAX))).unwrap_or_default();
    let name = name.get(..name.len().min(usize::from(short(26)))).unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    if !budget.has_time() {
        each(budget, Event::Reached(Limit::Time, name))?;
        return ControlFlow::Break(());
    }
    let own = u32_at(header, 18).map_or(0, |size| wide(u64::from(size)));
    let size = packed.filter(|size| *size > 0).unwrap_or(own).min(content.len());
    let begin = offset.saturating_add(start);
    let range = |length: usize| ControlFlow::Continue(Some((offset, begin.saturating_add(length))));
    if flags & FLAG_ENCRYPTED != 0 {
        each(budget, Event::Encrypted(name))?;
        return range(size);
    }
    match method {
        STORED => {
            let data = content.get(..size).unwrap_or_default();
            if !data.is_empty() {
                stored(data, name, budget, each)?;
            }
            range(size)
        }
        DEFLATED => {
            // The stream tells its own end; what a header says about its length may be a lie.
            let told = if size == 0 { content.len() } else { size };
            let mut stream = DeflateDecoder::new(content);
            let Unpacked { data, cut, is_broken } = unpack(&mut stream, told, budget);
            let length = usize::try_from(stream.total_in()).unwrap_or(usize::MAX).max(size);
            if let Some(limit) = cut {
                each(budget, Event::Reached(limit, name.clone()))?;
            }
            if is_broken && data.is_empty() {
                each(budget, Event::Unreadable(name))?;
            } else if !data.is_empty() {
                each(budget, Event::Member(Member { name, data: Cow::Owned(data), media_type: None }))?;
            }
            range(length)
        }
        _ => {
            each(budget, Event::Unreadable(name))?;
            range(size)
        }
    }
}

fn stored(data: &[u8], name: String, budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
    match budget.unpack(bytes, bytes, bytes) {
        Err(limit @ (Limit::Unpacked | Limit::Time)) => each(budget, Event::Reached(limit, name)),
        _ => each(budget, Event::Member(Member { name, data: Cow::Borrowed(data), media_type: None })),
    }
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn wide(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
