//! `postwarden filter list|show|reload|rollback|history|promote|drop`: the filters of a running server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::filters::{
    DropCanary, FilterHistory, FilterView, ListFilters, PromoteCanary, ReloadFilter, RollbackFilter, ShowFilter,
    VersionView,
};
use crate::cli::connection::Connection;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, note, time};
use crate::filters::stats::Totals;

#[derive(Subcommand)]
pub(super) enum Standing {
    /// All filters, in the order in which a message meets them
    List,
    /// One filter: versions, hooks, budgets, grants, canary
    Show(Named),
    /// Load a filter again from its file. One that does not load changes nothing
    #[command(after_help = "\
Example:
  cargo build --release --target wasm32-wasip2 && postwarden filter reload footer")]
    Reload(Named),
    /// Make the version before stand again. What was newer is loaded again only by "filter reload" or when its file
    /// changes
    Rollback {
        /// The filter's name in the configuration
        name: String,
        /// An earlier one of the last five: the beginning of its version or of its component's digest
        #[arg(long, value_name = "DIGEST")]
        to: Option<String>,
    },
    /// What happened to a filter's versions, newest first
    History(Named),
    /// Make the canary the version that stands
    Promote(Named),
    /// Stop asking the canary
    Drop(Named),
}

#[derive(Args)]
pub(super) struct Named {
    /// The filter's name in the configuration
    name: String,
}

