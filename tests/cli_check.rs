//! `check` looks at what the server reads at its start, not at the configuration alone.

use crate::harness::Server;
use crate::harness::process::said;

#[test]
fn a_certificate_that_is_none() {
    let server = Server::prepare("");
    std::fs::write(server.dir.path().join("tls/fullchain.pem"), "nonsense").expect("written");
    let output = server.cli(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("tls: ") && said(&output).contains("fullchain.pem"), "{}", said(&output));
}

#[test]
fn accounts_in_a_file_with_errors() {
    let server = Server::prepare("[accounts]\nbackend = \"file\"");
    let accounts = "[[account]]\naddress = \"zoe@example.com\"\nquotta = \"1GiB\"\n\n[[list]]\naddress = \"l@example.com\"\nmembers = [\"<a@example.com\"]\n";
    std::fs::write(server.dir.path().join("accounts.toml"), accounts).expect("written");
    let output = server.cli(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for words in ["accounts.toml:3: account[0].quotta", "did you mean \"quota\"?", "accounts.toml:7:", "unbalanced"] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
}

#[test]
fn the_report_as_data() {
    let server = Server::prepare("");
    assert_eq!(server.cli_json(&["check"])["ok"], true);
    server.write_config("hostname = \"mx.example.com\"\n\n[smtp]\nmax-eror = 5\n");
    let output = server.cli(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["ok"], false);
    assert_eq!(report["errors"][0]["key"], "smtp.max-eror");
    assert_eq!(report["errors"][0]["line"], 4);
}

#[test]
fn components_that_would_not_load_are_told_all_at_once() {
    let filter =
        |name: &str, keys: &str| format!("[[filter]]\nname = \"{name}\"\ncomponent = \"{name}.wasm\"\n{keys}\n");
    let server = Server::prepare(
        &(filter("absent", "")
            + &filter("broken", "")
            + &filter("puppet", "")
            + &filter(
                "whole",
                r#"grants = ["dns", "state", { connect = ["127.0.0.1:1"] }]
        canary = { component = "broken.wasm" }"#,
            )),
    );
    let file = |name: &str| server.dir.path().join(name);
    std::fs::write(file("broken.wasm"), "no component").expect("written");
    for name in ["puppet.wasm", "whole.wasm"] {
        std::fs::copy(postwarden_artifacts::guest("puppet"), file(name)).expect("copied");
    }
    let output = server.cli(&["check"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for words in [
        "filter \"absent\": ",
        "filter \"broken\": ",
        "is no WebAssembly component",
        "filter \"puppet\": ",
        "grants = [\"dns\", \"state\"",
        "filter \"whole\": canary: ",
    ] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    assert!(!file("data").join("filters").exists(), "nothing is written");
}
