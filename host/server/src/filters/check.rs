//! Loads each component of a configuration as the server would at its start, and tells which do not load. Nothing
//! stands afterwards, and nothing is asked of the network or of the store: a filter that learns finds nothing learned.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postwarden_sandbox::{DnsAnswer, DnsError, Services, StateError};

use super::load::{Loader, SandboxLoader, component};
use super::manager::is_here;
use crate::config::Config;

/// Name of the filter and why it would not load, for all that would not.
pub async fn check(config: &Config) -> Vec<(String, String)> {
    let loader = SandboxLoader::new(None, Arc::new(Nothing));
    let mut problems = Vec::new();
    for filter in config.filters.iter().filter(|filter| is_here(filter)) {
        let canary = filter.canary.as_ref().map(|canary| ("canary: ", &canary.component));
        for (label, source) in [("", &filter.component)].into_iter().chain(canary) {
            let loaded = match component(source).await {
                Ok(bytes) => {
                    loader.load(filter, bytes, source).await.map(drop).map_err(|why| format!("{source}: {why}"))
                }
                Err(error) => Err(error),
            };
            problems.extend(loaded.err().map(|why| (filter.name.clone(), format!("{label}{why}"))));
        }
    }
    problems
}

/// Asked only while a filter is configured, when it may read state and nothing else.
struct Nothing;

const ABSENT: &str = "nothing is stored while a configuration is checked";

#[async_trait]
impl Services for Nothing {
    async fn resolve(&self, _: &str, _: u16) -> Result<DnsAnswer, DnsError> {
        Err(DnsError::ServerFailure)
    }

    async fn get_many(&self, _: &str, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StateError> {
        Ok(vec![None; keys.len()])
    }

    async fn list_keys(&self, _: &str, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, StateError> {
        Ok(Vec::new())
    }

    async fn bucket_bytes(&self, _: &str) -> Result<u64, StateError> {
        Ok(0)
    }

    async fn set(&self, _: &str, _: &str, _: &[u8], _: Option<Duration>) -> Result<(), StateError> {
        Err(StateError::Unavailable(ABSENT.to_owned()))
    }

    async fn delete(&self, _: &str, _: &str) -> Result<(), StateError> {
        Err(StateError::Unavailable(ABSENT.to_owned()))
    }

    async fn increment_many(&self, _: &str, _: &[(String, i64)], _: Option<Duration>) -> Result<Vec<i64>, StateError> {
        Err(StateError::Unavailable(ABSENT.to_owned()))
    }

    async fn compare_and_set(
        &self,
        _: &str,
        _: &str,
        _: Option<&[u8]>,
        _: &[u8],
        _: Option<Duration>,
    ) -> Result<bool, StateError> {
        Err(StateError::Unavailable(ABSENT.to_owned()))
    }
}
