//! Goes through a message: the message as it came, its parts, and what is in them, within the budget. Decides nothing.

use std::ops::ControlFlow;

use postwarden_filter::{Message, Part};

use crate::database::{Cut, Database};
use crate::inside::{self, Event};
use crate::kind::Kind;
use crate::limits::{Budget, Limit};

/// Bytes asked for in one call of the host.
const PIECE_BYTES: u32 = 1 << 20;
/// Parts from which on the server may have left some out, and so may it at the depth.
const PARTS_WATCHED: u32 = 900;
const DEPTH_WATCHED: u32 = 15;
/// Bytes of a place's name.
const PLACE_BYTES_MAX: usize = 300;
/// Places remembered of each kind.
const PLACES_MAX: usize = 20;

/// A signature that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) name: String,
    /// `part 2 (invoice.zip): a.exe`
    pub(crate) place: String,
    /// None: in the message as a whole.
    pub(crate) part: Option<u32>,
    /// It lies in an enclosing part or the whole message, so that a part inside may be to blame.
    pub(crate) is_enclosing: bool,
}

/// A file, wherever it lies.
struct File<'a> {
    data: &'a [u8],
    kind: Kind,
    place: String,
    depth: u32,
    within: Option<&'a File<'a>>,
    part: Option<u32>,
    /// The server has taken it apart.
    is_enclosing: bool,
}

pub(crate) struct Scan<'d> {
    database: &'d Database,
    /// Whether a signature of this name ends the search.
    is_final: &'d dyn Fn(&str) -> bool,
    pub(crate) findings: Vec<Finding>,
    /// Places that need a password.
    pub(crate) encrypted: Vec<String>,
    /// Places that are damaged, or packed in a way that is not known here.
    pub(crate) unreadable: Vec<String>,
}

impl<'d> Scan<'d> {
    pub(crate) fn new(database: &'d Database, is_final: &'d dyn Fn(&str) -> bool) -> Self {
        Self { database, is_final, findings: Vec::new(), encrypted: Vec::new(), unreadable: Vec::new() }
    }

