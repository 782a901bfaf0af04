//! What a filter may know of the call it is in.

use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::Result;

use crate::context::Context;
use crate::track_0_1::postwarden::filter::call as wit;

impl wit::Host for Context {
    fn get_time_left(&mut self) -> Result<u64> {
        self.enter("call.get-time-left")?;
        Ok(u64::try_from(self.time_left().as_nanos()).unwrap_or(u64::MAX))
    }

    fn get_filter_name(&mut self) -> Result<String> {
        self.enter("call.get-filter-name")?;
        Ok(self.shared.name.clone())
    }

    fn is_shadow(&mut self) -> Result<bool> {
        self.enter("call.is-shadow")?;
        Ok(self.call.as_ref().is_some_and(|call| call.shadow))
    }

    /// During `configure` there is no call whose time it could be.
    fn get_time(&mut self) -> Result<u64> {
        self.enter("call.get-time")?;
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        };
        Ok(self.call.as_ref().map_or_else(now, |call| call.time))
    }
}
