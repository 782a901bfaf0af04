//! Runs the conversations of `tests/scripts` against the daemon, in both reply profiles, and checks
//! that every row a client can reach has one.

mod parse;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use parse::{Script, Step};

/// Servers at a time; more only makes two cores switch.
const PARALLEL: usize = 3;
const PROFILES: [&str; 2] = ["merak", "rfc"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts")
}

fn scripts() -> Vec<Script> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("tests/scripts")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "smtp"))
        .collect();
    files.sort();
    files.iter().map(|file| parse::script(file)).collect()
}

/// `SCRIPT=name` in the environment runs those whose name contains it.
#[test]
fn every_script_holds() {
    let only = std::env::var("SCRIPT").unwrap_or_default();
    let scripts = scripts();
    let work: Vec<(&Script, &str)> = scripts
        .iter()
        .filter(|script| script.name.contains(&only))
        .flat_map(|script| PROFILES.iter().map(move |profile| (script, *profile)))
        .filter(|(script, profile)| script.profile.as_deref().is_none_or(|only| only == *profile))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while let Some((script, profile)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = std::panic::catch_unwind(|| run::script(script, profile));
                    if let Err(cause) = result {
                        let text = cause.downcast_ref::<String>().cloned().unwrap_or_else(|| "panic".to_owned());
                        failures.lock().unwrap().push(format!("{} ({profile}): {text}", script.name));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), work.len(), failures.join("\n"));
}

/// A row of `rows.txt`.
struct Row {
    key: String,
    merak: String,
    rfc: String,
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(folder().join("rows.txt")).expect("rows.txt");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let rfc = if cells[3] == "=" { cells[2] } else { cells[3] };
            Row { key: cells[1].to_owned(), merak: cells[2].to_owned(), rfc: rfc.to_owned() }
        })
        .collect()
}

/// Keys of rows for which no script in this profile expects the row's reply.
fn missing(rows: &[Row], scripts: &[Script], profile: &str) -> Vec<String> {
    let shows = |row: &Row| {
        let reply = if profile == "rfc" { &row.rfc } else { &row.merak };
        let wanted = reply.replace('*', "");
        scripts
            .iter()
            .filter(|script| script.rows.contains(&row.key))
            .filter(|script| script.profile.as_deref().is_none_or(|only| only == profile))
            .flat_map(|script| script.steps.iter())
            .any(|step| match &step.what {
                Step::Line { profile: only, pattern } => {
                    only.as_deref().is_none_or(|only| only == profile) && pattern.starts_with(&wanted)
                }
                Step::Whole { code } => wanted == code.to_string(),
                _ => false,
            })
    };
    rows.iter().filter(|row| !shows(row)).map(|row| row.key.clone()).collect()
}

#[test]
fn every_row_has_a_script() {
    let (rows, scripts) = (rows(), scripts());
    assert_eq!(rows.len(), 33, "all rows but 31 and 32, which no client sees");
    for profile in PROFILES {
        let missing = missing(&rows, &scripts, profile);
        assert!(missing.is_empty(), "no script shows these rows in profile {profile}: {missing:?}");
    }
    for script in &scripts {
        for key in &script.rows {
            assert!(rows.iter().any(|row| row.key == *key), "{}: no row {key}", script.name);
        }
    }
}

/// The coverage test itself notices a row without a script.
#[test]
fn a_row_without_a_script_is_noticed() {
    let (rows, mut scripts) = (rows(), scripts());
    scripts.retain(|script| !script.rows.iter().any(|key| key == "relay-denied"));
    assert_eq!(missing(&rows, &scripts, "merak"), ["relay-denied"]);
}
