//! What is wrong with a signature folder, and what the operator is told of it.

use postwarden_filter::testing::FakeHost;
use serde_json::{Value, json};

use super::Virus;

fn problems(host: &FakeHost, settings: Value) -> Vec<String> {
    let told = host.configure::<Virus>(settings).unwrap_err();
    told.into_iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
}

#[test]
fn wrong_lines_are_counted_and_named_and_cost_nothing_else() {
    let host = FakeHost::new()
        .asset("sigs/a.ndb", "Good:0:*:61626364\nBad:0:*:6162636\n\n# a comment\nWorse:99:*:61626364\nNo such line\n")
        .asset("sigs/b.ldb", "Regex;Target:0;0&1;61626364;0/ab+/\nMacro;Target:0;0;${1-2}3$\nShort;Target:0;0;61??62\n")
        .asset("sigs/c.mdb", "1:2:3")
        .asset("sigs/daily.cvd", "ClamAV-VDB:")
        .asset("elsewhere/d.ndb", "<html>");
    assert!(host.configure::<Virus>(json!({ "signatures": "sigs/" })).is_ok());
    let expected = [
        "Level::Info: 1 files left out: .cvd (packed databases: unpack what you want with sigtool --unpack)",
        "Level::Info: 1 files left out: .mdb (hashes of sections of programs)",
        "Level::Info: 1 signatures left out: a macro",
        "Level::Info: 1 signatures left out: a pattern without two fixed bytes in a row",
        "Level::Info: 1 signatures left out: a regular expression",
        "Level::Info: 1 signatures left out: a target of a later version",
        "Level::Warn: 2 lines are no signatures and left out",
        "Level::Warn: sigs/a.ndb:2: an odd number of hex digits",
        "Level::Warn: sigs/a.ndb:6: is not name:target:offset:body",
        "Level::Info: 1 signatures stand",
    ];
    assert_eq!(host.log(), expected);
}

#[test]
fn a_file_of_something_else_stops_the_load() {
    let host = FakeHost::new()
        .asset("sigs/a.ndb", "<html>\n<body>Not found</body>\n")
        .asset("sigs/b.hdb", "0000:1:Short\n")
        .asset("sigs/c.hdb", "900150983cd24fb0d6963f7d28e17f72:3:Good\n");
    let told = problems(&host, json!({ "signatures": "sigs" }));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("/signatures sigs/a.ndb:1: ") && told[0].contains("no signature file"), "{told:?}");
    assert!(told[1].starts_with("/signatures sigs/b.hdb:1: ") && told[1].contains("MD5"), "{told:?}");
}

#[test]
fn an_empty_folder_is_told() {
    let host = FakeHost::new();
    assert!(host.configure::<Virus>(json!({ "signatures": "sigs/" })).is_ok());
    assert!(host.log()[0].contains("no file in sigs/"), "{:?}", host.log());
}

#[test]
fn settings_are_checked_all_at_once() {
    let host = FakeHost::new();
    let told = problems(&host, json!({ "depth": 0, "files": 0, "ratio": 0 }));
    assert_eq!(told.len(), 3, "{told:?}");
    let told = problems(&host, json!({ "file-size": "20 miles" }));
    assert!(told[0].contains("/file-size") && told[0].contains("MiB"), "{told:?}");
    let told = problems(&host, json!({ "signaturs": "x" }));
    assert!(told[0].contains("signaturs") && told[0].contains("signatures"), "{told:?}");
    let told = problems(&host, json!({ "action": "delete" }));
    assert!(told[0].contains("quarantine"), "{told:?}");
    let told = problems(&host, json!({ "depth": 33 }));
    assert_eq!(told, ["/depth is more than 32"]);
}

#[test]
fn lines_of_any_length_and_number_are_read() {
    let long = format!("Long:0:*:{}\nGood:0:*:{}", "61".repeat(40_000), "31323334");
    let host = FakeHost::new().asset("sigs/a.ndb", long);
    assert!(host.configure::<Virus>(json!({ "signatures": "sigs/" })).is_ok());
    assert_eq!(
        host.log(),
        ["Level::Info: 1 signatures left out: a line of more than 64 KiB", "Level::Info: 1 signatures stand",]
    );
    // Lines that lie across the pieces in which a file is read.
    let many: String =
        (0..5000).map(|number| format!("Many.{number}:0:*:{:08x}{:08x}\n", number * 7919, number)).collect();
    let host = FakeHost::new().asset("sigs/a.ndb", many);
    assert!(host.configure::<Virus>(json!({ "signatures": "sigs/" })).is_ok());
    assert_eq!(host.log(), ["Level::Info: 5000 signatures stand"]);
}

#[test]
fn hostile_lines_end_in_a_word() {
    let nested = format!("Deep;Target:0;{}0{};61626364", "(".repeat(10_000), ")".repeat(10_000));
    let lines = [
        "A:0:*:(",
        "A:0:*:61{",
        "A:0:*:{5-2}6162",
        "A:0:*:{99999999999}6162",
        "A:0:*:!(61|6262)6162",
        "A:0:*:é1é2",
        "A:0:x:6162",
        "A:0:EOF--5:6162",
        ":0:*:6162",
        "B;Target:0;5;6162",
        "B;Target:0;0&;6162",
        "B;Target:0;0=;6162",
        "B;Target:0;;6162",
        "B;Nonsense;0;6162",
        "B;Target:0;0;",
        nested.as_str(),
    ];
    for line in lines {
        let format = if line.starts_with('A') || line.starts_with(':') { "ndb" } else { "ldb" };
        let host = FakeHost::new().asset(&format!("sigs/a.{format}"), line);
        let told = host.configure::<Virus>(json!({ "signatures": "sigs" })).is_err();
        assert!(told || host.log().iter().any(|line| line.contains("left out")), "{line}: {:?}", host.log());
    }
}
