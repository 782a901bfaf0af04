//! Measures the filter on a corpus: `cargo run --release -p postwarden-spam --example measure -- FOLDER`. FOLDER has the
//! folders `ham`, `spam` and, if there is one, `hard-ham`, a message a file, or a `.tar.xz` of them. Trains on one half,
//! by a hash of the file's name, and reports on the other. Messages stay where they are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use postwarden_filter::Class;
use postwarden_filter::testing::FakeHost;
use postwarden_spam::Spam;
use serde_json::json;

struct Mail {
    name: String,
    is_spam: bool,
    text: Vec<u8>,
}

struct Scored<'a> {
    mail: &'a Mail,
    bayes: f64,
    rules: f64,
}

fn main() {
    let folder = std::env::args().nth(1).expect("measure FOLDER [SALT]");
    let salt = std::env::args().nth(2).unwrap_or_default();
    let (folder, unpacked) = unpack(Path::new(&folder));
    let corpus = read(&folder);
    if unpacked {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    for (label, trains_on) in [("trained on the first half", 0), ("trained on the second half", 1)] {
        measure(label, &corpus, |mail| half(&salt, &mail.name) == trains_on);
    }
}

fn measure(label: &str, corpus: &[Mail], learns: impl Fn(&Mail) -> bool) {
    let mut host = FakeHost::new().remote([127, 0, 0, 1].into());
    let untaught: Spam = host.configure(json!({})).unwrap();
    let began = Instant::now();
    let mut learned = 0;
    for mail in corpus.iter().filter(|mail| learns(mail)) {
        host = host.message_bytes(&mail.text);
        host.on_feedback(&untaught, if mail.is_spam { Class::Spam } else { Class::Ham }).unwrap();
        learned += 1;
    }
    let learning = began.elapsed();
    let began = Instant::now();
    let filter: Spam = host.configure(json!({})).unwrap();
    let training = began.elapsed();
    let mut scored = Vec::new();
    let mut time = Duration::ZERO;
    for mail in corpus.iter().filter(|mail| !learns(mail)) {
        host = host.message_bytes(&mail.text);
        let before = host.scores().len();
        let began = Instant::now();
        host.on_message(&filter).unwrap();
        time += began.elapsed();
        let (mut bayes, mut rules) = (0.0, 0.0);
        for (symbol, points) in host.scores().split_off(before) {
            *if symbol.starts_with("BAYES_") { &mut bayes } else { &mut rules } += points;
        }
        scored.push(Scored { mail, bayes, rules });
    }
    let count = |spam: bool| scored.iter().filter(|scored| scored.mail.is_spam == spam).count();
    println!(
        "{label}: {learned} learned in {learning:.0?}, trained in {training:.0?}; {} ham and {} spam judged",
        count(false),
        count(true)
    );
    println!("{:8} spam caught, by ham blocked:  0 %   0.1 %   0.5 %     1 %   2.5 %", "");
    table("Bayes", &scored, |scored| scored.bayes);
    table("rules", &scored, |scored| scored.rules);
    table("both", &scored, |scored| scored.bayes + scored.rules);
    for (what, threshold) in [("mark", 5.0), ("reject", 10.0)] {
        let reached = |spam: bool| {
            let hits = scored.iter().filter(|s| s.mail.is_spam == spam && s.bayes + s.rules >= threshold).count();
            100.0 * share(hits, count(spam))
        };
        println!("{what} at {threshold}: {:.2} % of spam, {:.2} % of ham", reached(true), reached(false));
    }
    let number = u32::try_from(scored.len()).unwrap();
    println!("{:.0} messages a second, {:?} each\n", f64::from(number) / time.as_secs_f64(), time / number);
    if std::env::var_os("VERBOSE").is_some() {
        worst(&scored);
    }
}

fn table(what: &str, scored: &[Scored<'_>], score: impl Fn(&Scored<'_>) -> f64) {
    let of = |spam: bool| -> Vec<f64> {
        let mut scores: Vec<f64> = scored.iter().filter(|s| s.mail.is_spam == spam).map(&score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    };
    let (ham, spam) = (of(false), of(true));
    print!("{what:8} {:23}", "");
    for permille in [0, 1, 5, 10, 25] {
        // So much ham may reach the threshold; it stands just above the next one.
        let allowed = ham.len() * permille / 1000;
        let caught = spam.iter().filter(|score| ham.get(allowed).is_none_or(|limit| *score > limit)).count();
        print!(" {:7.2}", 100.0 * share(caught, spam.len()));
    }
    println!();
}

fn worst(scored: &[Scored<'_>]) {
    let mut ordered: Vec<&Scored<'_>> = scored.iter().collect();
    ordered.sort_by(|a, b| (b.bayes + b.rules).total_cmp(&(a.bayes + a.rules)));
    for s in ordered.iter().filter(|s| !s.mail.is_spam).take(10) {
        println!("  ham  {:6.2} = {:6.2} Bayes {:+6.2} rules  {}", s.bayes + s.rules, s.bayes, s.rules, s.mail.name);
    }
    for s in ordered.iter().rev().filter(|s| s.mail.is_spam).take(30) {
        println!("  spam {:6.2} = {:6.2} Bayes {:+6.2} rules  {}", s.bayes + s.rules, s.bayes, s.rules, s.mail.name);
    }
}

fn share(part: usize, whole: usize) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole.max(1)).unwrap())
}

/// The half of a file: FNV-1a of its name.
fn half(salt: &str, name: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = salt.bytes().chain(name.bytes()).fold(0xcbf2_9ce4_8422_2325, fold);
    (hash ^ (hash >> 31)) % 2
}

fn unpack(folder: &Path) -> (PathBuf, bool) {
    if folder.join("spam").is_dir() {
        return (folder.to_owned(), false);
    }
    let packed = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let packed = packed
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".tar.xz"))
        .expect("no folder `spam`, no .tar.xz");
    let target = std::env::temp_dir().join(format!("postwarden-spam-{}", std::process::id()));
    std::fs::create_dir_all(&target).unwrap();
    let done = Command::new("tar").arg("-xJf").arg(packed).arg("-C").arg(&target).status().unwrap();
    assert!(done.success(), "tar");
    (target, true)
}

fn read(folder: &Path) -> Vec<Mail> {
    let mut corpus = Vec::new();
    for (kind, is_spam) in [("ham", false), ("hard-ham", false), ("spam", true)] {
        let Ok(files) = std::fs::read_dir(folder.join(kind)) else { continue };
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read(&file).unwrap();
            corpus.push(Mail { name, is_spam, text });
        }
    }
    corpus
}
