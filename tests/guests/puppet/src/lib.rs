//! A filter that does what its settings say, good or evil: `{"on-message": [["score", "SYM", 2.5], ["reject", "spam"]]}`.
//! Each hook runs its actions in order until one of them is a verdict.

mod evil;

use std::sync::{Mutex, OnceLock};

use serde_json::Value;

wit_bindgen::generate!({ path: "../../../wit/0.1", world: "full-filter" });

use exports::postwarden::filter::{
    on_connect, on_feedback, on_greeting, on_message, on_outcome, on_recipient, on_sender, setup,
};
use postwarden::filter::content::Message;
use postwarden::filter::dns::{self, Question, RecordData};
use postwarden::filter::smtp::{EditError, Session, Transaction};
use postwarden::filter::state::Bucket;
use postwarden::filter::telemetry::{self, Level};
use postwarden::filter::types::{Class, Failure, Objection, Reason, Recipient, Verdict};
use postwarden::filter::{assets, call, patterns, tcp};

static SETTINGS: OnceLock<Value> = OnceLock::new();
/// What `configure` has read from the state.
static LEARNED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Puppet;

/// What the hook was given.
struct Given {
    session: Option<Session>,
    transaction: Option<Transaction>,
    recipient: Option<Recipient>,
    message: Option<Message>,
}

type Answer = Result<Verdict, Failure>;

impl setup::Guest for Puppet {
    fn configure(settings: String) -> Result<(), Vec<setup::Problem>> {
        let settings: Value = serde_json::from_str(&settings).expect("settings are JSON");
        for action in settings["configure"].as_array().into_iter().flatten() {
            match text(action, 0) {
                "refuse" => {
                    let problem =
                        setup::Problem { path: text(action, 1).to_owned(), message: text(action, 2).to_owned() };
                    return Err(vec![problem]);
                }
                "log" => telemetry::log(Level::Info, text(action, 1), &[]),
                "define" => {
                    let words: Vec<Vec<u8>> = action[2]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|word| word.as_str().unwrap_or_default().into())
                        .collect();
                    let done = patterns::define(text(action, 1), &words, action[3].as_bool().unwrap_or(false));
                    telemetry::log(Level::Info, &format!("define {done:?}"), &[]);
                }
                "read-state" => read_state(text(action, 1)),
                name => evil::act(name, None).expect("an action of configure"),
            }
        }
        SETTINGS.get_or_init(|| settings);
        Ok(())
    }
}

impl on_connect::Guest for Puppet {
    fn check(session: Session) -> Answer {
        perform("on-connect", Given { session: Some(session), transaction: None, recipient: None, message: None })
    }
}

impl on_greeting::Guest for Puppet {
    fn check(session: Session) -> Answer {
        perform("on-greeting", Given { session: Some(session), transaction: None, recipient: None, message: None })
    }
}

impl on_sender::Guest for Puppet {
    fn check(session: Session, transaction: Transaction) -> Answer {
        perform(
            "on-sender",
            Given { session: Some(session), transaction: Some(transaction), recipient: None, message: None },
        )
    }
}

impl on_recipient::Guest for Puppet {
    fn check(session: Session, transaction: Transaction, recipient: Recipient) -> Answer {
        let given =
            Given { session: Some(session), transaction: Some(transaction), recipient: Some(recipient), message: None };
        perform("on-recipient", given)
    }
}

impl on_message::Guest for Puppet {
    fn check(session: Session, transaction: Transaction, message: Message) -> Answer {
        let given =
            Given { session: Some(session), transaction: Some(transaction), recipient: None, message: Some(message) };
        perform("on-message", given)
    }
}

impl on_outcome::Guest for Puppet {
    fn note(session: Session, transaction: Transaction, outcome: String, reply: String) {
        telemetry::log(Level::Info, &format!("outcome {outcome}: {reply}"), &[]);
        let _ = perform(
            "on-outcome",
            Given { session: Some(session), transaction: Some(transaction), recipient: None, message: None },
        );
    }
}

impl on_feedback::Guest for Puppet {
    fn learn(message: Message, class: Class) -> Result<(), Failure> {
        telemetry::log(Level::Info, &format!("learn {class:?}"), &[]);
        perform("on-feedback", Given { session: None, transaction: None, recipient: None, message: Some(message) })?;
        Ok(())
    }
}

export!(Puppet);

/// The value of one key, or of `many`: the number and bytes of all keys below `lesson/`, read a thousand at a time.
fn read_state(key: &str) {
    let bucket = Bucket::open("").expect("state is granted");
    let said = match key {
        "many" => {
            let (mut count, mut bytes, mut after) = (0, 0, None);
            loop {
                let keys = bucket.list_keys("lesson/", after.as_deref(), 1000).expect("keys");
                let Some(last) = keys.last() else { break format!("{count} keys {bytes} bytes") };
                let values = bucket.get_many(&keys).expect("values");
                count += values.len();
                bytes += values.into_iter().flatten().map(|value| value.len()).sum::<usize>();
                after = Some(last.clone());
            }
        }
        key => match bucket.get(key).expect("a value") {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "nothing".to_owned(),
        },
    };
    LEARNED.lock().expect("one thread").push(said);
}

