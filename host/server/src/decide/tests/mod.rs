//! Tests of decisions: what the scenes of the policies share.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
//! `policies.txt` holds sessions as decisions see them; its head says how to read it.

pub(crate) mod fake;
mod filters;
mod script;

use std::sync::atomic::Ordering;

use postwarden_smtp::question::{DeliverBy, Hold, Notify, Ret};
use postwarden_smtp::{Answer, Refusal, SenderParameters};
use postwarden_store::Error;

use fake::lock;
use script::{Scene, scenes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies() {
    let scenes = scenes(include_str!("policies.txt"));
    assert!(scenes.len() > 30, "only {} scenes were read", scenes.len());
    for (name, lines) in scenes {
        script::play(&name, &lines).await;
    }
}

/// Every cause that built-in policies know is reached by a scene.
#[test]
fn every_policy_has_a_scene() {
    let text = include_str!("policies.txt");
    let causes = [
        Refusal::AuthFailed,
        Refusal::AuthUnavailable,
        Refusal::AuthBlocked,
        Refusal::ReverseNameUnavailable,
        Refusal::SenderNotYours,
        Refusal::AuthRequired,
        Refusal::RelayDenied,
        Refusal::RelayLimits,
        Refusal::RelayLocalOnly,
        Refusal::LocalSenderUnauthorised,
        Refusal::NotAMember,
        Refusal::ReceivingOff,
        Refusal::UnknownUser,
        Refusal::UnknownUserRejecting,
        Refusal::NoSuchUser,
        Refusal::NoSuchList,
        Refusal::MessageTooBig,
        Refusal::MailboxFull,
        Refusal::MailboxFullTemporary,
        Refusal::NoSpace,
        Refusal::TooManyHops,
        Refusal::Unavailable,
        Refusal::ServiceNotAvailable,
        Refusal::AddressLoop,
    ];
    for cause in causes {
        assert!(text.contains(&format!("=> {cause:?}\n")), "no scene ends in {cause:?}");
    }
}

/// Row 8, and a client whose name does not lead back to it, which has one.
#[tokio::test]
async fn clients_without_a_reverse_name() {
    let stub = crate::dns::tests::stub().await;
    let config = format!("[security]\nreject-no-rdns = true\n[delivery]\nresolver = [\"{}\"]\n", stub.address);
    let mut scene = Scene::new(&config);
    let cases = [
        ("192.0.2.1", Answer::Proceed),
        ("192.0.2.2", Answer::Proceed),
        ("192.0.2.3", Answer::Refuse(Refusal::NoReverseName)),
        ("192.0.2.4", Answer::Refuse(Refusal::ReverseNameUnavailable)),
        ("10.0.0.3", Answer::Proceed),
    ];
    for (client, expected) in cases {
        scene.client(client, "mx");
        assert_eq!(scene.mail("<x@far.example>", SenderParameters::default()).await, expected, "{client}");
    }
    // A name that was asked for anyway stands in the trace.
    scene.fake.add_line("account alice@example.com");
    scene.client("192.0.2.1", "mx");
    scene.mail("<x@far.example>", SenderParameters::default()).await;
    scene.rcpt("<alice@example.com>").await;
    scene.data(b"\r\n").await;
    let accepted = lock(&scene.fake.accepted);
    let trace = String::from_utf8(accepted[0].trace.clone()).unwrap();
    assert!(trace.contains("(mail.client.example [192.0.2.1])"), "{trace}");
}

/// Nothing is asked of the DNS where no policy wants to know.
#[tokio::test]
async fn no_needless_dns() {
    let stub = crate::dns::tests::stub().await;
    let mut scene = Scene::new(&format!("[delivery]\nresolver = [\"{}\"]\n", stub.address));
    scene.fake.add_line("account alice@example.com");
    scene.mail("<x@far.example>", SenderParameters::default()).await;
    scene.rcpt("<alice@example.com>").await;
    scene.data(b"\r\n").await;
    assert_eq!(stub.queries.load(Ordering::SeqCst), 0);
}

/// What the queue keeps of a message with everything a client can say about it.
#[tokio::test]
async fn the_envelope_is_kept_whole() {
    let mut scene = Scene::new("");
    for line in ["account alice@example.com", "list news@example.com bob@far.example", "account bob@example.com"] {
        scene.fake.add_line(line);
    }
    scene.client("10.0.0.1", "mx");
    let parameters = SenderParameters {
        ret: Some(Ret::Headers),
        envid: Some("id 7".to_owned()),
        hold: Some(Hold::For(3600)),
        deliver_by: Some(DeliverBy { seconds: 7200, notify: true, trace: false }),
        priority: Some(-3),
        require_tls: true,
        smtputf8: true,
        ..SenderParameters::default()
    };
    assert_eq!(scene.mail("<Sender@Far.example>", parameters).await, Answer::Proceed);
    for to in ["<Alice+x@Example.COM>", "<news@example.com>", "<alice@example.com>", "<x y@far.example>"] {
        assert_eq!(scene.rcpt(to).await, Answer::Proceed, "{to}");
    }
    let recipients = &mut scene.transaction.as_mut().unwrap().recipients;
    for recipient in recipients.iter_mut() {
        recipient.parameters.notify = Some(Notify { success: true, failure: false, delay: true });
        recipient.parameters.original = Some(("rfc822".to_owned(), "orig@far.example".to_owned()));
    }
    recipients[3].parameters.notify = Some(Notify::default());
    assert!(matches!(scene.data(b"Subject: x\r\n\r\nhi\r\n").await, Answer::Taken { .. }));

    let accepted = lock(&scene.fake.accepted);
    let message = accepted.last().unwrap();
    let envelope = &message.envelope;
    assert_eq!(envelope.sender, "Sender@far.example");
    assert_eq!((envelope.client.as_str(), envelope.listener.as_str()), ("10.0.0.1", "mx"));
    assert_eq!((envelope.ret.as_deref(), envelope.envid.as_deref()), (Some("HDRS"), Some("id 7")));
    assert_eq!(envelope.deliver_by, Some((scene.now + 7_200_000, true)));
    assert!(envelope.require_tls && envelope.smtputf8 && !envelope.generated && !envelope.tls);
    assert_eq!((envelope.priority, envelope.body.as_str()), (-3, "7BIT"));

    let rows: Vec<_> = message
        .recipients
        .iter()
        .map(|row| {
            (
                row.address.as_str(),
                row.original.as_str(),
                row.sender.as_deref(),
                row.notify.as_deref(),
                row.orcpt.is_some(),
            )
        })
        .collect();
    let list = Some("news-owner@example.com");
    assert_eq!(
        rows,
        [
            // Once, though two ways lead there; what the list sends asks nothing in the poster's name.
            ("alice@example.com", "Alice+x@example.com", None, Some("SUCCESS,DELAY"), true),
            ("bob@far.example", "news@example.com", list, None, false),
            ("x y@far.example", "x y@far.example", None, Some("NEVER"), true),
        ]
    );
    let due = scene.now + 3_600_000;
    assert!(message.recipients.iter().all(|row| row.due == due && row.expires == due + 4 * 86_400_000));
    let trace = String::from_utf8(message.trace.clone()).unwrap();
    assert!(
        trace.contains("by mx.example.com") && trace.contains("with UTF8SMTP id") && !trace.contains("for <"),
        "{trace}"
    );
    let history = message.history.as_ref().unwrap();
    assert_eq!(
        (history.event.as_str(), history.id.clone(), history.recipients.len()),
        ("received", message.id.to_string(), 4)
    );
}

/// The only recipient stands in the trace; the confirmed name of a client only if it is known already.
#[tokio::test]
async fn one_recipient_is_named_in_the_trace() {
    let mut scene = Scene::new("");
    scene.fake.add_line("account alice@example.com");
    scene.mail("<>", SenderParameters::default()).await;
    scene.rcpt("<alice@example.com>").await;
    assert!(matches!(scene.data(b"\r\n").await, Answer::Taken { .. }));
    let accepted = lock(&scene.fake.accepted);
    let trace = String::from_utf8(accepted[0].trace.clone()).unwrap();
    assert!(trace.contains("for <alice@example.com>") && trace.contains("([192.0.2.7])"), "{trace}");
    assert_eq!(accepted[0].envelope.sender, "");
}

/// A hot RCPT asks the store for nothing.
#[tokio::test]
async fn known_addresses_cost_no_round_trip() {
    let mut scene = Scene::new("");
    scene.fake.add_line("account alice@example.com");
    scene.mail("<x@far.example>", SenderParameters::default()).await;
    for _ in 0..1000 {
        assert_eq!(scene.rcpt("<alice@example.com>").await, Answer::Proceed);
    }
    assert_eq!(scene.fake.lookups.load(Ordering::SeqCst), 1);
    assert_eq!(scene.fake.polls.load(Ordering::SeqCst), 1);
}

/// EHLO must not announce less than some recipient takes.
#[test]
fn the_announced_size_is_the_largest_possible() {
    let announced = |text: &str| {
        let text = format!(
            "hostname = \"mx.example.com\"\n[smtp]\nmax-message-size = \"50MiB\"\nhard-ceiling = \"100MiB\"\n{text}"
        );
        super::announced_size(&crate::config::read::parse(&text, std::path::Path::new("test.toml")).unwrap().config)
    };
    assert_eq!(announced("[domains.\"a.example\"]\nmax-message-size = \"90MiB\"\n"), 50 << 20);
    assert_eq!(announced("[domains.\"a.example\"]\noverride-global-limits = true\n"), 100 << 20);
}

/// Guessing in many sessions at once gains nothing over one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_counted_over_sessions_at_once() {
    let config = "[auth]\nmax-failures-per-ip = { count = 5, within = \"10m\", block-for = \"30m\" }\n";
    let scene = Scene::new(config);
    scene.fake.add_line("account alice@example.com");
    let mut sessions = tokio::task::JoinSet::new();
    for _ in 0..40 {
        sessions.spawn(scene.guess("alice@example.com", "wrong"));
    }
    let answers = sessions.join_all().await;
    let count = |refusal: Refusal| answers.iter().filter(|answer| **answer == Answer::Refuse(refusal.clone())).count();
    assert_eq!((count(Refusal::AuthFailed), count(Refusal::AuthBlocked)), (5, 35));
}

