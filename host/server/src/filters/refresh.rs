//! Loads a filter again when the state that its model was built from has changed: the same component with the same
//! settings, so neither another version nor an entry in its history. One that does not load changes nothing.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::load::read;
use super::slot::{Canary, Slot, Version};
use super::{Filters, Manager};
use crate::config;

/// How long a filter whose new model did not load is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(60);

impl Manager {
    /// Looks at the filters whose `refresh` time has come; at all of them where something was learned just now.
    pub async fn refresh(&self, filters: &Filters, learned: bool) {
        for slot in filters.all().iter() {
            if !(learned || self.is_due(slot)) {
                continue;
            }
            self.put_off(slot, slot.config.load().refresh);
            if let Err(error) = self.refresh_slot(slot).await {
                self.put_off(slot, RETRY_AFTER.max(slot.config.load().refresh));
                tracing::error!(filter = slot.name, "{error}; the model that stands stays");
            }
        }
    }

    async fn refresh_slot(&self, slot: &Arc<Slot>) -> Result<(), String> {
        if let Some(standing) = slot.standing().filter(|version| version.state.is_some())
            && standing.evaluator.is_stale().await?
        {
            let _turn = self.changing.lock().await;
            let fresh = self.load_again(slot, &standing).await?;
            let (version, state) = (fresh.short().to_owned(), fresh.short_state().to_owned());
            if slot.refresh(&standing, fresh) {
                tracing::info!(filter = slot.name, version, state, "the filter knows what was learned");
            }
        }
        if let Some(canary) = slot.canary.load_full().filter(|canary| canary.version.state.is_some())
            && canary.version.evaluator.is_stale().await?
        {
            let _turn = self.changing.lock().await;
            let fresh = Canary { version: self.load_again(slot, &canary.version).await?, share: canary.share };
            let same = slot.canary.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, &canary));
            if same {
                slot.canary.store(Some(Arc::new(fresh)));
            }
        }
        Ok(())
    }

    /// The component as it was kept, with the settings it was loaded with.
    async fn load_again(&self, slot: &Slot, version: &Version) -> Result<Arc<Version>, String> {
        let config = slot.config.load_full();
        let record = self.record(&slot.name);
        let kept = record.versions.into_iter().find(|kept| kept.id == version.id);
        let settings = kept.map_or_else(|| config.settings.clone(), |kept| kept.settings);
        let bytes = read(&self.folder(&slot.name).component(&version.component)).await?;
        let before = config::Filter { settings, ..(*config).clone() };
        let fresh = self.loader.load(&before, bytes, &version.source).await?;
        match fresh.id == version.id {
            true => Ok(fresh),
            false => Err("its files or its configuration have changed too, and are not loaded yet".to_owned()),
        }
    }

    fn is_due(&self, slot: &Slot) -> bool {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner).get(&slot.name).copied();
        !slot.config.load().refresh.is_zero() && due.is_none_or(|due| Instant::now() >= due)
    }

    fn put_off(&self, slot: &Slot, time: Duration) {
        let due = Instant::now().checked_add(time).unwrap_or_else(Instant::now);
        self.due.lock().unwrap_or_else(PoisonError::into_inner).insert(slot.name.clone(), due);
    }
}
