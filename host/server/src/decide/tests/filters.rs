//! Scenes of the filter chain: scripted filters, no sandbox. `filters.txt` says how to read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use postwarden_sandbox::{
    Call, Cause, Class, Edit, Evaluation, Failure, Hook, Level, LogLine, Objection, Reason, Score, Verdict,
};
use postwarden_smtp::SenderParameters;

use super::fake::lock;
use super::script::{Scene, play, scenes};
use crate::chain;
use crate::filters::{Canary, Evaluator, Slot, Version};

pub(super) type Calls = Arc<Mutex<Vec<String>>>;
/// What a version says at each hook, and what each filter of a scene says now.
type Script = BTreeMap<Hook, Vec<String>>;
pub(super) type Scripts = BTreeMap<String, Script>;

/// Answers each hook as it was told; a hook nobody spoke of passes.
struct Scripted {
    /// `FILTER` or `FILTER/VERSION`.
    name: String,
    script: Script,
    calls: Calls,
}

#[async_trait]
impl Evaluator for Scripted {
    fn hooks(&self) -> &[Hook] {
        &Hook::ALL
    }

    async fn call(&self, call: Call) -> Evaluation {
        let words = self.script.get(&call.hook);
        let Some(words) = words else { return evaluation(call.hook, &["pass".to_owned()]) };
        lock(&self.calls).push(describe(&self.name, &call));
        let mut evaluation = evaluation(call.hook, words);
        let mut notes = call.notes;
        notes.insert(call.hook.interface().to_owned(), Vec::new());
        evaluation.notes = Some(notes);
        evaluation
    }
}

fn describe(name: &str, call: &Call) -> String {
    let mut told = format!("{name}:{}", call.hook.interface());
    if let Some(recipient) = &call.recipient {
        told.push_str(&format!("<{}>", recipient.address));
    }
    if let Some(message) = &call.message {
        let subject = message.decoded_fields("Subject").join(",");
        told.push_str(&format!("[{subject}]{:+.1}", call.score));
    }
    if let (Hook::Message, Some(transaction)) = (call.hook, &call.transaction) {
        let all: Vec<_> = transaction.recipients.iter().map(|one| one.address.as_str()).collect();
        told.push_str(&format!("{}>{}", transaction.sender, all.join(",")));
    }
    if let Some(outcome) = &call.outcome {
        told.push_str(&format!("={}({})", outcome.outcome, call.notes.len()));
    }
    told
}

/// `VERDICT[/REASON[/TEXT]]` or `fail/CAUSE`, then points and edits.
fn evaluation(hook: Hook, words: &[String]) -> Evaluation {
    let mut made = Evaluation {
        verdict: Ok(Verdict::Pass),
        scores: Vec::new(),
        edits: Vec::new(),
        notes: None,
        log: vec![LogLine { level: Level::Info, message: "\u{1b}[2J".to_owned(), fields: Vec::new() }],
        log_dropped: 0,
        counters: vec![("seen".to_owned(), 1)],
        host_calls: 0,
        took: Duration::from_micros(7),
    };
    let (verdict, rest) = words.split_first().unwrap();
    let parts: Vec<&str> = verdict.split('/').collect();
    let objection = Objection {
        reason: match parts.get(1).copied().unwrap_or("filter") {
            "virus" => Reason::Virus,
            "content" => Reason::Content,
            "spam" => Reason::Spam,
            "access" => Reason::Access,
            _ => Reason::Filter,
        },
        detail: Some("why".to_owned()),
        reply_text: parts.get(2).map(|text| text.replace('_', " ").replace('~', "\n")),
    };
    made.verdict = match parts[0] {
        "pass" => Ok(Verdict::Pass),
        "accept" => Ok(Verdict::Accept),
        "reject" => Ok(Verdict::Reject(objection)),
        "defer" => Ok(Verdict::Defer(objection)),
        "discard" => Ok(Verdict::Discard(objection)),
        "quarantine" => Ok(Verdict::Quarantine(objection)),
        "challenge" => Ok(Verdict::Challenge(objection)),
        "fail" => {
            let cause = Cause::ALL.into_iter().find(|cause| Some(&cause.name()) == parts.get(1)).unwrap();
            Err(Failure { hook, cause, call: Some("get-size"), detail: "it broke".to_owned() })
        }
        other => panic!("verdict: {other}"),
    };
    for word in rest {
        let (key, value) = word.split_once(['=', ':']).unwrap_or((word, ""));
        let (key, value) = (key.to_owned(), value.replace('_', " "));
        match key.as_str() {
            "+rcpt" => made.edits.push(Edit::AddRecipient(value)),
            "-rcpt" => made.edits.push(Edit::RemoveRecipient(value)),
            "from" => made.edits.push(Edit::SetSender(value)),
            _ if key.starts_with('+') => made.edits.push(Edit::AddHeader { name: key[1..].to_owned(), value }),
            _ if key.starts_with('-') => {
                made.edits.push(Edit::RemoveHeader { name: key[1..].to_owned(), index: None });
            }
            _ if key.starts_with('!') => {
                made.edits.push(Edit::ReplaceHeader { name: key[1..].to_owned(), index: 0, value });
            }
            _ => made.scores.push(Score { symbol: key, points: value.parse().unwrap(), detail: None }),
        }
    }
    made
}

