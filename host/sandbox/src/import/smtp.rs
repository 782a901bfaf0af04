//! Session and transaction for filters: facts to read, and edits, scores and notes to stage. A refusal changes nothing.

use std::sync::Arc;

use wasmtime::Result;
use wasmtime::component::Resource;

use super::{convert, staging};
use crate::call::{Session, Transaction};
use crate::context::{Context, stop};
use crate::failure::Cause;
use crate::track_0_1::postwarden::filter::smtp as wit;
use crate::track_0_1::postwarden::filter::types;
use crate::verdict::Edit;

/// Recipients of one answer.
const RECIPIENTS_AT_ONCE: usize = 1000;

/// The connection of the call; its facts are in the context.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct SessionHandle;

/// The transaction of the call; its facts are in the context.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct TransactionHandle;

type Staged = std::result::Result<(), wit::EditError>;

impl wit::Host for Context {}

impl wit::HostSession for Context {
    fn get_id(&mut self, this: Resource<SessionHandle>) -> Result<String> {
        Ok(self.session(&this, "smtp.session.get-id")?.id.clone())
    }

    fn get_listener(&mut self, this: Resource<SessionHandle>) -> Result<String> {
        Ok(self.session(&this, "smtp.session.get-listener")?.listener.clone())
    }

    fn get_remote_address(&mut self, this: Resource<SessionHandle>) -> Result<types::IpAddress> {
        Ok(convert::ip(self.session(&this, "smtp.session.get-remote-address")?.remote))
    }

    fn get_remote_port(&mut self, this: Resource<SessionHandle>) -> Result<u16> {
        Ok(self.session(&this, "smtp.session.get-remote-port")?.remote_port)
    }

    fn get_local_address(&mut self, this: Resource<SessionHandle>) -> Result<types::IpAddress> {
        Ok(convert::ip(self.session(&this, "smtp.session.get-local-address")?.local))
    }

    fn get_reverse_name(&mut self, this: Resource<SessionHandle>) -> Result<Option<String>> {
        Ok(self.session(&this, "smtp.session.get-reverse-name")?.reverse_name.clone())
    }

    fn get_helo(&mut self, this: Resource<SessionHandle>) -> Result<Option<String>> {
        Ok(self.session(&this, "smtp.session.get-helo")?.helo.clone())
    }

    fn get_tls_version(&mut self, this: Resource<SessionHandle>) -> Result<Option<String>> {
        Ok(self.session(&this, "smtp.session.get-tls-version")?.tls_version.clone())
    }

    fn get_user(&mut self, this: Resource<SessionHandle>) -> Result<Option<String>> {
        Ok(self.session(&this, "smtp.session.get-user")?.user.clone())
    }

    fn get_attribute(&mut self, this: Resource<SessionHandle>, name: String) -> Result<Option<String>> {
        Ok(self.session(&this, "smtp.session.get-attribute")?.attributes.get(&name).cloned())
    }

    fn get_note(&mut self, this: Resource<SessionHandle>, name: String) -> Result<Option<Vec<u8>>> {
        self.session(&this, "smtp.session.get-note")?;
        let before = self.call.as_ref().map(|call| &call.notes);
        Ok(self.staged.notes.as_ref().or(before).and_then(|notes| notes.get(&name)).cloned())
    }

    fn set_note(&mut self, this: Resource<SessionHandle>, name: String, value: Vec<u8>) -> Result<Staged> {
        self.session(&this, "smtp.session.set-note")?;
        Ok(staging::note(self, name, value))
    }

