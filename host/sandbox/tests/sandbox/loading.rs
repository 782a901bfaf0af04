//! What is loaded, what is not, and what the operator then reads.

use postwarden_sandbox::*;
use serde_json::json;

use super::support::*;

async fn refusal(source: Source) -> String {
    sandbox().load(source).await.err().expect("the component is refused").to_string()
}

#[tokio::test]
async fn a_missing_grant_names_the_line_to_add() {
    let mut source = source(json!({}));
    source.grants = Grants::default();
    let said = refusal(source).await;
    for line in ["\"dns\"", "\"state\"", "{ connect = [\"host:port\"] }"] {
        assert!(said.contains(line), "{said}");
    }
}

#[tokio::test]
async fn refused_settings_say_where() {
    let said = refusal(source(json!({ "configure": [["refuse", "/rules/3", "no such rule"]] }))).await;
    assert_eq!(said, "it refuses its settings: /rules/3: no such rule");
}

#[tokio::test]
async fn a_panic_while_it_is_configured_is_an_error() {
    let said = refusal(source(json!({ "configure": [["panic"]] }))).await;
    assert!(said.starts_with("it fails while it is configured (trap)"), "{said}");
    assert!(said.contains("it wrote: ") && said.contains("a filter panics"), "{said}");
}

#[tokio::test]
async fn a_filter_that_keeps_a_handle_is_configured_in_each_instance() {
    let settings = json!({ "configure": [["print"]], "on-message": [["print"], ["remember"], ["reject"]] });
    let filter = sandbox().load(source(settings)).await.unwrap();
    assert!(filter.no_snapshot().unwrap().contains("handle"), "{:?}", filter.no_snapshot());
    for _ in 0..2 {
        let evaluation = filter.call(call(Hook::Message)).await;
        assert!(matches!(evaluation.verdict, Ok(Verdict::Reject(_))), "{:?}", evaluation.verdict);
        assert_eq!(lines(&evaluation), ["calls before: 0"]);
    }
}

#[tokio::test]
async fn other_files_are_named_for_what_they_are() {
    let with = |bytes: &[u8]| Source { component: bytes.to_vec(), ..source(json!({})) };
    assert!(refusal(with(b"\0asm\x01\0\0\0")).await.contains("core WebAssembly module"));
    assert!(refusal(with(b"hello")).await.contains("no WebAssembly component"));
    // An empty component is one of another world.
    assert!(refusal(with(b"\0asm\x0d\0\x01\0")).await.contains("exports no hook"));
    let mut broken = component("puppet");
    broken.truncate(broken.len() / 2);
    assert!(refusal(with(&broken)).await.contains("no valid component"));
}

#[tokio::test]
async fn a_budget_beyond_the_servers_own_is_refused() {
    let mut source = source(json!({}));
    source.limits.memory = 1 << 40;
    assert!(refusal(source).await.contains("memory"));
}

#[tokio::test]
async fn compiled_code_is_found_again_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Sandbox::new(SandboxSettings { cache: Some(folder.path().join("code")), instances: 4 }).unwrap();
    let settings = json!({ "on-message": [["reject", "spam"]] });
    let first = start().load(source(settings.clone())).await.unwrap();
    let second = start().load(source(settings)).await.unwrap();
    assert!(!first.report().cached && second.report().cached);
    assert_eq!(first.id(), second.id());
    assert!(matches!(second.call(call(Hook::Message)).await.verdict, Ok(Verdict::Reject(_))));
    // Other settings are another version; damaged code is compiled again.
    let other = start().load(source(json!({ "on-message": [] }))).await.unwrap();
    assert!(!other.report().cached && other.id() != first.id());
    assert_eq!(other.component_digest(), first.component_digest());
    for entry in std::fs::read_dir(folder.path().join("code")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "code") {
            let mut code = std::fs::read(&path).unwrap();
            let middle = code.len() / 2;
            code[middle] ^= 1;
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, code).unwrap();
        }
    }
    let again = start().load(source(json!({ "on-message": [] }))).await.unwrap();
    assert!(!again.report().cached);
}

#[tokio::test]
async fn settings_and_files_reach_the_snapshot() {
    let mut source = source(json!({ "on-message": [["asset", "list"], ["asset", "none"]] }));
    source.assets = Assets::default().with("list", &b"bad.example"[..]);
    let evaluation = sandbox().load(source).await.unwrap().call(call(Hook::Message)).await;
    assert_eq!(lines(&evaluation), ["asset bad.example", "asset "]);
}
