//! Replaces infected parts by a note. A message in which no part is to blame cannot be stripped: it is rejected.

use std::collections::BTreeMap;

use postwarden_filter::{Answer, EditError, Failure, Message, Reason, Transaction, pass, reject};

use crate::scan::{Finding, shown};

pub(crate) fn strip(findings: &[&Finding], transaction: &Transaction, message: &Message) -> Answer {
    let mut blamed: BTreeMap<u32, &str> = BTreeMap::new();
    // A part inside is to blame for what is found in the whole; where none is, the attached message goes.
    let (enclosing, inside): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|finding| finding.is_enclosing);
    for finding in inside.iter().chain(&enclosing) {
        let Some(part) = finding.part else { continue };
        if !finding.is_enclosing || !inside.iter().any(|other| other.name == finding.name) {
            blamed.entry(part).or_insert(&finding.name);
        }
    }
    let unexplained = |finding: &&&Finding| !blamed.values().any(|name| *name == finding.name);
    if let Some(finding) = findings.iter().find(unexplained) {
        return refused(finding);
    }
    for (part, name) in &blamed {
        let file = message.get_part(*part).and_then(|part| part.get_filename());
        let file = file.map(|name| format!(" \"{}\"", shown(&name))).unwrap_or_default();
        let note = format!("The mail server removed an attachment{file}.\r\nIt holds the virus {name}.\r\n");
        match transaction.replace_part(*part, "text/plain", note.as_bytes()) {
            Ok(()) => {}
            Err(EditError::NotPermitted) => {
                let message = "action = \"strip\" needs the grant \"edit\"".to_owned();
                return Err(Failure { retryable: false, message });
            }
            // A part that cannot be replaced, or too many of them.
            Err(_) => match findings.iter().find(|finding| finding.part == Some(*part)) {
                Some(finding) => return refused(finding),
                None => return reject(Reason::Virus).into(),
            },
        }
    }
    pass()
}

fn refused(finding: &Finding) -> Answer {
    let detail = format!("virus {} in {}, which cannot be stripped", finding.name, finding.place);
    reject(Reason::Virus).detail(detail).into()
}
