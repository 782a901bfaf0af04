//! gzip (RFC 1952): one member, or several in a row that make one file.

use std::borrow::Cow;
use std::ops::ControlFlow;

use flate2::bufread::GzDecoder;

use super::unpack::{Unpacked, unpack_behind};
use super::{Each, Event, Member};
use crate::limits::Budget;

pub(super) fn walk(data: &[u8], budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    let name = "gzip".to_owned();
    let mut unpacked = Unpacked { data: Vec::new(), cut: None, is_broken: false };
    let mut rest = data;
    // Member by member: the budget is asked at each, also where none unpacks to anything.
    while !rest.is_empty() && !unpacked.is_broken && unpacked.cut.is_none() {
        let mut decoder = GzDecoder::new(rest);
        unpacked = unpack_behind(unpacked.data, &mut decoder, data.len(), budget);
        rest = decoder.into_inner();
    }
    if let Some(limit) = unpacked.cut {
        each(budget, Event::Reached(limit, name.clone()))?;
    }
    // Bytes behind the last member are no news: what was unpacked counts.
    if unpacked.is_broken && unpacked.data.is_empty() {
        return each(budget, Event::Unreadable(name));
    }
    each(budget, Event::Member(Member { name, data: Cow::Owned(unpacked.data), media_type: None }))
}