    fn drop(&mut self, this: Resource<SessionHandle>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostTransaction for Context {
    fn get_id(&mut self, this: Resource<TransactionHandle>) -> Result<String> {
        Ok(self.transaction(&this, "smtp.transaction.get-id")?.id.clone())
    }

    fn get_sender(&mut self, this: Resource<TransactionHandle>) -> Result<String> {
        Ok(self.transaction(&this, "smtp.transaction.get-sender")?.sender.clone())
    }

    fn get_sender_parameters(&mut self, this: Resource<TransactionHandle>) -> Result<Vec<types::EsmtpParameter>> {
        let transaction = self.transaction(&this, "smtp.transaction.get-sender-parameters")?;
        Ok(convert::parameters(&transaction.sender_parameters))
    }

    fn count_recipients(&mut self, this: Resource<TransactionHandle>) -> Result<u32> {
        let transaction = self.transaction(&this, "smtp.transaction.count-recipients")?;
        Ok(u32::try_from(transaction.recipients.len()).unwrap_or(u32::MAX))
    }

    fn list_recipients(
        &mut self,
        this: Resource<TransactionHandle>,
        start: u32,
        limit: u32,
    ) -> Result<Vec<types::Recipient>> {
        let transaction = self.transaction(&this, "smtp.transaction.list-recipients")?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(RECIPIENTS_AT_ONCE);
        Ok(transaction.recipients.iter().skip(start).take(limit).map(convert::recipient).collect())
    }

    fn get_authentication_results(
        &mut self,
        this: Resource<TransactionHandle>,
    ) -> Result<Vec<types::AuthenticationResult>> {
        let transaction = self.transaction(&this, "smtp.transaction.get-authentication-results")?;
        Ok(transaction.authentication.iter().map(convert::authentication).collect())
    }

    fn get_attribute(&mut self, this: Resource<TransactionHandle>, name: String) -> Result<Option<String>> {
        Ok(self.transaction(&this, "smtp.transaction.get-attribute")?.attributes.get(&name).cloned())
    }

    fn get_score(&mut self, this: Resource<TransactionHandle>) -> Result<f64> {
        self.transaction(&this, "smtp.transaction.get-score")?;
        let before = self.call.as_ref().map_or(0.0, |call| call.score);
        Ok(self.staged.scores.iter().fold(before, |sum, score| sum + score.points))
    }

    fn add_score(
        &mut self,
        this: Resource<TransactionHandle>,
        symbol: String,
        points: f64,
        detail: Option<String>,
    ) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.add-score")?;
        Ok(staging::score(self, symbol, points, detail))
    }

    fn add_header(&mut self, this: Resource<TransactionHandle>, name: String, value: String) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.add-header")?;
        Ok(staging::header(self, Edit::AddHeader { name, value }))
    }

    fn replace_header(
        &mut self,
        this: Resource<TransactionHandle>,
        name: String,
        index: u32,
        value: String,
    ) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.replace-header")?;
        Ok(staging::header(self, Edit::ReplaceHeader { name, index, value }))
    }

    fn remove_header(&mut self, this: Resource<TransactionHandle>, name: String, index: Option<u32>) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.remove-header")?;
        Ok(staging::header(self, Edit::RemoveHeader { name, index }))
    }

    fn replace_part(
        &mut self,
        this: Resource<TransactionHandle>,
        index: u32,
        media_type: String,
        content: Vec<u8>,
    ) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.replace-part")?;
        Ok(staging::part(self, index, media_type, content))
    }

    fn add_recipient(&mut self, this: Resource<TransactionHandle>, address: String) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.add-recipient")?;
        Ok(staging::envelope(self, Edit::AddRecipient(address)))
    }

    fn remove_recipient(&mut self, this: Resource<TransactionHandle>, address: String) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.remove-recipient")?;
        Ok(staging::envelope(self, Edit::RemoveRecipient(address)))
    }

    fn set_sender(&mut self, this: Resource<TransactionHandle>, address: String) -> Result<Staged> {
        self.transaction(&this, "smtp.transaction.set-sender")?;
        Ok(staging::envelope(self, Edit::SetSender(address)))
    }

    fn drop(&mut self, this: Resource<TransactionHandle>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Context {
    fn session(&mut self, this: &Resource<SessionHandle>, name: &'static str) -> Result<Arc<Session>> {
        self.enter(name)?;
        self.table.get(this)?;
        let session = self.call.as_ref().and_then(|call| call.session.clone());
        session.ok_or_else(|| stop(Cause::Host, "a handle to a session where there is none"))
    }

    fn transaction(&mut self, this: &Resource<TransactionHandle>, name: &'static str) -> Result<Arc<Transaction>> {
        self.enter(name)?;
        self.table.get(this)?;
        let transaction = self.call.as_ref().and_then(|call| call.transaction.clone());
        transaction.ok_or_else(|| stop(Cause::Host, "a handle to a transaction where there is none"))
    }
}
