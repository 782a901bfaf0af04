//! From bytes to a filter that can be called: looked at, compiled, configured, its memory taken, its hooks tried. Any
//! error leaves nothing behind; the version that runs is not touched.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::assets::Assets;
use crate::compiled::{self, Compiled, hex};
use crate::context::{Context, Shared};
use crate::engine::{CORE_INSTANCES_MAX, MEMORY_MAX, Sandbox, TABLE_ELEMENTS_MAX};
use crate::failure::Cause;
use crate::grants::Grants;
use crate::hooks::Hooks;
use crate::inspect;
use crate::instance::{Filter, Loaded, cause_of, new_store};
use crate::limits::Limits;
use crate::patterns::Lists;
use crate::services::Services;
use crate::snapshot::{self, Snapshot, configure};

/// Bytes of a component's file.
pub(crate) const COMPONENT_BYTES_MAX: usize = 256 << 20;
/// Time the compiler may take for one component.
pub(crate) const COMPILE_MAX: Duration = Duration::from_secs(300);

/// What makes a version of a filter.
pub struct Source {
    /// The filter's name in the configuration.
    pub name: String,
    /// The component's bytes.
    pub component: Vec<u8>,
    /// A JSON object.
    pub settings: serde_json::Value,
    pub grants: Grants,
    pub limits: Limits,
    pub assets: Assets,
    pub services: Arc<dyn Services>,
}

/// How a load went.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// The compiled code was at hand.
    pub cached: bool,
    /// Why each instance is configured anew; none: instances are copies of a snapshot.
    pub no_snapshot: Option<String>,
    pub took: Duration,
}

/// Why a component is not loaded, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not a component at all.
    #[error("it {0}")]
    Form(String),
    #[error("it is no valid component: {0}")]
    Invalid(String),
    #[error("{}", .0.join("; "))]
    Exports(Vec<String>),
    #[error("{}", .0.join("; "))]
    Imports(Vec<String>),
    /// Interface and the grant it needs.
    #[error("it imports {} and is not granted that: add to its [[filter]]: grants = [{}]", Names(.0), Lines(.0))]
    Grants(Vec<(String, String)>),
    /// Its types are not those of the contract.
    #[error("its types are not those of the contract this server speaks: {0}")]
    Shape(String),
    /// JSON pointer and message of each problem.
    #[error("it refuses its settings: {}", Problems(.0))]
    Settings(Vec<(String, String)>),
    #[error("it fails while it is configured ({}): {}", .0.0, .0.1)]
    Start((Cause, String)),
    /// A budget is larger than the server allows.
    #[error("{0}")]
    Budget(String),
    #[error("{0}")]
    Host(String),
}

impl Sandbox {
    /// Loads one version of a filter. What computes long runs beside the runtime's workers.
    pub async fn load(self: &Arc<Self>, source: Source) -> Result<Filter, LoadError> {
        let started = Instant::now();
        inspect::form(&source.component)?;
        budgets(&source)?;
        let settings = source.settings.to_string();
        let component = hex(&Sha256::digest(&source.component));
        let id = id_of(&source, &settings);
        let bytes: Arc<[u8]> = source.component.into();
        let shared = Arc::new(Shared {
            name: source.name,
            grants: source.grants,
            limits: source.limits,
            assets: source.assets,
            services: source.services,
        });
        let no_settings = matches!(&source.settings, serde_json::Value::Object(table) if table.is_empty());
        let (compiled, cached) = self.compiled(&id, &bytes, &shared, &settings).await?;
        let exported = inspect::interfaces(&self.engine, &compiled.component, &shared.grants)?;
        let pre = self.linker.instantiate_pre(&compiled.component).map_err(shape)?;
        let hooks = Hooks::find(&pre);
        if let Some(hook) = exported.iter().find(|hook| !hooks.list().contains(hook)) {
            return Err(LoadError::Shape(format!("{hook} lacks its function")));
        }
        if hooks.setup.is_none() && !no_settings {
            return Err(LoadError::Settings(vec![(String::new(), "it takes none: it exports no `setup`".to_owned())]));
        }
        let lists = compiled.lists;
        let sets = match lists.is_empty() {
            true => None,
            false => Some(Arc::new(
                self.room
                    .slow
                    .compute(COMPILE_MAX, move || lists.build())
                    .await
                    .map_err(LoadError::Host)?
                    .map_err(LoadError::Host)?,
            )),
        };
        let configure_each = compiled.no_snapshot.is_some().then_some(settings);
        let reads_authentication = inspect::reads_authentication(&self.engine, &compiled.component);
        let filter = Loaded {
            exported,
            reads_authentication,
            room: self.room.clone(),
            report: LoadReport { cached, no_snapshot: compiled.no_snapshot, took: started.elapsed() },
            state: compiled.state,
            sets,
            shared,
            pre,
            hooks,
            configure_each,
            id,
            component,
        };
        self.try_out(&filter).await?;
        Ok(Filter(Arc::new(filter)))
    }

