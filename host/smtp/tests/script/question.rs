//! Questions as a line of text.

use std::fmt::Write;

use postwarden_smtp::question::{BodyType, DeliverBy, Hold, Ret};
use postwarden_smtp::{Question, RecipientParameters, SenderParameters};

pub(crate) fn show(question: &Question) -> String {
    match question {
        Question::Connect => "Connect".into(),
        Question::Greeting => "Greeting".into(),
        Question::Password { user, authorization, password } => {
            format!("Password {user:?} as {authorization:?} with {:?}", String::from_utf8_lossy(&password.0))
        }
        Question::ScramVerifier { user } => format!("ScramVerifier {user:?}"),
        Question::ScramOutcome { user, authorization, proven } => {
            format!("ScramOutcome {user:?} as {authorization:?} {}", if *proven { "proven" } else { "wrong" })
        }
        Question::Sender { path, parameters } => format!("Sender <{path}>{}", sender(parameters)),
        Question::Recipient { path, parameters } => format!("Recipient <{path}>{}", recipient(parameters)),
        Question::Content => "Content".into(),
        Question::Message { size } => format!("Message {size}"),
        Question::Verify { argument } => format!("Verify {argument:?}"),
        Question::Expand { argument } => format!("Expand {argument:?}"),
    }
}

fn sender(parameters: &SenderParameters) -> String {
    let mut text = String::new();
    let SenderParameters { size, body, smtputf8, require_tls, ret, envid, auth, hold, deliver_by, priority } =
        parameters;
    if let Some(size) = size {
        write!(text, " size={size}").unwrap();
    }
    match body {
        BodyType::SevenBit => {}
        BodyType::EightBitMime => text.push_str(" 8bit"),
        BodyType::BinaryMime => text.push_str(" binary"),
    }
    if *smtputf8 {
        text.push_str(" smtputf8");
    }
    if *require_tls {
        text.push_str(" requiretls");
    }
    match ret {
        None => {}
        Some(Ret::Full) => text.push_str(" ret=full"),
        Some(Ret::Headers) => text.push_str(" ret=headers"),
    }
    if let Some(envid) = envid {
        write!(text, " envid={envid:?}").unwrap();
    }
    if let Some(auth) = auth {
        write!(text, " auth={auth:?}").unwrap();
    }
    match hold {
        None => {}
        Some(Hold::For(seconds)) => write!(text, " hold-for={seconds}").unwrap(),
        Some(Hold::Until(seconds)) => write!(text, " hold-until={seconds}").unwrap(),
    }
    if let Some(DeliverBy { seconds, notify, trace }) = deliver_by {
        write!(text, " by={seconds}").unwrap();
        text.push_str(if *notify { " notify" } else { " return" });
        text.push_str(if *trace { " trace" } else { "" });
    }
    if let Some(priority) = priority {
        write!(text, " priority={priority}").unwrap();
    }
    text
}

fn recipient(parameters: &RecipientParameters) -> String {
    let mut text = String::new();
    if let Some(notify) = parameters.notify {
        let on = [(notify.success, "success"), (notify.failure, "failure"), (notify.delay, "delay")];
        let words: Vec<&str> = on.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
        write!(text, " notify={}", if words.is_empty() { "never".into() } else { words.join(",") }).unwrap();
    }
    if let Some((kind, address)) = &parameters.original {
        write!(text, " orcpt={kind};{address}").unwrap();
    }
    text
}
