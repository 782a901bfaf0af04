//! The resolver of this server: confirmed reverse names now, MX and sender authentication later.

pub struct Dns {}

#[allow(unused_variables, clippy::todo)]
impl Dns {
    pub fn new(config: &crate::config::Config) -> anyhow::Result<Self> {
        todo!()
    }
}
