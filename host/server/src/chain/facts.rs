//! What a filter may know of session and transaction, in the words of its contract.

use std::collections::{BTreeMap, BTreeSet};

use postwarden_sandbox::{Edit, Parameter, Recipient, Session, Transaction};
use postwarden_smtp::question::{BodyType, RecipientParameters};
use postwarden_smtp::{ForwardPath, ReversePath, SenderParameters};

use crate::decide::Asked;
use crate::directory::{address, address_of};
use crate::dns::Reverse;
use crate::sender_auth::Known;

pub(super) fn session(asked: &Asked<'_>) -> Session {
    let facts = asked.facts;
    let client = asked.client();
    let reverse_name = match asked.node.dns.load().known(client, asked.now) {
        Some(Reverse::Confirmed(name)) => Some(name),
        _ => None,
    };
    let mut attributes = BTreeMap::new();
    if let Some(tls) = &facts.tls {
        attributes.insert("tls.cipher".to_owned(), tls.cipher.clone());
    }
    if asked.authorised() {
        attributes.insert("session.authorised".to_owned(), "true".to_owned());
    }
    Session {
        id: facts.session_id.clone(),
        listener: facts.listener.clone(),
        remote: client,
        remote_port: facts.client.port(),
        local: facts.local.ip().to_canonical(),
        reverse_name,
        helo: facts.greeting.as_ref().map(|greeting| greeting.name.clone()),
        tls_version: facts.tls.as_ref().map(|tls| tls.version.clone()),
        user: facts.login.as_ref().map(|login| login.account.clone()),
        attributes,
    }
}

/// At MAIL: it has no id yet.
pub(super) fn proposed(path: &ReversePath, parameters: &SenderParameters, known: &Known) -> Transaction {
    Transaction {
        sender: sender(path),
        sender_parameters: sender_parameters(parameters),
        authentication: known.results(),
        ..Transaction::default()
    }
}

pub(super) fn transaction(running: &postwarden_smtp::session::Transaction, known: &Known) -> Transaction {
    Transaction {
        id: running.id.clone(),
        authentication: known.results(),
        recipients: running.recipients.iter().map(|one| recipient(&one.path, &one.parameters)).collect(),
        ..proposed(&running.sender, &running.parameters, known)
    }
}

pub(super) fn recipient(path: &ForwardPath, parameters: &RecipientParameters) -> Recipient {
    let mut said = Vec::new();
    if let Some(notify) = parameters.notify {
        let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
        let chosen: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        said.push(parameter("NOTIFY", if chosen.is_empty() { "NEVER".to_owned() } else { chosen.join(",") }));
    }
    if let Some((kind, address)) = &parameters.original {
        said.push(parameter("ORCPT", format!("{kind};{address}")));
    }
    let address = match path {
        ForwardPath::Postmaster => "postmaster".to_owned(),
        ForwardPath::Mailbox(mailbox) => address_of(mailbox),
    };
    Recipient { address, parameters: said }
}

/// Later filters see what earlier ones changed.
pub(crate) fn apply(transaction: &mut Transaction, edit: &Edit) {
    match edit {
        Edit::SetSender(address) => transaction.sender.clone_from(address),
        Edit::AddRecipient(address) => {
            if !transaction.recipients.iter().any(|known| known.address.eq_ignore_ascii_case(address)) {
                transaction.recipients.push(Recipient { address: address.clone(), parameters: Vec::new() });
            }
        }
        Edit::RemoveRecipient(address) => {
            transaction.recipients.retain(|known| !known.address.eq_ignore_ascii_case(address));
        }
        Edit::AddHeader { .. } | Edit::ReplaceHeader { .. } | Edit::RemoveHeader { .. } | Edit::ReplacePart { .. } => {}
    }
}

/// Which domains of the envelope are local, as attributes of the transaction.
pub(super) fn tell_local(transaction: &mut Transaction, proposed: Option<&Recipient>, asked: &Asked<'_>) {
    let local = |address: &str| {
        let domain = address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        // `postmaster` without a domain is this server's own.
        match domain {
            Some(domain) => address::local_domain(&asked.config, &domain).is_some().then_some(domain),
            None => (!address.is_empty()).then(String::new),
        }
    };
    let mut tell = |name: String| drop(transaction.attributes.insert(name, "true".to_owned()));
    let recipients = transaction.recipients.iter().chain(proposed);
    let mut domains: BTreeSet<String> = recipients.filter_map(|recipient| local(&recipient.address)).collect();
    if let Some(domain) = local(&transaction.sender) {
        tell("sender.local".to_owned());
        domains.insert(domain);
    }
    if proposed.is_some_and(|recipient| local(&recipient.address).is_some()) {
        tell("recipient.local".to_owned());
    }
    domains.iter().filter(|domain| !domain.is_empty()).for_each(|domain| tell(format!("domain.local:{domain}")));
}

pub(super) fn sender(path: &ReversePath) -> String {
    match path {
        ReversePath::Null => String::new(),
        ReversePath::Mailbox(mailbox) => address_of(mailbox),
    }
}

fn sender_parameters(parameters: &SenderParameters) -> Vec<Parameter> {
    let mut said = Vec::new();
    if let Some(size) = parameters.size {
        said.push(parameter("SIZE", size.to_string()));
    }
    match parameters.body {
        BodyType::SevenBit => {}
        BodyType::EightBitMime => said.push(parameter("BODY", "8BITMIME".to_owned())),
        BodyType::BinaryMime => said.push(parameter("BODY", "BINARYMIME".to_owned())),
    }
    for (keyword, on) in [("SMTPUTF8", parameters.smtputf8), ("REQUIRETLS", parameters.require_tls)] {
        if on {
            said.push(Parameter { keyword: keyword.to_owned(), value: None });
        }
    }
    if let Some(envid) = &parameters.envid {
        said.push(parameter("ENVID", envid.clone()));
    }
    if let Some(auth) = &parameters.auth {
        said.push(parameter("AUTH", auth.clone()));
    }
    if let Some(priority) = parameters.priority {
        said.push(parameter("MT-PRIORITY", priority.to_string()));
    }
    said
}

fn parameter(keyword: &str, value: String) -> Parameter {
    Parameter { keyword: keyword.to_owned(), value: Some(value) }
}