fn perform(hook: &str, given: Given) -> Answer {
    let nothing = Value::Null;
    let settings = SETTINGS.get().unwrap_or(&nothing);
    for action in settings[hook].as_array().into_iter().flatten() {
        if let Some(answer) = act(action, &given) {
            return answer;
        }
    }
    Ok(Verdict::Pass)
}

fn text(action: &Value, index: usize) -> &str {
    action[index].as_str().unwrap_or_default()
}

/// One action. A verdict ends the hook.
fn act(action: &Value, given: &Given) -> Option<Answer> {
    let edit = |done: Result<(), EditError>| {
        if let Err(error) = done {
            telemetry::log(Level::Warn, &format!("edit refused: {error:?}"), &[]);
        }
    };
    match text(action, 0) {
        // ["if-text", "needle", [action, ...]]: the raw message holds it
        "if-text" => {
            let message = given.message.as_ref()?;
            let content = message.read(0, u32::MAX);
            let needle = text(action, 1).as_bytes();
            if content.windows(needle.len().max(1)).any(|window| window == needle) {
                return action[2].as_array()?.iter().find_map(|action| act(action, given));
            }
        }
        "if-recipient" => {
            if given.recipient.as_ref()?.address == text(action, 1) {
                return action[2].as_array()?.iter().find_map(|action| act(action, given));
            }
        }
        "if-sender" => {
            if given.transaction.as_ref()?.get_sender() == text(action, 1) {
                return action[2].as_array()?.iter().find_map(|action| act(action, given));
            }
        }
        "score" => {
            edit(given.transaction.as_ref()?.add_score(text(action, 1), action[2].as_f64()?, action[3].as_str()));
        }
        "score-nan" => edit(given.transaction.as_ref()?.add_score("NAN", f64::NAN, None)),
        "add-header" => edit(given.transaction.as_ref()?.add_header(text(action, 1), text(action, 2))),
        "replace-header" => {
            let index = action[2].as_u64()? as u32;
            edit(given.transaction.as_ref()?.replace_header(text(action, 1), index, text(action, 3)));
        }
        "remove-header" => {
            let index = action[2].as_u64().map(|index| index as u32);
            edit(given.transaction.as_ref()?.remove_header(text(action, 1), index));
        }
        // ["replace-part", index, "media/type", "content"]
        "replace-part" => {
            let index = action[1].as_u64()? as u32;
            edit(given.transaction.as_ref()?.replace_part(index, text(action, 2), text(action, 3).as_bytes()));
        }
        "attribute" => {
            let value = given.transaction.as_ref()?.get_attribute(text(action, 1));
            telemetry::log(Level::Info, &format!("attribute {value:?}"), &[]);
        }
        "add-recipient" => edit(given.transaction.as_ref()?.add_recipient(text(action, 1))),
        "remove-recipient" => edit(given.transaction.as_ref()?.remove_recipient(text(action, 1))),
        "set-sender" => edit(given.transaction.as_ref()?.set_sender(text(action, 1))),
        "note" => edit(given.session.as_ref()?.set_note(text(action, 1), text(action, 2).as_bytes())),
        "show-note" => {
            let note = given.session.as_ref()?.get_note(text(action, 1)).unwrap_or_default();
            telemetry::log(Level::Info, &format!("note {}", String::from_utf8_lossy(&note)), &[]);
        }
        "log" => telemetry::log(Level::Info, text(action, 1), &[]),
        // ["find", "set", "bytes"], or without bytes: in the message and in part 0
        "find" => {
            let (set, every, limit) =
                (text(action, 1), patterns::Places::Every, action[3].as_u64().unwrap_or(9) as u32);
            let show = |found: Result<Vec<patterns::Found>, patterns::Error>| match found {
                Ok(found) => {
                    found.iter().map(|found| format!("{}@{}", found.pattern, found.start)).collect::<Vec<_>>().join(" ")
                }
                Err(error) => format!("{error:?}"),
            };
            if let Some(bytes) = action[2].as_str() {
                let found = patterns::find_in_bytes(set, bytes.as_bytes(), every, limit);
                telemetry::log(Level::Info, &format!("found {}", show(found)), &[]);
            } else if let Some(message) = &given.message {
                let part = message.get_part(0)?;
                let [whole, part] = [
                    patterns::find_in_message(set, message, every, limit),
                    patterns::find_in_part(set, &part, patterns::Places::First, limit),
                ];
                telemetry::log(Level::Info, &format!("found {}; {}", show(whole), show(part)), &[]);
            }
            if patterns::define(set, &[], false).is_ok() {
                telemetry::log(Level::Error, "a hook could define patterns", &[]);
            }
        }
        "facts" => facts(given),
        "dns" => {
            let answer = dns::resolve(&Question { name: text(action, 1).to_owned(), record_type: 1 });
            let said = match answer {
                Ok(answer) => format!("{:?}", answer.records.iter().map(show).collect::<Vec<_>>()),
                Err(error) => format!("{error:?}"),
            };
            telemetry::log(Level::Info, &format!("dns {said}"), &[]);
        }
        // ["set-state", "key", "value"], in the filter's own bucket
        "set-state" => {
            let said = match Bucket::open("") {
                Ok(bucket) => format!("{:?}", bucket.set(text(action, 1), text(action, 2).as_bytes(), None)),
                Err(error) => format!("{error:?}"),
            };
            telemetry::log(Level::Info, &format!("set {said}"), &[]);
        }
        // What `configure` has read.
        "learned" => {
            let learned = LEARNED.lock().map(|learned| learned.join(",")).unwrap_or_default();
            telemetry::log(Level::Info, &format!("learned {learned}"), &[]);
        }
        "count-in-state" => {
            let said = match Bucket::open(text(action, 1)) {
                Ok(bucket) => format!("{:?}", bucket.increment("count", 1, None)),
                Err(error) => format!("{error:?}"),
            };
            telemetry::log(Level::Info, &format!("state {said}"), &[]);
        }
        "connect" => {
            let port = action[2].as_u64()? as u16;
            let said = match tcp::Connection::open(text(action, 1), port) {
                Ok(connection) => format!("{:?}", connection.write(b"ping").and_then(|()| connection.read(100))),
                Err(error) => format!("{error:?}"),
            };
            telemetry::log(Level::Info, &format!("tcp {said}"), &[]);
        }
        "asset" => {
            let said = String::from_utf8_lossy(&assets::read(text(action, 1), 0, 1000)).into_owned();
            telemetry::log(Level::Info, &format!("asset {said}"), &[]);
        }
        "fail" => return Some(Err(Failure { retryable: true, message: text(action, 1).to_owned() })),
        "pass" => return Some(Ok(Verdict::Pass)),
        "accept" => return Some(Ok(Verdict::Accept)),
        "reject" => return Some(Ok(Verdict::Reject(objection(action)))),
        "defer" => return Some(Ok(Verdict::Defer(objection(action)))),
        "discard" => return Some(Ok(Verdict::Discard(objection(action)))),
        "quarantine" => return Some(Ok(Verdict::Quarantine(objection(action)))),
        "challenge" => return Some(Ok(Verdict::Challenge(objection(action)))),
        "other" => return Some(Ok(Verdict::Other(text(action, 1).to_owned()))),
        "big-detail" => {
            let detail = Some("x".repeat(action[1].as_u64()? as usize));
            return Some(Ok(Verdict::Reject(Objection { reason: Reason::Filter, detail, reply_text: None })));
        }
        name => {
            if let Err(unknown) = evil::act(name, Some(given)) {
                return Some(Err(Failure { retryable: false, message: unknown }));
            }
        }
    }
    None
}

