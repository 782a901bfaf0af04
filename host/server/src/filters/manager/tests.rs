//! Who stands in a slot after loads, failures, rollbacks and restarts. The loader is a script: a component is text, and
//! text that begins with `broken` does not load.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use async_trait::async_trait;
use postwarden_sandbox::{Call, Evaluation, Hook};

use super::*;
use crate::filters::Evaluator;

struct Nobody;

#[async_trait]
impl Evaluator for Nobody {
    fn hooks(&self) -> &[Hook] {
        &[]
    }
    async fn call(&self, _: Call) -> Evaluation {
        std::future::pending().await
    }
}

struct Script;

#[async_trait]
impl Loader for Script {
    async fn load(&self, filter: &config::Filter, bytes: Vec<u8>, source: &str) -> Result<Arc<Version>, String> {
        let text = String::from_utf8(bytes).unwrap();
        if text.starts_with("broken") {
            return Err("it is broken".to_owned());
        }
        let id = format!("{text} {}", serde_json::Value::Object(filter.settings.clone()));
        Ok(Arc::new(Version {
            id,
            component: text,
            source: source.to_owned(),
            loaded: 0,
            no_snapshot: None,
            state: None,
            evaluator: Arc::new(Nobody),
        }))
    }
}

/// A server's folder with one filter, `a`.
struct Server {
    dir: tempfile::TempDir,
    manager: Manager,
    filters: Filters,
    /// Further keys of the filter.
    extra: &'static str,
}

impl Server {
    fn new(component: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let manager = Manager::new(dir.path().join("filters"), Box::new(Script));
        let server = Self { dir, manager, filters: Filters::default(), extra: "" };
        server.file("a.wasm", component);
        server
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn config(&self) -> Config {
        let text = format!("hostname = 'mx.example.com'\n[[filter]]\nname = 'a'\ncomponent = 'a.wasm'\n{}", self.extra);
        config::read::parse(&text, &self.dir.path().join("x.toml")).unwrap().config
    }

    /// A start, after which nothing of the process before is in memory.
    async fn start(&mut self) -> Result<(), Vec<Refused>> {
        self.manager = Manager::new(self.dir.path().join("filters"), Box::new(Script));
        self.filters = Filters::default();
        self.configure(true).await
    }

    async fn configure(&self, start: bool) -> Result<(), Vec<Refused>> {
        let prepared = self.manager.prepare(&self.filters, &self.config(), start).await?;
        self.manager.commit(&self.filters, prepared, if start { "start" } else { "configuration" });
        Ok(())
    }

    async fn changed(&self, component: &str) -> Result<bool, Refused> {
        self.file("a.wasm", component);
        self.manager.reload(&self.filters, "a", FILE).await.map(|(_, changed)| changed)
    }

    async fn rollback(&self, to: Option<&str>) -> Result<String, Refused> {
        Ok(self.manager.rollback(&self.filters, "a", to).await?.component.clone())
    }

    fn stands(&self) -> String {
        self.filters.slot("a").unwrap().standing().unwrap().component.clone()
    }

    fn events(&self) -> Vec<String> {
        self.manager.record("a").events.iter().map(|event| format!("{} {}", event.event, event.by)).collect()
    }
}

#[tokio::test]
async fn what_is_unchanged_stays_and_what_is_broken_changes_nothing() {
    let mut server = Server::new("one");
    server.start().await.unwrap();
    let first = server.filters.slot("a").unwrap().standing().unwrap();
    assert!(!server.changed("one").await.unwrap());
    assert!(Arc::ptr_eq(&first, &server.filters.slot("a").unwrap().standing().unwrap()));
    let error = server.changed("broken").await.unwrap_err();
    assert!(error.message.contains("a.wasm: it is broken"), "{error}");
    assert!(server.configure(false).await.is_err());
    assert_eq!(server.stands(), "one");
    assert_eq!(server.manager.record("a").last_error().unwrap().by, "configuration");
    assert!(server.changed("two").await.unwrap());
    assert_eq!(server.stands(), "two");
    assert!(server.manager.record("a").last_error().is_none());
    assert_eq!(server.events(), ["loaded start", "refused file", "refused configuration", "loaded file"]);
    assert!(server.manager.reload(&server.filters, "b", "command").await.is_err());
}

#[tokio::test]
async fn a_broken_file_at_start_is_stood_in_for_by_the_version_before() {
    let mut server = Server::new("broken");
    assert!(server.start().await.is_err());
    server.file("a.wasm", "one");
    server.start().await.unwrap();
    for broken in [Some("broken"), None] {
        match broken {
            Some(text) => server.file("a.wasm", text),
            None => std::fs::remove_file(server.dir.path().join("a.wasm")).unwrap(),
        }
        server.start().await.unwrap();
        assert_eq!(server.stands(), "one");
        assert_eq!(server.manager.record("a").last_error().unwrap().by, "start");
    }
    assert!(server.changed("two").await.unwrap());
    assert_eq!(server.rollback(None).await.unwrap(), "one");
}

#[tokio::test]
async fn what_was_rolled_back_comes_again_only_when_asked_for() {
    let mut server = Server::new("one");
    server.start().await.unwrap();
    for component in ["two", "three"] {
        assert!(server.changed(component).await.unwrap());
    }
    assert_eq!(server.rollback(None).await.unwrap(), "two");
    assert_eq!(server.rollback(None).await.unwrap(), "one");
    assert!(server.rollback(None).await.is_err());
    // The file is touched, the configuration is read again, the server starts again: nothing changes.
    assert!(!server.changed("three").await.unwrap());
    server.configure(false).await.unwrap();
    assert_eq!(server.stands(), "one");
    server.start().await.unwrap();
    assert_eq!(server.stands(), "one");
    assert!(!server.changed("three").await.unwrap());
    // A real change, and an operator's word.
    assert!(server.changed("four").await.unwrap());
    assert_eq!(server.rollback(None).await.unwrap(), "one");
    let (version, changed) = server.manager.reload(&server.filters, "a", "command").await.unwrap();
    assert_eq!((version.component.as_str(), changed), ("four", true));
}

#[tokio::test]
async fn five_versions_are_kept_over_restarts() {
    let mut server = Server::new("v0");
    server.start().await.unwrap();
    for number in 1..8 {
        assert!(server.changed(&format!("v{number}")).await.unwrap());
    }
    let folder = server.dir.path().join("filters/a");
    let kept = || {
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".wasm")).collect();
        names.sort();
        names
    };
    assert_eq!(kept(), ["v3.wasm", "v4.wasm", "v5.wasm", "v6.wasm", "v7.wasm"]);
    server.start().await.unwrap();
    assert!(server.rollback(Some("v1")).await.unwrap_err().message.contains("v6"));
    assert_eq!(server.rollback(Some("v5")).await.unwrap(), "v5");
    assert_eq!(kept(), ["v3.wasm", "v4.wasm", "v5.wasm"]);
    server.start().await.unwrap();
    assert_eq!(server.stands(), "v5");
    assert_eq!(server.rollback(None).await.unwrap(), "v4");
}

