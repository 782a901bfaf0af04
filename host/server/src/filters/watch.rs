//! Looks at the files of filters, and at the state they were built from, and has them loaded again when they change.
//! Folders are watched, not files: a build replaces the file.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Version;
use crate::node::Node;

/// A build writes its file in several steps.
const CHANGE_SETTLES: Duration = Duration::from_millis(200);
/// Where nothing tells of a change, as on some network file systems.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How soon a rollback that failures led to is written down, and how often `refresh` times are looked at.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// Folders watched.
const FOLDERS_MAX: usize = 1000;

/// Until `stop`.
pub async fn run(node: Arc<Node>, stop: CancellationToken) {
    let touched = Arc::new(Notify::new());
    let mut stood = standing(&node);
    let mut notice = tokio::time::interval(NOTICE_EVERY);
    notice.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let _watcher = watcher(&node, &touched);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = node.manager.moved.notified() => break,
                () = touched.notified() => {
                    tokio::time::sleep(CHANGE_SETTLES).await;
                    node.manager.reload_changed(&node.filters).await;
                }
                _ = look.tick() => node.manager.reload_changed(&node.filters).await,
                _ = notice.tick() => node.manager.refresh(&node.filters, false).await,
            }
            let now = standing(&node);
            for (name, from, _) in &stood {
                let Some((_, to, versions)) = now.iter().find(|(other, ..)| other == name) else { continue };
                // The one that stood is gone from the versions: it was rolled back. Commands have written that down.
                if to.id != from.id && !versions.contains(&from.id) && !node.manager.knows_rollback(name, &from.id) {
                    node.manager.noticed_rollback(name, from, to);
                }
            }
            stood = now;
        }
    }
}

/// Name, standing version, ids of all versions.
fn standing(node: &Node) -> Vec<(String, Arc<Version>, Vec<String>)> {
    let slots = node.filters.all();
    let of = |slot: &Arc<super::Slot>| {
        let versions = slot.versions().iter().map(|version| version.id.clone()).collect();
        Some((slot.name.clone(), slot.standing()?, versions))
    };
    slots.iter().filter_map(of).collect()
}

fn watcher(node: &Node, touched: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let touched = Arc::clone(touched);
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files is an event too: it must not lead to reading them again.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            touched.notify_one();
        }
    });
    let folders: BTreeSet<PathBuf> =
        node.manager.watched().iter().filter_map(|file| file.parent().map(PathBuf::from)).collect();
    let outcome = made.and_then(|mut watcher| {
        for folder in folders.iter().take(FOLDERS_MAX).filter(|folder| folder.is_dir()) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    let failed = |error: &notify::Error| {
        let seconds = LOOK_EVERY.as_secs();
        tracing::warn!("the folders of filters cannot be watched ({error}); they are looked at every {seconds} s");
    };
    outcome.inspect_err(failed).ok()
}