    /// From the cache, or made.
    async fn compiled(
        self: &Arc<Self>,
        id: &str,
        bytes: &Arc<[u8]>,
        shared: &Arc<Shared>,
        settings: &str,
    ) -> Result<(Compiled, bool), LoadError> {
        let _permit =
            self.compiling.acquire().await.map_err(|_| LoadError::Host("the sandbox is closed".to_owned()))?;
        let (sandbox, key) = (self.clone(), id.to_owned());
        let at_hand = self.room.slow.compute(COMPILE_MAX, move || {
            let folder = sandbox.cache.as_deref()?;
            compiled::read(&sandbox.engine, folder, &key)
        });
        if let Some(compiled) = at_hand.await.ok().flatten()
            && is_fresh(&compiled, shared).await
        {
            snapshot::tell(&shared.name, &compiled.told);
            return Ok((compiled, true));
        }
        let compiled = self.make(bytes, shared, settings).await?;
        let (sandbox, key) = (self.clone(), id.to_owned());
        let kept = self.room.slow.compute(COMPILE_MAX, move || {
            if let Some(folder) = sandbox.cache.as_ref().filter(|_| compiled.may_be_kept()) {
                compiled::write(&sandbox.engine, folder, &key, &compiled);
            }
            compiled
        });
        Ok((kept.await.map_err(LoadError::Host)?, false))
    }

    async fn make(
        self: &Arc<Self>,
        bytes: &Arc<[u8]>,
        shared: &Arc<Shared>,
        settings: &str,
    ) -> Result<Compiled, LoadError> {
        let (sandbox, wasm, for_shared, for_settings) =
            (self.clone(), bytes.clone(), shared.clone(), settings.to_owned());
        let runtime = tokio::runtime::Handle::current();
        let taken = self
            .room
            .slow
            .compute(COMPILE_MAX, move || runtime.block_on(snapshot::take(&sandbox, &for_shared, &wasm, &for_settings)))
            .await;
        let (image, no_snapshot) = match taken {
            Ok(Ok(Snapshot::Taken(image))) => (Some(image), None),
            Ok(Ok(Snapshot::Needless)) => (None, None),
            Ok(Ok(Snapshot::Impossible(why))) => (None, Some(why)),
            Ok(Err(error)) => return Err(error),
            Err(why) => (None, Some(format!("the snapshot failed: {why}"))),
        };
        let (wasm, state, lists, told) = match image {
            Some(image) => (Arc::from(image.component), image.state, image.lists, image.told),
            None => (bytes.clone(), None, Lists::default(), Vec::new()),
        };
        let sandbox = self.clone();
        let component = self
            .room
            .slow
            .compute(COMPILE_MAX, move || Component::new(&sandbox.engine, &wasm))
            .await
            .map_err(LoadError::Host)?;
        let component = component.map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
        Ok(Compiled { component, no_snapshot, state, lists, told })
    }

    /// One instance, all hooks looked at; settings tried where each instance is configured.
    async fn try_out(&self, filter: &Loaded) -> Result<(), LoadError> {
        let context = Context::for_configure(filter.shared.clone(), self.room.growth.clone());
        let mut store = new_store(self, context);
        let instance = match filter.pre.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Err(LoadError::Start(cause_of(&error, &store))),
        };
        filter.hooks.try_all(&mut store, &instance).map_err(LoadError::Shape)?;
        match (&filter.configure_each, &filter.hooks.setup) {
            (Some(settings), Some(setup)) => {
                let configured = configure(&mut store, &instance, setup, settings).await;
                snapshot::tell(&filter.shared.name, &std::mem::take(&mut store.data_mut().staged.log));
                configured
            }
            _ => Ok(()),
        }
    }
}

/// Whether a snapshot that was kept holds what the state says today. A state that does not answer is asked again by the
/// next `configure`.
async fn is_fresh(compiled: &Compiled, shared: &Shared) -> bool {
    match &compiled.state {
        Some(state) => state.is_stale(shared.services.as_ref()).await.is_ok_and(|stale| !stale),
        None => true,
    }
}

fn budgets(source: &Source) -> Result<(), LoadError> {
    let limits = &source.limits;
    let too_much = |key: &str, wanted: u64, most: u64| {
        (wanted > most).then(|| LoadError::Budget(format!("{key} = {wanted} is more than the server allows: {most}")))
    };
    let bytes = u64::try_from(source.component.len()).unwrap_or(u64::MAX);
    let objection = too_much("memory", limits.memory, MEMORY_MAX)
        .or_else(|| too_much("table-elements", limits.table_elements, TABLE_ELEMENTS_MAX))
        .or_else(|| too_much("instances", u64::from(limits.instances), u64::from(CORE_INSTANCES_MAX)))
        .or_else(|| too_much("the size of its file", bytes, u64::try_from(COMPONENT_BYTES_MAX).unwrap_or(u64::MAX)));
    objection.map_or(Ok(()), Err)
}

/// Everything that may change what a filter does, but for the state: what was learned makes no other version.
fn id_of(source: &Source, settings: &str) -> String {
    // Names and contents of files are below; where they lie makes no other filter.
    let mut grants = source.grants.clone();
    grants.files.values_mut().for_each(String::clear);
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(bytes);
    };
    add(&source.component);
    add(settings.as_bytes());
    add(format!("{grants:?}").as_bytes());
    add(format!("{:?}", source.limits).as_bytes());
    for (name, content) in source.assets.all() {
        add(name.as_bytes());
        add(content);
    }
    hex(&digest.finalize())
}

fn shape(error: wasmtime::Error) -> LoadError {
    LoadError::Shape(format!("{error:#}"))
}

struct Names<'a>(&'a [(String, String)]);
struct Lines<'a>(&'a [(String, String)]);
struct Problems<'a>(&'a [(String, String)]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter().map(|(name, _)| format!("`{name}`")))
    }
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter().map(|(_, line)| line.clone()))
    }
}

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(
            f,
            self.0.iter().map(|(path, message)| match path.is_empty() {
                true => message.clone(),
                false => format!("{path}: {message}"),
            }),
        )
    }
}

fn list(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = String>) -> fmt::Result {
    for (index, item) in items.enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{item}")?;
    }
    Ok(())
}
