//! How many bytes lie in a mailbox and in a domain, for quotas (row 33).

pub struct Usage {}

#[allow(clippy::todo, clippy::new_without_default)]
impl Usage {
    pub fn new() -> Self {
        todo!()
    }
}
