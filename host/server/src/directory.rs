//! Which local address is what: accounts, aliases, lists, catch-all; and where mail to it goes in the end.
//! Answers from a bounded cache that lives as long as the store's generation of entries stands.

use std::sync::Arc;

use postwarden_store::Accounts;

pub struct Directory {}

#[allow(unused_variables, clippy::todo)]
impl Directory {
    pub fn new(accounts: Arc<dyn Accounts + Send + Sync>) -> Self {
        todo!()
    }
}
