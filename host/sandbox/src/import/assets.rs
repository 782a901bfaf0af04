//! The files the operator attached. Read at load: nothing here opens a file.

use wasmtime::Result;

use super::convert::slice;
use crate::context::Context;
use crate::track_0_1::postwarden::filter::assets as wit;

impl wit::Host for Context {
    fn list_names(&mut self) -> Result<Vec<String>> {
        self.enter("assets.list-names")?;
        Ok(self.shared.assets.names())
    }

    fn get_size(&mut self, name: String) -> Result<Option<u64>> {
        self.enter("assets.get-size")?;
        let content = self.shared.assets.get(&name);
        Ok(content.map(|content| u64::try_from(content.len()).unwrap_or(u64::MAX)))
    }

    fn read(&mut self, name: String, start: u64, limit: u32) -> Result<Vec<u8>> {
        self.enter("assets.read")?;
        let most = self.piece(limit);
        Ok(self.shared.assets.get(&name).map_or_else(Vec::new, |content| slice(content, start, most).to_vec()))
    }
}
