//! A message inside an archive or in a transfer encoding: its parts, by the library. The message of the call itself is
//! taken apart by the server.

use std::borrow::Cow;
use std::ops::ControlFlow;

use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::{Each, Event, Member};
use crate::limits::Budget;

pub(super) fn walk(data: &[u8], budget: &mut Budget, each: &mut Each<'_>) -> ControlFlow<()> {
    let Some(message) = MessageParser::default().parse(data) else {
        return each(budget, Event::Unreadable("message".to_owned()));
    };
    for (number, part) in message.parts.iter().enumerate() {
        let data = match &part.body {
            PartType::Multipart(_) => continue,
            PartType::Message(message) => &message.raw_message,
            _ => part.contents(),
        };
        let named = part.attachment_name().map_or_else(|| format!("part {number}"), str::to_owned);
        let media_type = part.content_type().map(|kind| {
            format!("{}/{}", kind.c_type, kind.c_subtype.as_deref().unwrap_or_default()).to_ascii_lowercase()
        });
        each(budget, Event::Member(Member { name: named, data: Cow::Borrowed(data), media_type }))?;
    }
    ControlFlow::Continue(())
}