#[tokio::test]
async fn settings_are_rolled_back_too() {
    let mut server = Server::new("one");
    server.start().await.unwrap();
    server.extra = "settings = { limit = 1 }\n";
    server.configure(false).await.unwrap();
    assert_eq!(server.filters.slot("a").unwrap().versions().len(), 2);
    server.rollback(None).await.unwrap();
    server.start().await.unwrap();
    assert_eq!(server.filters.slot("a").unwrap().standing().unwrap().id, "one {}");
}

#[tokio::test]
async fn a_candidate_is_promoted_or_dropped_until_the_configuration_names_another() {
    let mut server = Server::new("one");
    server.file("new.wasm", "new");
    server.extra = "canary = { component = 'new.wasm', share = 0.5 }\n";
    server.start().await.unwrap();
    let canary = |server: &Server| {
        let canary = server.filters.slot("a").unwrap().canary.load_full();
        canary.map(|canary| canary.version.component.clone())
    };
    assert_eq!(canary(&server).unwrap(), "new");
    // A candidate's changed file is loaded as any other.
    server.file("new.wasm", "newer");
    assert!(!server.changed("one").await.unwrap());
    assert_eq!(canary(&server).unwrap(), "newer");
    server.manager.drop_canary(&server.filters, "a").await.unwrap();
    assert!(server.manager.promote(&server.filters, "a").await.is_err());
    server.start().await.unwrap();
    assert!(canary(&server).is_none());
    server.file("new.wasm", "newest");
    server.configure(false).await.unwrap();
    server.manager.promote(&server.filters, "a").await.unwrap();
    server.start().await.unwrap();
    assert_eq!((server.stands().as_str(), canary(&server)), ("newest", None));
    // The candidate's own file concerns nobody any more.
    server.file("new.wasm", "broken");
    server.start().await.unwrap();
    assert_eq!(server.stands(), "newest");
    assert_eq!(server.rollback(None).await.unwrap(), "one");
    server.file("new.wasm", "newest");
    server.extra = "";
    server.start().await.unwrap();
    assert_eq!(server.stands(), "one");
}

#[tokio::test]
async fn slots_follow_the_configuration() {
    let mut server = Server::new("one");
    server.file("b.wasm", "two");
    server.start().await.unwrap();
    let first = server.filters.slot("a").unwrap();
    server.extra = "shadow = true\n[[filter]]\nname = 'b'\ncomponent = 'b.wasm'\n";
    server.configure(false).await.unwrap();
    let names: Vec<_> = server.filters.all().iter().map(|slot| slot.name.clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(Arc::ptr_eq(&first, &server.filters.slot("a").unwrap()) && first.config.load().shadow);
    server.extra = "";
    server.configure(false).await.unwrap();
    assert!(server.filters.slot("b").is_none());
}