/// Of many sessions at once, no more get through than the limit allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_limits_hold_against_sessions_at_once() {
    let mut scene = Scene::new("");
    scene.fake.add_line("account alice@example.com messages=3");
    scene.client("192.0.2.7", "submission");
    scene.login("alice@example.com");
    scene.mail("<alice@example.com>", SenderParameters::default()).await;
    assert_eq!(scene.rcpt("<x@far.example>").await, Answer::Proceed);
    // All were told yes at RCPT; the end of the content decides.
    let mut taken = 0;
    for _ in 0..10 {
        match scene.data(b"\r\n").await {
            Answer::Taken { .. } => taken += 1,
            Answer::Refuse(Refusal::RelayLimits) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken, 3);
    assert_eq!(lock(&scene.fake.accepted).len(), 3);
}

/// A message that could not be stored is not counted, and was not taken.
#[tokio::test]
async fn a_full_store_is_a_temporary_refusal_and_counts_nothing() {
    let mut scene = Scene::new("");
    scene.fake.add_line("account alice@example.com messages=1");
    scene.client("192.0.2.7", "submission");
    scene.login("alice@example.com");
    scene.mail("<alice@example.com>", SenderParameters::default()).await;
    scene.rcpt("<x@far.example>").await;
    scene.fake.refuse_accept.store(true, Ordering::SeqCst);
    assert_eq!(scene.data(b"\r\n").await, Answer::Refuse(Refusal::NoSpace));
    scene.fake.refuse_accept.store(false, Ordering::SeqCst);
    assert!(matches!(scene.data(b"\r\n").await, Answer::Taken { .. }));
    assert_eq!(scene.data(b"\r\n").await, Answer::Refuse(Refusal::RelayLimits));
    let notes = lock(&scene.fake.notes);
    let told: Vec<_> = notes.iter().map(|note| note.event.as_str()).collect();
    // What the limit did is told once, and the message of its own.
    assert_eq!(told, ["refused", "send-limit", "refused"]);
}

/// Whatever fails in the store, no question is answered with yes and none with a permanent no.
#[tokio::test]
async fn a_failing_store_defers_everything() {
    let mut scene = Scene::new("");
    scene.fake.add_line("account alice@example.com");
    *lock(&scene.fake.failing) = Some(Error::Unavailable("down".to_owned()));
    scene.mail("<x@far.example>", SenderParameters::default()).await;
    assert_eq!(scene.rcpt("<alice@example.com>").await, Answer::Refuse(Refusal::Unavailable));
    scene.login("alice@example.com");
    assert_eq!(
        scene.mail("<alice@example.com>", SenderParameters::default()).await,
        Answer::Refuse(Refusal::Unavailable)
    );
}
