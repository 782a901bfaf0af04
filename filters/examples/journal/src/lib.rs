//! Sends a copy of what some accounts write and receive to a journal, once for each message.

use postwarden_filter::*;
use serde::Deserialize;

/// Recipients asked for in one call of the host.
const RECIPIENTS_AT_ONCE: u32 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Journal {
    /// Addresses, and domains as `@example.net`, in lower case.
    of: Vec<String>,
    to: String,
}

impl Filter for Journal {
    type Settings = Self;

    fn configure(settings: Self) -> Result<Self, Problems> {
        match settings.to.contains('@') {
            true => Ok(settings),
            false => Err(vec![Problem::new("/to", "is no address")]),
        }
    }

    fn on_message(&self, _: &Session, transaction: &Transaction, _: &Message) -> Answer {
        let mut concerned = self.names(&transaction.get_sender());
        let mut start = 0;
        loop {
            let some = transaction.list_recipients(start, RECIPIENTS_AT_ONCE);
            if some.iter().any(|recipient| recipient.address.eq_ignore_ascii_case(&self.to)) {
                return pass();
            }
            concerned = concerned || some.iter().any(|recipient| self.names(&recipient.address));
            if some.is_empty() {
                break;
            }
            start = start.saturating_add(u32::try_from(some.len()).unwrap_or(u32::MAX));
        }
        if concerned {
            transaction.add_recipient(&self.to)?;
            transaction.add_header("X-Journaled", "yes")?;
        }
        pass()
    }
}

impl Journal {
    fn names(&self, address: &str) -> bool {
        let address = address.to_lowercase();
        self.of.iter().any(|own| if own.starts_with('@') { address.ends_with(own) } else { address == *own })
    }
}

export!(Journal: on_message);