static VERSIONS: AtomicU64 = AtomicU64::new(0);

impl Scene {
    /// `install NAME [VERSION]`, `filter NAME HOOK ANSWER…`, `canary NAME HOOK ANSWER…`
    pub(super) fn script(&mut self, words: &[&str]) {
        let slot = self.node.filters.slot(words[1]).unwrap();
        match words {
            ["install", name, label @ ..] => {
                slot.install(self.version(&format!("{name}/{}", label.first().unwrap_or(&"new")), &[]));
            }
            ["canary", name, answer @ ..] => {
                let version = self.version(&format!("{name}/canary"), answer);
                slot.canary.store(Some(Arc::new(Canary { version, share: 1.0 })));
            }
            // A new version has all answers of the last one: whoever began with that keeps it.
            [_, name, hook, answer @ ..] => {
                let script = self.scripts.entry((*name).to_owned()).or_default();
                script.insert(hook_of(hook), owned(answer));
                let script = script.clone();
                let made = self.scripted(name, script);
                slot.rollback();
                slot.install(made);
            }
            _ => panic!("{words:?}"),
        }
    }

    fn version(&self, name: &str, answer: &[&str]) -> Arc<Version> {
        let script = answer.split_first().map(|(hook, words)| (hook_of(hook), owned(words)));
        self.scripted(name, script.into_iter().collect())
    }

    fn scripted(&self, name: &str, script: Script) -> Arc<Version> {
        let id = format!("{:064x}", VERSIONS.fetch_add(1, Ordering::SeqCst));
        Arc::new(Version {
            component: id.clone(),
            id,
            source: name.to_owned(),
            loaded: 0,
            no_snapshot: None,
            state: None,
            evaluator: Arc::new(Scripted { name: name.to_owned(), script, calls: Arc::clone(&self.calls) }),
        })
    }

    /// The message stored last: its header, sender and hold.
    pub(super) async fn kept(&self) -> String {
        let Some(mut message) = lock(&self.fake.accepted).pop() else { return "nothing".to_owned() };
        let head = String::from_utf8(message.content.head(1000).await.unwrap()).unwrap();
        let told = format!("<{}> {}", message.envelope.sender, head.trim_end().replace("\r\n", "|"));
        let event = message.history.as_ref().map(|history| history.event.clone()).unwrap();
        let hold = message.hold.as_ref().map(|hold| format!(" {:?} {}", hold.reason, hold.detail)).unwrap_or_default();
        lock(&self.fake.accepted).push(message);
        format!("{event}{hold} {told}")
    }
}

