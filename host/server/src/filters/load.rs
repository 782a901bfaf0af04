//! From a `[[filter]]` to a version: reads its files, hands them to the sandbox. Swaps nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use postwarden_sandbox::{
    Assets, Call, Evaluation, Filter, Hook, LoadReport, Sandbox, SandboxSettings, Services, Source,
};
use serde_json::Value;

use super::builtin;
use super::slot::{Evaluator, Version};
use crate::config;
use crate::node::now;

/// Bytes of a component's file.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;

/// Makes versions. A trait, so that what is done with them can be tried without components.
#[async_trait]
pub trait Loader: Send + Sync {
    /// `bytes` is the component; `source` is where it came from. The error is for the operator.
    async fn load(&self, filter: &config::Filter, bytes: Vec<u8>, source: &str) -> Result<Arc<Version>, String>;
}

/// Loads into the sandbox, which is made when the first filter needs it.
pub struct SandboxLoader {
    /// Folder of compiled code; none: compile each time.
    pub cache: Option<PathBuf>,
    pub services: Arc<dyn Services>,
    sandbox: OnceLock<Result<Arc<Sandbox>, String>>,
}

impl SandboxLoader {
    pub fn new(cache: Option<PathBuf>, services: Arc<dyn Services>) -> Self {
        Self { cache, services, sandbox: OnceLock::new() }
    }
}

#[async_trait]
impl Loader for SandboxLoader {
    async fn load(&self, filter: &config::Filter, bytes: Vec<u8>, source: &str) -> Result<Arc<Version>, String> {
        let start = || Sandbox::new(SandboxSettings { cache: self.cache.clone(), instances: 0 });
        let sandbox = self.sandbox.get_or_init(start).clone()?;
        let files_of = filter.clone();
        let assets = tokio::task::spawn_blocking(move || Assets::read(&super::includes::granted(&files_of)));
        let assets = assets.await.map_err(|error| error.to_string())??;
        let loaded = sandbox
            .load(Source {
                name: filter.name.clone(),
                component: bytes,
                settings: Value::Object(filter.settings.clone()),
                grants: filter.grants.clone(),
                limits: filter.limits.clone(),
                assets,
                services: Arc::clone(&self.services),
            })
            .await
            .map_err(|error| error.to_string())?;
        if let Some(folder) = &filter.self_test {
            super::self_test::run(&loaded, filter, folder).await?;
        }
        let report = loaded.report();
        tracing::info!(
            filter = filter.name,
            version = loaded.id().get(..12).unwrap_or_default(),
            source,
            compiled = if report.cached { "before" } else { "now" },
            milliseconds = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            "the filter is loaded"
        );
        if let Some(why) = loaded.no_snapshot() {
            tracing::warn!(filter = filter.name, "no snapshot: each call configures the filter anew, because {why}");
        }
        Ok(Arc::new(Version {
            id: loaded.id().to_owned(),
            component: loaded.component_digest().to_owned(),
            source: source.to_owned(),
            loaded: now(),
            no_snapshot: loaded.no_snapshot().map(str::to_owned),
            state: loaded.state_digest().map(str::to_owned),
            evaluator: Arc::new(loaded),
        }))
    }
}

#[async_trait]
impl Evaluator for Filter {
    fn hooks(&self) -> &[Hook] {
        Filter::hooks(self)
    }

    async fn call(&self, call: Call) -> Evaluation {
        Filter::call(self, call).await
    }

    async fn is_stale(&self) -> Result<bool, String> {
        Filter::is_stale(self).await.map_err(|error| format!("its state cannot be read: {error:?}"))
    }

    fn reads_authentication(&self) -> bool {
        Filter::reads_authentication(self)
    }

    fn report(&self) -> Option<&LoadReport> {
        Some(Filter::report(self))
    }
}

/// The bytes of a component by its path or `builtin:NAME`. The error names it.
pub(super) async fn component(source: &str) -> Result<Vec<u8>, String> {
    match source.strip_prefix("builtin:") {
        Some(name) => builtin(name).map(<[u8]>::to_vec).ok_or_else(|| format!("{source} is not in this build")),
        None => read(Path::new(source)).await,
    }
}

/// The component's bytes. The error names the file.
pub(super) async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let size = tokio::fs::metadata(path).await.map_err(said)?.len();
    if size > COMPONENT_BYTES_MAX {
        return Err(format!("{}: {size} bytes are more than {COMPONENT_BYTES_MAX}", path.display()));
    }
    tokio::fs::read(path).await.map_err(said)
}
