//! Walks `tests/explain`: each `NAME.txt` begins with lines `$ QUESTION` and holds the answer that an
//! operator reads. `UPDATE_FIXTURES=1` writes the answers anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use super::{Sources, explain, render, rows};
use crate::config::read;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

async fn answer(question: &str, config: Option<&crate::config::Config>) -> String {
    let mut explanation = explain(question, Sources { config, parts: None }).await;
    explanation.config = explanation.config.map(|_| "postwarden.toml".to_owned());
    // The rows' own words are the reply table's, and may be improved there without a change here.
    if let Some(row) = &mut explanation.row {
        assert!(row.meaning.len() > 20 && !row.advice.is_empty(), "{} explains nothing", row.key);
        row.meaning = "(its meaning)".into();
        row.causes = vec!["(its causes)".into()];
        row.advice = vec!["(its advice)".into()];
    }
    render(&explanation, 0)
}

#[tokio::test]
async fn fixtures() {
    let config = read::load(&folder().join("postwarden.toml")).unwrap().config;
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    assert!(files.len() >= 5, "only {} fixtures", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let questions: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
        let mut expected = String::new();
        for question in questions {
            // Without a configuration where the fixture says so.
            let general = file.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("general"));
            let answer = answer(question, (!general).then_some(&config)).await;
            expected.push_str(&format!("$ {question}\n{answer}\n"));
        }
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            std::fs::write(&file, &expected).unwrap();
        } else if text != expected {
            wrong.push(format!("{} should be:\n{expected}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each row is found by its number, its key, its reply in both profiles, and inside a bounce line; and
/// each says at least one thing about this configuration.
#[tokio::test]
async fn every_row_is_found_and_speaks_of_this_server() {
    let config = read::load(&folder().join("postwarden.toml")).unwrap().config;
    let sources = Sources { config: Some(&config), parts: None };
    let mut numbered = 0;
    for row in rows::rows().iter().filter(|row| row.number.is_some()) {
        numbered += 1;
        let mut questions = vec![row.key.to_owned(), row.number.unwrap().to_string()];
        for reply in &row.replies {
            let text = format!("{} {} {}", reply.code, reply.enhanced, reply.text);
            questions.push(format!("{text} [0c3dwvk2m0008]"));
            questions.push(reply.text.to_owned());
            questions.push(format!(
                "<x@example.com>: host mx.example.com[192.0.2.25] said: {text} (in reply to end of DATA command)"
            ));
        }
        for question in questions {
            let explanation = explain(&question, sources).await;
            let found = explanation.row.as_ref().map(|row| row.key.as_str());
            assert_eq!(found, Some(row.key), "{question}");
            assert!(!explanation.here.is_empty(), "{question}");
        }
    }
    assert_eq!(numbered, 35);
}

#[tokio::test]
async fn what_is_no_reply_is_not_explained() {
    for text in ["all is well", "", "hello there", "250 2.0.0 queued as 12345", "the cat sat on the mat", "😀"] {
        let explanation = explain(text, Sources::default()).await;
        assert!(!explanation.found(), "{text}: {explanation:?}");
    }
    // An overridden text is a row's too.
    let text = "hostname = 'mx.example.com'\n[replies]\nrelay-denied = 'Go away, see https://example.com/why'";
    let config = read::parse(text, Path::new("x.toml")).unwrap().config;
    let explanation =
        explain("Go away, see https://example.com/why", Sources { config: Some(&config), parts: None }).await;
    assert_eq!(explanation.row.map(|row| row.key).as_deref(), Some("relay-denied"));
}