fn hook_of(name: &str) -> Hook {
    Hook::ALL.into_iter().find(|known| known.interface() == format!("on-{name}")).unwrap()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters() {
    let scenes = scenes(include_str!("filters.txt"));
    assert!(scenes.len() > 15, "only {} scenes were read", scenes.len());
    for (name, lines) in scenes {
        play(&name, &lines).await;
    }
}

const ONE: &str = "[[filter]]\nname = \"own\"\ncomponent = \"own.wasm\"\n";

async fn letter(scene: &mut Scene) -> String {
    scene.mail("<x@far.example>", SenderParameters::default()).await;
    scene.rcpt("<alice@example.com>").await;
    format!("{:?}", scene.data(b"Subject: x\r\n\r\nbody\r\n").await)
}

/// Each filter's word on a message stands in its history.
#[tokio::test]
async fn history_says_what_each_filter_said() {
    let mut scene = Scene::new(&format!("{ONE}shadow = true\n[[filter]]\nname = \"two\"\ncomponent = \"two.wasm\"\n"));
    scene.fake.add_line("account alice@example.com");
    scene.script(&["filter", "own", "message", "reject/virus", "S=3"]);
    scene.script(&["filter", "two", "message", "pass", "T=-1.5", "+X-A:1"]);
    scene.script(&["canary", "two", "message", "reject/content"]);
    assert!(letter(&mut scene).await.contains("Queued"));
    let history = lock(&scene.fake.accepted)[0].history.clone().unwrap();
    assert_eq!(history.detail, "own (shadow): reject (virus): why S=+3.0; two: pass T=-1.5");
    assert_eq!(history.facts["score"], -1.5);
    let decisions = history.facts["filters"].as_array().unwrap();
    let said: Vec<_> = decisions.iter().filter(|decision| decision["hook"] == "on-message").collect();
    assert_eq!(
        (&said[0]["filter"], &said[0]["shadow"], &said[0]["reason"]),
        (&"own".into(), &true.into(), &"virus".into())
    );
    assert_eq!((&said[1]["microseconds"], &said[1]["edits"][0]), (&7.into(), &"add X-A".into()));
    assert_eq!((&said[1]["canary"]["verdict"], &said[1]["canary"]["agrees"]), (&"reject".into(), &false.into()));
    assert_eq!(said[1]["version"].as_str().unwrap().len(), 12);
    let totals = scene.node.filters.slot("two").unwrap().stats.totals();
    assert_eq!((totals.canary.disagreed, totals.counters["seen"]), (1, totals.calls));
    assert!(totals.canary.examples[0].contains("on-message: pass -1.5, canary reject"), "{totals:?}");
}

/// The breaker goes back a version; without one, `on-failure` answers and the filter is tried again later.
#[tokio::test]
async fn a_filter_that_keeps_failing_is_rolled_back_or_left_alone() {
    let mut scene = Scene::new(&format!("{ONE}breaker = {{ failures = 3, within = \"1m\", pause = \"30s\" }}\n"));
    scene.fake.add_line("account alice@example.com");
    let slot = scene.node.filters.slot("own").unwrap();
    slot.install(scene.version("own/good", &["message", "reject/content"]));
    slot.install(scene.version("own/bad", &["message", "fail/trap"]));
    // Two fail; with the third it is enough, also for that message.
    for _ in 0..3 {
        assert_eq!(letter(&mut scene).await, "Refuse(Unavailable)");
    }
    assert_eq!(slot.standing().unwrap().source, "own/good");
    assert_eq!(letter(&mut scene).await, "Refuse(Content(None))");
    while slot.previous().is_some() {
        slot.rollback();
    }
    // The only version there is: not asked for a while, then one call tries.
    let config = (**slot.config.load()).clone();
    let alone = Slot::new(config, Some(scene.version("own/bad", &["message", "fail/trap"])));
    scene.node.filters.set(vec![Arc::clone(&alone)]);
    lock(&scene.calls).clear();
    for _ in 0..5 {
        assert_eq!(letter(&mut scene).await, "Refuse(Unavailable)");
    }
    assert_eq!(lock(&scene.calls).len(), 3);
    assert!(alone.breaker_open() && alone.stats.totals().not_asked == 2);
    scene.now += 30_000;
    letter(&mut scene).await;
    letter(&mut scene).await;
    assert_eq!(lock(&scene.calls).len(), 4);
    alone.install(scene.version("own/repaired", &["message", "reject/virus"]));
    assert_eq!(letter(&mut scene).await, "Refuse(Virus)");
    assert!(!alone.breaker_open());
}

/// Each filter that learns is asked; what one fails at is told and stops nobody.
#[tokio::test]
async fn feedback_reaches_every_filter_that_learns() {
    let mut scene = Scene::new(&format!("{ONE}[[filter]]\nname = \"two\"\ncomponent = \"two.wasm\"\n"));
    scene.script(&["filter", "own", "feedback", "fail/guest"]);
    scene.script(&["filter", "two", "feedback", "pass"]);
    let message = b"Subject: x\r\n\r\nbody\r\n".to_vec();
    let learned = chain::feedback(&scene.node, message, Class::Spam).await;
    let told: Vec<_> = learned.iter().map(|learned| (learned.filter.as_str(), learned.result.is_ok())).collect();
    assert_eq!(told, [("own", false), ("two", true)]);
    assert!(learned[0].result.as_ref().unwrap_err().contains("it broke"), "{learned:?}");
    assert_eq!(lock(&scene.calls).join(" "), "own:on-feedback[x]+0.0 two:on-feedback[x]+0.0");
}

/// Filters hear what became of a message, with their notes; the client does not wait for it.
#[tokio::test]
async fn outcomes_are_told() {
    let mut scene = Scene::new(ONE);
    scene.fake.add_line("account alice@example.com");
    scene.script(&["filter", "own", "outcome", "pass"]);
    scene.script(&["filter", "own", "recipient", "pass"]);
    letter(&mut scene).await;
    scene.script(&["filter", "own", "message", "reject/virus"]);
    letter(&mut scene).await;
    for _ in 0..500 {
        if lock(&scene.calls).iter().filter(|call| call.contains("outcome")).count() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let calls = lock(&scene.calls).join(" ");
    assert!(calls.contains("own:on-outcome=queued(1)") && calls.contains("own:on-outcome=rejected(2)"), "{calls}");
}
