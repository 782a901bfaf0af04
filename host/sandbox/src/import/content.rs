//! The message content for filters: pieces of what the server has parsed, each within the budget of one answer.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use crate::call::{Content, Field};
use crate::context::{Context, stop};
use crate::failure::Cause;
use crate::track_0_1::postwarden::filter::content as wit;

/// The message of the call; its content is in the context.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct MessageHandle;

/// A part of it, by its index.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct PartHandle(usize);

impl wit::Host for Context {}

impl wit::HostMessage for Context {
    fn get_size(&mut self, this: Resource<MessageHandle>) -> Result<u64> {
        Ok(self.message(&this, "content.message.get-size")?.size())
    }

    fn read(&mut self, this: Resource<MessageHandle>, start: u64, limit: u32) -> Result<Vec<u8>> {
        let message = self.message(&this, "content.message.read")?;
        Ok(message.read(start, self.piece(limit)))
    }

    fn count_fields(&mut self, this: Resource<MessageHandle>) -> Result<u32> {
        Ok(count(self.message(&this, "content.message.count-fields")?.count_fields()))
    }

    fn list_fields(&mut self, this: Resource<MessageHandle>, start: u32, limit: u32) -> Result<Vec<wit::Field>> {
        let message = self.message(&this, "content.message.list-fields")?;
        Ok(self.fields_of(message.list_fields(index(start), index(limit))))
    }

    fn get_fields(&mut self, this: Resource<MessageHandle>, name: String) -> Result<Vec<wit::Field>> {
        let message = self.message(&this, "content.message.get-fields")?;
        Ok(self.fields_of(message.fields(&name)))
    }

    fn get_decoded_fields(&mut self, this: Resource<MessageHandle>, name: String) -> Result<Vec<String>> {
        let message = self.message(&this, "content.message.get-decoded-fields")?;
        Ok(self.within(message.decoded_fields(&name), String::len))
    }

    fn count_parts(&mut self, this: Resource<MessageHandle>) -> Result<u32> {
        Ok(count(self.message(&this, "content.message.count-parts")?.count_parts()))
    }

    fn get_part(&mut self, this: Resource<MessageHandle>, at: u32) -> Result<Option<Resource<PartHandle>>> {
        let message = self.message(&this, "content.message.get-part")?;
        match index(at) < message.count_parts() {
            true => self.hand(PartHandle(index(at))).map(Some),
            false => Ok(None),
        }
    }

    fn get_defects(&mut self, this: Resource<MessageHandle>) -> Result<Vec<String>> {
        let message = self.message(&this, "content.message.get-defects")?;
        Ok(self.within(message.defects(), String::len))
    }

    fn drop(&mut self, this: Resource<MessageHandle>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostPart for Context {
    fn get_index(&mut self, this: Resource<PartHandle>) -> Result<u32> {
        Ok(count(self.part(&this, "content.part.get-index")?.1))
    }

    fn get_parent(&mut self, this: Resource<PartHandle>) -> Result<Option<u32>> {
        let (message, at) = self.part(&this, "content.part.get-parent")?;
        Ok(message.part(at).and_then(|facts| facts.parent).map(count))
    }

    fn get_media_type(&mut self, this: Resource<PartHandle>) -> Result<String> {
        let (message, at) = self.part(&this, "content.part.get-media-type")?;
        Ok(message.part(at).map(|facts| facts.media_type).unwrap_or_default())
    }

    fn get_parameter(&mut self, this: Resource<PartHandle>, name: String) -> Result<Option<String>> {
        let (message, at) = self.part(&this, "content.part.get-parameter")?;
        Ok(message.part_parameter(at, &name))
    }

    fn get_disposition(&mut self, this: Resource<PartHandle>) -> Result<Option<String>> {
        let (message, at) = self.part(&this, "content.part.get-disposition")?;
        Ok(message.part(at).and_then(|facts| facts.disposition))
    }

    fn get_filename(&mut self, this: Resource<PartHandle>) -> Result<Option<String>> {
        let (message, at) = self.part(&this, "content.part.get-filename")?;
        Ok(message.part(at).and_then(|facts| facts.filename))
    }

    fn get_fields(&mut self, this: Resource<PartHandle>, name: String) -> Result<Vec<wit::Field>> {
        let (message, at) = self.part(&this, "content.part.get-fields")?;
        Ok(self.fields_of(message.part_fields(at, &name)))
    }

    fn get_size(&mut self, this: Resource<PartHandle>) -> Result<u64> {
        let (message, at) = self.part(&this, "content.part.get-size")?;
        Ok(message.part_size(at))
    }

    fn read(&mut self, this: Resource<PartHandle>, start: u64, limit: u32) -> Result<Vec<u8>> {
        let (message, at) = self.part(&this, "content.part.read")?;
        Ok(message.part_read(at, start, self.piece(limit)))
    }

    fn read_text(&mut self, this: Resource<PartHandle>, start: u64, limit: u32) -> Result<Option<wit::TextChunk>> {
        let (message, at) = self.part(&this, "content.part.read-text")?;
        let piece = message.part_text(at, start, self.piece(limit));
        Ok(piece.map(|(text, next)| wit::TextChunk { text, next }))
    }

    fn drop(&mut self, this: Resource<PartHandle>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Context {
    pub(super) fn message(&mut self, this: &Resource<MessageHandle>, name: &'static str) -> Result<Arc<dyn Content>> {
        self.enter(name)?;
        self.table.get(this)?;
        self.content()
    }

    pub(super) fn part(
        &mut self,
        this: &Resource<PartHandle>,
        name: &'static str,
    ) -> Result<(Arc<dyn Content>, usize)> {
        self.enter(name)?;
        let at = self.table.get(this)?.0;
        Ok((self.content()?, at))
    }

    fn content(&self) -> Result<Arc<dyn Content>> {
        let message = self.call.as_ref().and_then(|call| call.message.clone());
        message.ok_or_else(|| stop(Cause::Host, "a handle to a message where there is none"))
    }

    fn fields_of(&self, fields: Vec<Field>) -> Vec<wit::Field> {
        let size = |field: &Field| field.name.len().saturating_add(field.value.len());
        let fields = self.within(fields, size);
        fields.into_iter().map(|field| wit::Field { name: field.name, value: field.value }).collect()
    }

    /// As many as fit into one answer.
    fn within<T>(&self, mut items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<T> {
        let most = self.piece(u32::MAX);
        let mut sum = 0_usize;
        let fits = items.iter().take_while(|item| {
            sum = sum.saturating_add(size(item));
            sum <= most
        });
        let count = fits.count();
        items.truncate(count);
        items
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