    pub(crate) fn message(&mut self, message: &Message, budget: &mut Budget) -> ControlFlow<()> {
        let limit = budget.limits.file_bytes;
        let raw = read(message.get_size().min(limit), |start| message.read(start, PIECE_BYTES));
        self.file(&File::of_message(&raw, "message".to_owned(), None, true), budget)?;
        drop(raw);
        let count = message.count_parts();
        let mut parents = Vec::new();
        let mut depths: Vec<u32> = Vec::new();
        for index in 0..count {
            let parent = message.get_part(index).and_then(|part| part.get_parent());
            let above = parent.and_then(|parent| depths.get(usize::try_from(parent).ok()?));
            depths.push(above.map_or(0, |depth| depth.saturating_add(1)));
            parents.push(parent);
        }
        let is_deep = depths.iter().any(|depth| *depth >= DEPTH_WATCHED);
        if count >= PARTS_WATCHED || is_deep {
            let defects = message.get_defects();
            if defects.iter().any(|defect| defect == "too-many-parts" || defect == "too-deep") {
                budget.reach(Limit::Parts, "message");
            }
        }
        for index in 0..count {
            if let Some(part) = message.get_part(index) {
                self.part(index, &part, parents.contains(&Some(index)), budget)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn part(&mut self, index: u32, part: &Part, has_children: bool, budget: &mut Budget) -> ControlFlow<()> {
        let media_type = part.get_media_type();
        if has_children && media_type.starts_with("multipart/") {
            return ControlFlow::Continue(());
        }
        let place = match part.get_filename() {
            Some(name) => format!("part {index} ({})", shown(&name)),
            None => format!("part {index} ({media_type})"),
        };
        let size = part.get_size();
        let limit = budget.limits.file_bytes;
        if size > limit {
            budget.reach(Limit::FileSize, &place);
        }
        let data = read(size.min(limit), |start| part.read(start, PIECE_BYTES));
        if has_children {
            return self.file(&File::of_message(&data, place, Some(index), true), budget);
        }
        let kind = Kind::of(&data, Some(&media_type));
        let file = File { kind, ..File::of_message(&data, place, Some(index), false) };
        self.file(&file, budget)
    }

    /// A file by itself, for tests.
    #[cfg(test)]
    pub(crate) fn attachment(&mut self, data: &[u8], budget: &mut Budget) -> ControlFlow<()> {
        let file = File { kind: Kind::of(data, None), ..File::of_message(data, "file".to_owned(), Some(0), false) };
        self.file(&file, budget)
    }

    fn file(&mut self, file: &File<'_>, budget: &mut Budget) -> ControlFlow<()> {
        if file.data.is_empty() {
            return ControlFlow::Continue(());
        }
        if let Err(limit) = budget.file() {
            budget.reach(limit, &file.place);
            return ControlFlow::Break(());
        }
        let found = self.database.find(file.data, file.kind, &|| budget.has_time());
        if let Some(cut) = found.cut {
            let limit = if cut == Cut::Time { Limit::Time } else { Limit::Steps };
            budget.reach(limit, &file.place);
        }
        if !found.names.is_empty() && !file.is_harmless(self.database) {
            for name in found.names {
                self.findings.push(Finding {
                    name: name.to_owned(),
                    place: file.place.clone(),
                    part: file.part,
                    is_enclosing: file.is_enclosing,
                });
                if (self.is_final)(name) {
                    return ControlFlow::Break(());
                }
            }
        }
        if budget.is_spent() {
            return ControlFlow::Break(());
        }
        let container = inside::container(file.kind, file.data).filter(|_| !file.is_enclosing);
        let Some(container) = container else { return ControlFlow::Continue(()) };
        if file.depth >= budget.limits.depth {
            budget.reach(Limit::Depth, &file.place);
            return ControlFlow::Continue(());
        }
        inside::walk(container, file.data, budget, &mut |budget, event| self.event(file, event, budget))
    }

    fn event(&mut self, outer: &File<'_>, event: Event<'_>, budget: &mut Budget) -> ControlFlow<()> {
        match event {
            Event::Member(member) => {
                let file = File {
                    data: &member.data,
                    kind: Kind::of(&member.data, member.media_type.as_deref()),
                    place: within(&outer.place, &member.name),
                    depth: outer.depth.saturating_add(1),
                    within: Some(outer),
                    part: outer.part,
                    is_enclosing: false,
                };
                self.file(&file, budget)?;
                if budget.is_spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            Event::Encrypted(name) => counted(&mut self.encrypted, within(&outer.place, &name), budget),
            Event::Unreadable(name) => counted(&mut self.unreadable, within(&outer.place, &name), budget),
            Event::Reached(limit, name) => {
                budget.reach(limit, &within(&outer.place, &name));
                ControlFlow::Continue(())
            }
        }
    }
}

impl<'a> File<'a> {
    fn of_message(data: &'a [u8], place: String, part: Option<u32>, is_enclosing: bool) -> Self {
        Self { data, kind: Kind::Mail, place, depth: 0, within: None, part, is_enclosing }
    }

    /// It or what it lies in is on a list of harmless files.
    fn is_harmless(&self, database: &Database) -> bool {
        database.is_harmless(self.data) || self.within.is_some_and(|outer| outer.is_harmless(database))
    }
}

/// A member that is not looked at counts as one.
fn counted(places: &mut Vec<String>, place: String, budget: &mut Budget) -> ControlFlow<()> {
    if let Err(limit) = budget.file() {
        budget.reach(limit, &place);
        return ControlFlow::Break(());
    }
    if places.len() < PLACES_MAX {
        places.push(place);
    }
    ControlFlow::Continue(())
}

fn read(size: u64, mut piece: impl FnMut(u64) -> Vec<u8>) -> Vec<u8> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut data = Vec::with_capacity(size);
    while data.len() < size {
        let next = piece(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if next.is_empty() {
            break;
        }
        data.extend_from_slice(&next);
    }
    data.truncate(size);
    data
}

fn within(place: &str, name: &str) -> String {
    let mut place = format!("{place}: {}", shown(name));
    if place.len() > PLACE_BYTES_MAX {
        let end = place.floor_char_boundary(PLACE_BYTES_MAX);
        place.truncate(end);
    }
    place
}

/// A name for the log, whatever its writer put into it.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(100).map(|c| if c.is_control() { '?' } else { c }).collect()
}
