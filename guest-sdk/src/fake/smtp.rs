//! Session and transaction.

use std::net::IpAddr;
use std::rc::Rc;

use super::{Edit, count, world};
use crate::{AuthenticationResult, EditError, EsmtpParameter, IpAddress, Recipient};

/// One client connection.
pub struct Session(());

/// One mail transaction.
pub struct Transaction(());

impl Session {
    pub(crate) fn new() -> Self {
        Self(())
    }

    pub fn get_id(&self) -> String {
        "session".to_owned()
    }

    pub fn get_listener(&self) -> String {
        "mx".to_owned()
    }

    pub fn get_remote_address(&self) -> IpAddress {
        of(world(|world| world.remote))
    }

    pub fn get_remote_port(&self) -> u16 {
        40_000
    }

    pub fn get_local_address(&self) -> IpAddress {
        of(IpAddr::from([192, 0, 2, 25]))
    }

    pub fn get_reverse_name(&self) -> Option<String> {
        world(|world| world.reverse_name.clone())
    }

    pub fn get_helo(&self) -> Option<String> {
        world(|world| world.helo.clone())
    }

    pub fn get_tls_version(&self) -> Option<String> {
        world(|world| world.tls_version.clone())
    }

    pub fn get_user(&self) -> Option<String> {
        world(|world| world.user.clone())
    }

    pub fn get_attribute(&self, name: &str) -> Option<String> {
        world(|world| world.attributes.get(name).cloned())
    }

    pub fn get_note(&self, name: &str) -> Option<Vec<u8>> {
        world(|world| world.notes.get(name).cloned())
    }

    pub fn set_note(&self, name: &str, value: &[u8]) -> Result<(), EditError> {
        world(|world| world.notes.insert(name.to_owned(), value.to_vec()));
        Ok(())
    }
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self(())
    }

    pub fn get_id(&self) -> String {
        "transaction".to_owned()
    }

    pub fn get_sender(&self) -> String {
        world(|world| world.sender.clone())
    }

    pub fn get_sender_parameters(&self) -> Vec<EsmtpParameter> {
        world(|world| world.sender_parameters.clone())
    }

    pub fn count_recipients(&self) -> u32 {
        world(|world| count(world.recipients.len()))
    }

    pub fn list_recipients(&self, start: u32, limit: u32) -> Vec<Recipient> {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        world(|world| world.recipients.iter().skip(number(start)).take(number(limit)).cloned().collect())
    }

    pub fn get_authentication_results(&self) -> Vec<AuthenticationResult> {
        world(|world| world.authentication.clone())
    }

    pub fn get_attribute(&self, name: &str) -> Option<String> {
        let is_local = world(|world| {
            let domain = |address: &str| Some(address.rsplit_once('@')?.1.to_ascii_lowercase());
            let local = |domain: &Option<String>| domain.as_ref().is_some_and(|one| world.local_domains.contains(one));
            let (sender, proposed) = (domain(&world.sender), world.proposed.as_deref().and_then(domain));
            match (name, name.strip_prefix("domain.local:")) {
                ("sender.local", _) => local(&sender),
                ("recipient.local", _) => local(&proposed),
                (_, Some(asked)) => {
                    let recipients = world.recipients.iter().map(|recipient| domain(&recipient.address));
                    let mut of_envelope = recipients.chain([sender, proposed]).flatten();
                    of_envelope.any(|one| one == asked) && world.local_domains.contains(asked)
                }
                _ => false,
            }
        });
        is_local.then(|| "true".to_owned())
    }

    pub fn get_score(&self) -> f64 {
        world(|world| world.scores.iter().map(|(_, points)| points).sum())
    }

    pub fn add_score(&self, symbol: &str, points: f64, detail: Option<&str>) -> Result<(), EditError> {
        let _ = detail;
        if !points.is_finite() {
            return Err(EditError::Invalid("points are finite".to_owned()));
        }
        world(|world| world.scores.push((symbol.to_owned(), points)));
        Ok(())
    }

    pub fn add_header(&self, name: &str, value: &str) -> Result<(), EditError> {
        header(name, value, Edit::AddHeader(name.to_owned(), value.to_owned()))
    }

    pub fn replace_header(&self, name: &str, index: u32, value: &str) -> Result<(), EditError> {
        stands(name, index)?;
        header(name, value, Edit::ReplaceHeader(name.to_owned(), index, value.to_owned()))
    }

    pub fn remove_header(&self, name: &str, index: Option<u32>) -> Result<(), EditError> {
        stands(name, index.unwrap_or(0))?;
        header(name, "", Edit::RemoveHeader(name.to_owned(), index))
    }

    pub fn replace_part(&self, index: u32, media_type: &str, content: &[u8]) -> Result<(), EditError> {
        if !world(|world| world.granted.edit) {
            return Err(EditError::NotPermitted);
        }
        let message = world(|world| Rc::clone(&world.message));
        let part = usize::try_from(index).ok().and_then(|index| message.part(index)).ok_or(EditError::NotFound)?;
        let (kind, _) = media_type.split_once('/').unwrap_or_default();
        if part.media_type.starts_with("multipart/") || kind.is_empty() || ["multipart", "message"].contains(&kind) {
            return Err(EditError::Invalid(format!("{} cannot become {media_type}", part.media_type)));
        }
        world(|world| world.edits.push(Edit::ReplacePart(index, media_type.to_owned(), content.to_vec())));
        Ok(())
    }

    pub fn add_recipient(&self, address: &str) -> Result<(), EditError> {
        envelope(Edit::AddRecipient(address.to_owned()))
    }

    pub fn remove_recipient(&self, address: &str) -> Result<(), EditError> {
        if !world(|world| world.recipients.iter().any(|recipient| recipient.address == address)) {
            return Err(EditError::NotFound);
        }
        envelope(Edit::RemoveRecipient(address.to_owned()))
    }

    pub fn set_sender(&self, address: &str) -> Result<(), EditError> {
        envelope(Edit::SetSender(address.to_owned()))
    }
}

fn header(name: &str, value: &str, edit: Edit) -> Result<(), EditError> {
    if !world(|world| world.granted.edit) {
        return Err(EditError::NotPermitted);
    }
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !is_name || value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(EditError::Invalid(format!("{name}: no header field")));
    }
    world(|world| world.edits.push(edit));
    Ok(())
}

fn stands(name: &str, index: u32) -> Result<(), EditError> {
    let there = world(|world| count(world.message.fields(name).len()) > index);
    if there { Ok(()) } else { Err(EditError::NotFound) }
}

fn envelope(edit: Edit) -> Result<(), EditError> {
    if !world(|world| world.granted.recipients) {
        return Err(EditError::NotPermitted);
    }
    world(|world| world.edits.push(edit));
    Ok(())
}

fn of(address: IpAddr) -> IpAddress {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            IpAddress::Ipv4((a, b, c, d))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            IpAddress::Ipv6((a, b, c, d, e, f, g, h))
        }
    }
}
