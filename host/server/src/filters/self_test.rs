//! Tries a loaded candidate on the operator's own messages before it may stand. It sees the state it was built from; what
//! it asks for then, and what it writes, is the test's alone.

use std::path::Path;
use std::sync::Arc;

use postwarden_sandbox::Filter;
use postwarden_smtp::session::Profile;

use crate::config;
use crate::workbench::cases::cases;
use crate::workbench::lent::Lent;
use crate::workbench::subject::Subject;

/// Failed tests that are told; more are counted.
const TOLD_MAX: usize = 5;

/// The error names the tests that failed, with what was expected and what came.
pub(super) async fn run(loaded: &Filter, config: &config::Filter, folder: &Path) -> Result<(), String> {
    let told = |why: String| format!("self-test: {why}");
    let mut tests = cases(folder).map_err(told)?;
    // Other settings would be another filter.
    tests.retain(|test| test.scenario.settings.is_none() && test.scenario.grants.is_none());
    if tests.is_empty() {
        return Err(told(format!("{} has no NAME.toml with [expect] beside a NAME.eml", folder.display())));
    }
    let lent = Arc::new(Lent::new(None));
    let subject = Subject {
        filter: loaded.with_services(lent.clone()),
        config: config.clone(),
        source: config.component.clone(),
        size: 0,
        lent,
        scores: Default::default(),
        profile: Profile::Merak,
    };
    let mut failed = Vec::new();
    for test in &tests {
        let mut outcome = test.outcome();
        if let Err(error) = test.put_to(&subject, &mut outcome).await {
            outcome.differences.push(error);
        }
        if !outcome.differences.is_empty() {
            failed.push(format!("{}: {}", test.name, outcome.differences.join(", ")));
        }
    }
    match failed.len() {
        0 => Ok(()),
        count => {
            failed.truncate(TOLD_MAX);
            let more = if count > TOLD_MAX { "; …" } else { "" };
            Err(told(format!("{count} of {} failed: {}{more}", tests.len(), failed.join("; "))))
        }
    }
}
