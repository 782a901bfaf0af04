//! Patterns that the host searches for: defined once, kept over restarts, paid for by the filter.

use std::sync::Arc;
use std::time::Duration;

use postwarden_sandbox::*;
use serde_json::json;

use super::support::*;

#[tokio::test]
async fn patterns_are_found_in_bytes_parts_and_the_message() {
    let settings = json!({
        "configure": [["define", "words", ["How", "are you", "ar"]], ["define", "any", ["HELLO"], true]],
        "on-message": [["find", "words"], ["find", "any"], ["find", "none"], ["find", "words", "are youHow", 2]],
    });
    let filter = sandbox().load(source(settings)).await.unwrap();
    assert_eq!(filter.no_snapshot(), None);
    let evaluation = filter.call(call(Hook::Message)).await;
    assert_eq!(
        lines(&evaluation),
        [
            "found 0@39 2@43 1@43; 0@0 2@4 1@4",
            "found 0@9; ",
            "found Error::NoSuchSet; Error::NoSuchSet",
            "found 2@0 1@0",
        ]
    );
}

#[tokio::test]
async fn a_place_across_two_pieces_is_found_once() {
    let long = "x".repeat(4096);
    let settings = json!({ "configure": [["define", "words", ["needle", long]]], "on-message": [["find", "words"]] });
    let filter = sandbox().load(source(settings)).await.unwrap();
    let mut text = vec![b'.'; 300_000];
    for place in [65_530, 65_536, 131_067, 131_072 - 6, 262_140] {
        text[place..place + 6].copy_from_slice(b"needle");
    }
    let message: Arc<dyn Content> = Arc::new(Mail(text));
    let evaluation = filter.call(Call { message: Some(message), ..call(Hook::Message) }).await;
    assert_eq!(lines(&evaluation), ["found 0@65530 0@65536 0@131066 0@262140; "]);
}

#[tokio::test]
async fn the_next_start_finds_them_with_the_compiled_code() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    let start = || Sandbox::new(SandboxSettings { cache: Some(code.clone()), instances: 4 }).unwrap();
    let settings = json!({ "configure": [["define", "words", ["How"]]], "on-message": [["find", "words"]] });
    for cached in [false, true] {
        let filter = start().load(source(settings.clone())).await.unwrap();
        assert_eq!(filter.report().cached, cached);
        assert_eq!(lines(&filter.call(call(Hook::Message)).await), ["found 0@39; 0@0"]);
    }
    // Damaged patterns are not taken.
    for entry in std::fs::read_dir(&code).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "patterns") {
            std::fs::write(path, b"\x05\0\0\0words\0\x01\0\0\0\x01\0\0\0a").unwrap();
        }
    }
    assert!(!start().load(source(settings)).await.unwrap().report().cached);
}

#[tokio::test]
async fn instances_that_are_configured_themselves_have_their_own() {
    let settings = json!({ "configure": [["print"], ["define", "words", ["How"]]], "on-message": [["find", "words"]] });
    let filter = sandbox().load(source(settings)).await.unwrap();
    assert!(filter.no_snapshot().is_some());
    assert_eq!(lines(&filter.call(call(Hook::Message)).await), ["define Ok(())", "found 0@39; 0@0"]);
}

#[tokio::test]
async fn a_search_is_the_filters_own_computing() {
    let nested: Vec<String> = (1..=100).map(|length| "a".repeat(length)).collect();
    let mut source = source(json!({ "configure": [["define", "nested", nested]], "on-message": [["find-for-ever"]] }));
    source.limits.cpu = Duration::from_millis(50);
    let filter = sandbox().load(source).await.unwrap();
    let failure = filter.call(call(Hook::Message)).await.verdict.unwrap_err();
    assert_eq!((failure.cause, failure.call), (Cause::Cpu, Some("patterns.find-in-bytes")), "{failure}");
}
