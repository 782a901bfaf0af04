//! tar: the files in it, by the library.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::unpack::unpack;
use super::{Each, Event, Member};
use crate::limits::{Budget, Limit};

pub(super) fn walk(data: &[u8], budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    let mut archive = tar::Archive::new(data);
    let Ok(entries) = archive.entries() else { return each(budget, Event::Unreadable("tar".to_owned())) };
    for entry in entries {
        let Ok(entry) = entry else { return each(budget, Event::Unreadable("tar".to_owned())) };
        if !budget.has_time() {
            return each(budget, Event::Reached(Limit::Time, "tar".to_owned()));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        if size == 0 {
            continue;
        }
        let unpacked = unpack(entry, size, budget);
        if let Some(limit) = unpacked.cut {
            each(budget, Event::Reached(limit, name.clone()))?;
        }
        each(budget, Event::Member(Member { name, data: Cow::Owned(unpacked.data), media_type: None }))?;
    }
    ControlFlow::Continue(())
}
