//! The way of somebody who writes a filter, as the tutorial tells it: new, build, test, and to a refused message on a
//! running server; and the examples with their tests. Tools that are not installed are skipped with one line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::mail::wait_within;
use crate::harness::process::{Guard, run, said};
use crate::harness::server::BINARY;
use crate::harness::{Client, peer};
use crate::workbench::{Bench, filter};

/// An interpreter is compiled before the server is ready, on a machine that runs other tests.
const READY_WAIT: Duration = Duration::from_secs(600);

/// From nothing to a refused message.
fn tutorial(language: &str) {
    let bench = Bench::new();
    let next = bench.ok(&["new", "no-invoices", "--lang", language]);
    assert!(next.contains("cd no-invoices"), "{next}");
    let project = bench.0.path().join("no-invoices");
    let built = filter(&project, &["build"]);
    assert!(built.status.success(), "{language}: {}", said(&built));
    if language != "python" {
        // Compiling the interpreter once more is worth no minute; the example in Python has its tests.
        let tested = filter(&project, &["test", "--no-build"]);
        assert!(tested.status.success(), "{language}: {}", said(&tested));
        assert!(String::from_utf8_lossy(&tested.stdout).contains("3 passed; 0 failed"), "{}", said(&tested));
    }
    if language == "c" {
        measured_and_watched(&project);
    }
    let mut server = Dev::start(&project);
    assert_eq!(server.send("Lunch on Friday"), 250);
    assert_eq!(server.send("Your INVOICE"), 554);
    assert!(server.0.stop().success());
}

/// The compiler that takes least time stands for all.
fn measured_and_watched(project: &Path) {
    let said = |arguments: &[&str]| {
        let output = filter(project, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let figures: serde_json::Value = serde_json::from_str(&said(&["bench", "--times", "20", "--json"])).unwrap();
    for one in [&figures[0], &figures[1]] {
        assert!(one["p50-microseconds"].as_u64() > Some(0) && one["failed"] == 0, "{figures}");
    }
    assert_eq!(figures[1]["filter"], "an empty filter");
    let watched = said(&["watch", ".", "tests/subject.eml", "--once"]);
    assert!(watched.contains("reject (content): invoice"), "{watched}");
    let checked = said(&["check", "."]);
    assert!(checked.contains("hooks     on-message") && checked.contains("a server would load it"), "{checked}");
}

/// `postwarden dev --filter .` in the project's folder.
struct Dev(Guard, std::net::SocketAddr);

impl Dev {
    fn start(project: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["dev", "--filter", ".", "--data", "data"]).current_dir(project);
        command.args(["--smtp", "127.0.0.1:0", "--submission", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
        let mut guard = Guard::start(command, "dev", project);
        let read = |name: &str| std::fs::read_to_string(project.join(name)).unwrap_or_default();
        let ready = wait_within(READY_WAIT, "dev's ready line", || {
            assert!(guard.ended().is_none(), "dev ended: {}{}", read("dev.out"), read("dev.err"));
            read("dev.out").lines().find(|line| line.starts_with("ready ")).map(str::to_owned)
        });
        let address = ready.split_whitespace().find_map(|word| word.strip_prefix("mx=")).expect("mx");
        Self(guard, address.parse().expect("an address"))
    }

    fn send(&self, subject: &str) -> u16 {
        let mut client = Client::connect(self.1);
        client.ehlo();
        client.message("eve@example.org", "bob@localhost", &format!("Subject: {subject}\r\n\r\nHello.\r\n")).code
    }
}

fn has_zig() -> bool {
    let by_python = || {
        let mut command = Command::new("python3");
        command.args(["-m", "ziglang", "version"]);
        peer::find("python3").is_some() && run(command, b"").status.success()
    };
    ["zig", "python-zig"].iter().any(|name| peer::find(name).is_some()) || by_python()
}

#[test]
fn the_tutorial_in_rust() {
    tutorial("rust");
}

#[test]
fn the_tutorial_and_the_example_in_c() {
    if !has_zig() {
        return peer::skip("zig is not installed: filters in C");
    }
    tutorial("c");
    example("header-check");
}

#[test]
fn the_tutorial_and_the_example_in_javascript() {
    if peer::need("componentize-qjs").is_some() {
        tutorial("js");
        example("links");
    }
}

#[test]
fn the_tutorial_and_the_example_in_python() {
    if peer::need("componentize-py").is_some() {
        tutorial("python");
        example("reply-to");
    }
}

/// Builds an example in a copy of its folder and runs its tests.
fn example(name: &str) {
    let bench = Bench::new();
    copy(&examples().join(name), bench.0.path());
    let tested = bench.ok(&["test"]);
    assert!(tested.contains(" 0 failed"), "{tested}");
}

#[test]
fn the_examples_in_rust_do_what_their_tests_say() {
    for name in ["attachments", "dns-allow", "footer", "journal", "rate-limit", "tagger", "vip"] {
        let bench = Bench::new();
        copy(&examples().join(name), bench.0.path());
        let component = postwarden_artifacts::guest(name);
        std::fs::copy(component, bench.0.path().join(format!("{name}.wasm"))).unwrap();
        let tested = bench.ok(&["test", "--no-build"]);
        assert!(tested.contains(" 0 failed"), "{name}: {tested}");
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filters/examples")
}

/// What an author wrote, links followed; nothing that was built.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        match path.is_dir() {
            true if !["build", "target", "node_modules"].iter().any(|made| name == *made) => {
                copy(&path, &to.join(name))
            }
            false if path.extension().is_none_or(|ending| ending != "wasm") => {
                std::fs::copy(&path, to.join(name)).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn mistakes_of_authors_give_help() {
    let bench = Bench::new();
    let language = bench.refused(&["new", "x", "--lang", "perl"]);
    assert!(language.contains("rust, c, js, ts, python, go"), "{language}");
    assert!(bench.refused(&["new", "No_Invoices", "--lang", "c"]).contains("no-invoices"));
    bench.put("core.wasm", "\0asm\x01\0\0\0");
    assert!(bench.refused(&["check", "core.wasm"]).contains("wasm-tools component new"));
    assert!(bench.refused(&["build"]).contains("postwarden filter new"));
    assert!(bench.refused(&["test"]).contains("postwarden filter new"));
    bench.ok(&["new", "no-invoices", "--lang", "python"]);
    let project = bench.0.path().join("no-invoices");
    let mut build = Command::new(BINARY);
    build.args(["filter", "build"]).current_dir(&project).env("PATH", "");
    let missing = said(&run(build, b""));
    assert!(missing.contains("pip install componentize-py"), "{missing}");
    let unbuilt = said(&filter(&project, &["run", ".", "tests/clean.eml"]));
    assert!(unbuilt.contains("no-invoices.wasm") && unbuilt.contains("build it first"), "{unbuilt}");
}
