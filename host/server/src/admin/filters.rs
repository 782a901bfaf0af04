//! Operations on the filters of a running server: what stands where, and changing it.

use std::sync::Arc;

use postwarden_store::Timestamp;
use serde::{Deserialize, Serialize};

use super::operation::{Kind, Operation, Parts, Refused};
use super::status::no_server;
use crate::filters::manager;
use crate::filters::record::Event;
use crate::filters::stats::Totals;
use crate::filters::{Slot, Version};
use crate::node::Node;

/// A version as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VersionView {
    pub id: String,
    /// SHA-256 of the component.
    pub component: String,
    pub source: String,
    pub loaded: Timestamp,
    pub hooks: Vec<String>,
    pub no_snapshot: Option<String>,
    /// Digest of what it has learned; none: it reads no state while it is configured.
    #[serde(default)]
    pub state: Option<String>,
    /// `cached`: the compiled code was at hand; `now`: it was compiled for this load.
    pub compiled: Option<String>,
    pub load_milliseconds: Option<u64>,
}

/// A place in the chain.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilterView {
    pub name: String,
    pub component: String,
    pub shadow: bool,
    pub always: bool,
    /// Newest first; the first one stands.
    pub versions: Vec<VersionView>,
    pub canary: Option<VersionView>,
    pub canary_share: f64,
    /// As written in the configuration, with the defaults.
    pub budgets: Vec<(String, String)>,
    pub grants: Vec<String>,
    /// It keeps failing: its calls are answered by `on-failure` for now.
    pub breaker_open: bool,
    /// Why the last load failed, if none has worked since.
    pub last_error: Option<String>,
    /// Since the server started.
    pub totals: Totals,
}