impl Standing {
    pub(super) fn run(self, config: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
        let server = Connection::server(config)?;
        match self {
            Self::List => list(&server.call(ListFilters {})?, out)?,
            Self::Show(Named { name }) => show(&server.call(ShowFilter { name })?, out)?,
            Self::History(Named { name }) => {
                let events = server.call(FilterHistory { name })?;
                if out.json {
                    out.value(&events)?;
                    return Ok(ExitCode::SUCCESS);
                }
                let row = |event: &crate::filters::record::Event| {
                    let version = event.version.as_deref().map_or("-", short).to_owned();
                    vec![time(event.time), event.event.clone(), event.by.clone(), version, event.detail.clone()]
                };
                let rows: Vec<_> = events.iter().map(row).collect();
                out.table(&["TIME", "EVENT", "BY", "VERSION", "DETAIL"], &rows)?;
            }
            Self::Reload(Named { name }) => {
                let reply = server.call(ReloadFilter { name })?;
                let what = if reply.changed { "stands" } else { "stood already; the file has not changed" };
                said(out, &reply.version, what)?;
            }
            Self::Rollback { name, to } => {
                said(out, &server.call(RollbackFilter { name, to })?, "stands again")?;
            }
            Self::Promote(Named { name }) => {
                let version = server.call(PromoteCanary { name })?;
                said(out, &version, "stands")?;
                if !out.json {
                    note(format!("to keep it for good, write component = \"{}\" and remove canary", version.source));
                }
            }
            Self::Drop(Named { name }) => {
                said(out, &server.call(DropCanary { name })?, "is not asked any more")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn said(out: &mut Output, version: &VersionView, what: &str) -> Result<(), Failure> {
    if out.json {
        return out.value(version);
    }
    out.line(format!("version {} of {} {what}", short(&version.id), version.source))
}

fn list(filters: &[FilterView], out: &mut Output) -> Result<(), Failure> {
    if out.json {
        return out.value(&filters);
    }
    if filters.is_empty() {
        note("no filter is loaded: add a [[filter]] to the configuration");
        return Ok(());
    }
    let row = |filter: &FilterView| {
        let standing = filter.versions.first();
        vec![
            filter.name.clone(),
            standing.map_or("-", |version| short(&version.id)).to_owned(),
            standing.map_or(String::new(), |version| version.hooks.join(" ")),
            state(filter),
            standing.map_or(&filter.component, |version| &version.source).clone(),
        ]
    };
    let rows: Vec<_> = filters.iter().map(row).collect();
    out.table(&["NAME", "VERSION", "HOOKS", "STATE", "COMPONENT"], &rows)
}

fn state(filter: &FilterView) -> String {
    let mut state = vec![if filter.shadow { "shadow".to_owned() } else { "acts".to_owned() }];
    if filter.always {
        state.push("always".to_owned());
    }
    if let Some(canary) = &filter.canary {
        state.push(format!("canary {} {:.0} %", short(&canary.id), filter.canary_share * 100.0));
    }
    if filter.breaker_open {
        state.push("keeps failing".to_owned());
    }
    if filter.last_error.is_some() {
        state.push("last load failed".to_owned());
    }
    state.join(", ")
}

/// What it did since the server started.
fn totals(totals: &Totals) -> Vec<(&'static str, String)> {
    let list = |counts: &BTreeMap<String, u64>| {
        let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if each.is_empty() { "none".to_owned() } else { each.join(", ") }
    };
    let times = |p50: u64, p99: u64| format!("p50 {p50} µs, p99 {p99} µs");
    let mut fields = vec![("calls", format!("{}; {}", totals.calls, times(totals.p50, totals.p99)))];
    fields.push(("verdicts", list(&totals.verdicts)));
    fields.push(("failures", list(&totals.failures)));
    if totals.not_asked > 0 {
        fields.push(("not asked", format!("{}: its breaker was open", totals.not_asked)));
    }
    if !totals.counters.is_empty() {
        fields.push(("counters", list(&totals.counters)));
    }
    let canary = &totals.canary;
    let compared = canary.agreed.saturating_add(canary.disagreed);
    if compared > 0 {
        let (own, standing) =
            (times(canary.canary_p50, canary.canary_p99), times(canary.standing_p50, canary.standing_p99));
        let said = format!("{} agreed, {} differed; {own}; standing {standing}", canary.agreed, canary.disagreed);
        fields.push(("canary", said));
        fields.extend(canary.examples.iter().map(|example| ("differed", example.clone())));
    }
    fields
}

fn show(filter: &FilterView, out: &mut Output) -> Result<(), Failure> {
    if out.json {
        return out.value(filter);
    }
    let standing = filter.versions.first();
    let mut fields =
        vec![("name", filter.name.clone()), ("component", filter.component.clone()), ("state", state(filter))];
    if let Some(version) = standing {
        fields.push(("hooks", version.hooks.join(", ")));
        let snapshot = version.no_snapshot.as_ref().map_or("yes".to_owned(), |why| format!("no, because {why}"));
        fields.push(("snapshot", snapshot));
        if let Some(learned) = &version.state {
            fields.push(("learned", short(learned).to_owned()));
        }
        if let (Some(compiled), Some(took)) = (&version.compiled, version.load_milliseconds) {
            fields.push(("compiled", format!("{compiled}; loaded in {took} ms")));
        }
    }
    if let Some(error) = &filter.last_error {
        fields.push(("last load failed", error.clone()));
    }
    fields.push(("grants", if filter.grants.is_empty() { "none".to_owned() } else { filter.grants.join(", ") }));
    let budgets: Vec<String> = filter.budgets.iter().map(|(name, value)| format!("{name} {value}")).collect();
    fields.push(("budgets", budgets.join(", ")));
    fields.extend(totals(&filter.totals));
    out.fields(&fields)?;
    out.line("")?;
    let row = |version: &VersionView, state: &str| {
        vec![short(&version.id).to_owned(), state.to_owned(), time(version.loaded), version.source.clone()]
    };
    let mut rows: Vec<_> = filter
        .versions
        .iter()
        .enumerate()
        .map(|(index, version)| row(version, if index == 0 { "stands" } else { "before" }))
        .collect();
    rows.extend(filter.canary.iter().map(|version| row(version, "canary")));
    out.table(&["VERSION", "STATE", "LOADED", "SOURCE"], &rows)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