/// `["reject", "spam", "detail", "reply text"]`
fn objection(action: &Value) -> Objection {
    let reason = match text(action, 1) {
        "virus" => Reason::Virus,
        "content" => Reason::Content,
        "spam" => Reason::Spam,
        "access" => Reason::Access,
        "" | "filter" => Reason::Filter,
        other => Reason::Other(other.to_owned()),
    };
    let own = |index: usize| action[index].as_str().map(str::to_owned);
    Objection { reason, detail: own(2), reply_text: own(3) }
}

fn show(record: &RecordData) -> String {
    format!("{record:?}")
}

/// Everything the contract tells, in the log: what a test compares.
fn facts(given: &Given) {
    let log = |what: String| telemetry::log(Level::Info, &what, &[]);
    let Some(session) = &given.session else { return };
    log(format!("name {} shadow {} time {}", call::get_filter_name(), call::is_shadow(), call::get_time()));
    log(format!("listener {} user {:?}", session.get_listener(), session.get_user()));
    log(format!("remote {:?} port {}", session.get_remote_address(), session.get_remote_port()));
    log(format!("helo {:?} reverse {:?}", session.get_helo(), session.get_reverse_name()));
    log(format!("tls {:?}", session.get_tls_version()));
    if let Some(transaction) = &given.transaction {
        let recipients: Vec<_> =
            transaction.list_recipients(0, 1000).into_iter().map(|recipient| recipient.address).collect();
        log(format!("sender {} recipients {recipients:?} score {}", transaction.get_sender(), transaction.get_score()));
    }
    if let Some(message) = &given.message {
        log(format!("size {} fields {} parts {}", message.get_size(), message.count_fields(), message.count_parts()));
        log(format!("subject {:?}", message.get_decoded_fields("Subject")));
        for part in (0..message.count_parts()).filter_map(|index| message.get_part(index)) {
            let text = part.read_text(0, 1000).map(|chunk| chunk.text);
            log(format!("part {} {} {:?} {text:?}", part.get_index(), part.get_media_type(), part.get_filename()));
        }
        log(format!("defects {:?}", message.get_defects()));
    }
}