impl From<&Version> for VersionView {
    fn from(version: &Version) -> Self {
        let report = version.evaluator.report();
        Self {
            id: version.id.clone(),
            component: version.component.clone(),
            source: version.source.clone(),
            loaded: version.loaded,
            hooks: version.evaluator.hooks().iter().map(ToString::to_string).collect(),
            no_snapshot: version.no_snapshot.clone(),
            state: version.state.clone(),
            compiled: report.map(|report| if report.cached { "cached" } else { "now" }.to_owned()),
            load_milliseconds: report.map(|report| u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl FilterView {
    fn of(node: &Node, slot: &Slot) -> Self {
        let config = slot.config.load();
        let canary = slot.canary.load();
        let limits = &config.limits;
        let budgets = [
            ("deadline", format!("{:?}", limits.deadline)),
            ("cpu", format!("{:?}", limits.cpu)),
            ("configure-deadline", format!("{:?}", limits.configure_deadline)),
            ("memory", crate::config::units::show_size(limits.memory)),
            ("table-elements", limits.table_elements.to_string()),
            ("instances", limits.instances.to_string()),
            ("host-calls", limits.host_calls.to_string()),
            ("returned-bytes", crate::config::units::show_size(limits.returned_bytes)),
            ("handles", limits.handles.to_string()),
            ("log-lines", limits.log_lines.to_string()),
            ("log-bytes", crate::config::units::show_size(limits.log_bytes)),
            ("edits", limits.edits.to_string()),
            ("edit-bytes", crate::config::units::show_size(limits.edit_bytes)),
            ("scores", limits.scores.to_string()),
            ("note-bytes", crate::config::units::show_size(limits.note_bytes)),
            ("dns-queries", limits.dns_queries.to_string()),
            ("connections", limits.connections.to_string()),
        ];
        Self {
            name: slot.name.clone(),
            component: config.component.clone(),
            shadow: config.shadow,
            always: config.always,
            versions: slot.versions().iter().map(|version| VersionView::from(version.as_ref())).collect(),
            canary: canary.as_ref().map(|canary| VersionView::from(canary.version.as_ref())),
            canary_share: canary.as_ref().map_or(0.0, |canary| canary.share),
            budgets: budgets.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            grants: config.grants.names(),
            last_error: node.manager.record(&slot.name).last_error().map(|event| event.detail.clone()),
            breaker_open: slot.breaker_open(),
            totals: slot.stats.totals(),
        }
    }
}

/// All filters, in the order of the chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFilters {}

impl Operation for ListFilters {
    type Reply = Vec<FilterView>;
    const ROUTE: &'static str = "filter/list";

    async fn run(self, parts: &Parts<'_>) -> Result<Vec<FilterView>, Refused> {
        let node = node(parts)?;
        Ok(node.filters.all().iter().map(|slot| FilterView::of(node, slot)).collect())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowFilter {
    pub name: String,
}

impl Operation for ShowFilter {
    type Reply = FilterView;
    const ROUTE: &'static str = "filter/show";

    async fn run(self, parts: &Parts<'_>) -> Result<FilterView, Refused> {
        let node = node(parts)?;
        let slot = node.filters.slot(&self.name).ok_or_else(|| unknown(node, &self.name))?;
        Ok(FilterView::of(node, &slot))
    }
}

/// What changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// The version that stands now.
    pub version: VersionView,
    /// False: it stood before.
    pub changed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadFilter {
    pub name: String,
}

impl Operation for ReloadFilter {
    type Reply = Changed;
    const ROUTE: &'static str = "filter/reload";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<Changed, Refused> {
        let node = node(parts)?;
        let (version, changed) = node.manager.reload(&node.filters, &self.name, "command").await.map_err(refused)?;
        Ok(Changed { version: VersionView::from(version.as_ref()), changed })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackFilter {
    pub name: String,
    /// The beginning of an earlier version's id, or of its component's digest; none: the version before.
    #[serde(default)]
    pub to: Option<String>,
}

impl Operation for RollbackFilter {
    type Reply = VersionView;
    const ROUTE: &'static str = "filter/rollback";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<VersionView, Refused> {
        let node = node(parts)?;
        let version = node.manager.rollback(&node.filters, &self.name, self.to.as_deref()).await.map_err(refused)?;
        Ok(VersionView::from(version.as_ref()))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromoteCanary {
    pub name: String,
}

impl Operation for PromoteCanary {
    type Reply = VersionView;
    const ROUTE: &'static str = "filter/promote";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<VersionView, Refused> {
        let node = node(parts)?;
        let version = node.manager.promote(&node.filters, &self.name).await.map_err(refused)?;
        Ok(VersionView::from(version.as_ref()))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropCanary {
    pub name: String,
}

impl Operation for DropCanary {
    type Reply = VersionView;
    const ROUTE: &'static str = "filter/drop";
    const CHANGES: bool = true;

    async fn run(self, parts: &Parts<'_>) -> Result<VersionView, Refused> {
        let node = node(parts)?;
        let version = node.manager.drop_canary(&node.filters, &self.name).await.map_err(refused)?;
        Ok(VersionView::from(version.as_ref()))
    }
}

/// What happened to a filter's versions, newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterHistory {
    pub name: String,
}

impl Operation for FilterHistory {
    type Reply = Vec<Event>;
    const ROUTE: &'static str = "filter/history";

    async fn run(self, parts: &Parts<'_>) -> Result<Vec<Event>, Refused> {
        let node = node(parts)?;
        let mut events = node.manager.record(&self.name).events;
        if events.is_empty() && node.filters.slot(&self.name).is_none() {
            return Err(unknown(node, &self.name));
        }
        events.reverse();
        Ok(events)
    }
}

fn node<'a>(parts: &Parts<'a>) -> Result<&'a Arc<Node>, Refused> {
    parts.node.ok_or_else(no_server)
}

fn unknown(node: &Node, name: &str) -> Refused {
    let known: Vec<_> = node.filters.all().iter().map(|slot| slot.name.clone()).collect();
    let known =
        if known.is_empty() { "no filter is loaded".to_owned() } else { format!("there are: {}", known.join(", ")) };
    Refused::not_found(format!("there is no filter \"{name}\"; {known}"))
}

fn refused(error: manager::Refused) -> Refused {
    Refused::new(Kind::Refused, format!("nothing was changed: {error}"))
}
