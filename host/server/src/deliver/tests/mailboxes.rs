//! Into mailboxes, and what happens where that fails.

use super::*;
use postwarden_smtp::reply;
use postwarden_store::queue::QueueChange;

const MAILDIR: &str = "local = { maildir = \"mail/{domain}/{user}\" }\nretry = [\"1s\"]";

#[tokio::test(flavor = "multi_thread")]
async fn into_the_mailbox_and_the_history() {
    let mut bench = Bench::new(MAILDIR).await;
    let id = bench.accept(Mail::default()).await;
    bench.start();
    bench.empty().await;
    let head = "Return-Path: <bob@example.com>\nDelivered-To: alice@example.com\nReceived: from test\n";
    assert_eq!(bench.messages("alice"), [format!("{head}Subject: test\n\nhello\n")]);
    let record = &bench.history().await[0];
    assert_eq!((record.id.as_str(), record.event.as_str()), (id.to_string().as_str(), "delivered"));
    assert_eq!(record.recipients, ["alice@example.com"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_at_once_each_just_once() {
    let mut bench = Bench::new(MAILDIR).await;
    for n in 0..20 {
        bench.node.accounts.put(Entry::Account(account(&format!("u{n}@example.com"))), false).await.unwrap();
    }
    bench.start();
    let recipients: Vec<String> = (0..20).map(|n| format!("u{n}@example.com")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    for n in 0..300 {
        let content = format!("Subject: {n}\r\n\r\n");
        let to = [recipients[n % 20], recipients[(n + 1) % 20]];
        bench.accept(Mail { recipients: &to, content: content.as_bytes(), ..Mail::default() }).await;
    }
    bench.empty().await;
    for n in 0..20 {
        let mut messages = bench.messages(&format!("u{n}"));
        assert_eq!(messages.len(), 30);
        messages.sort();
        messages.dedup();
        assert_eq!(messages.len(), 30);
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_message_to_two_mailboxes() {
    let mut bench = Bench::new(MAILDIR).await;
    let mut content = b"Subject: big\r\n\r\n".to_vec();
    content.extend(b"0123456789\r\n".repeat(100_000));
    bench
        .accept(Mail { content: &content, recipients: &["alice@example.com", "bob@example.com"], ..Mail::default() })
        .await;
    bench.start();
    bench.empty().await;
    for name in ["alice", "bob"] {
        let messages = bench.messages(name);
        assert_eq!(messages.len(), 1);
        assert!(messages[0].ends_with(&format!("Subject: big\n\n{}", "0123456789\n".repeat(100_000))));
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_a_file_waits_and_is_not_lost() {
    let mut bench = Bench::new("local = { maildir = \"mail/{domain}/{user}\" }").await;
    std::fs::create_dir_all(bench.mailbox("alice").parent().unwrap()).unwrap();
    std::fs::write(bench.mailbox("alice"), "").unwrap();
    bench.accept(Mail { recipients: &["alice@example.com", "bob@example.com"], ..Mail::default() }).await;
    bench.start();
    let error = bench.deferred().await;
    assert!(error.starts_with("cannot write to the mailbox: "), "{error}");
    assert!(!error.contains(bench.root.path().to_str().unwrap()));
    assert_eq!(bench.messages("bob").len(), 1, "the other recipient does not wait");
    assert!(bench.queue().await[0].recipients[0].recipient.due > bench.node.now() + 60_000);
    std::fs::remove_file(bench.mailbox("alice")).unwrap();
    bench.node.store.change(&QueueFilter::default(), QueueChange::Retry(bench.node.now())).await.unwrap();
    bench.node.queue_wake.notify_one();
    bench.empty().await;
    assert_eq!((bench.messages("alice").len(), bench.messages("bob").len()), (1, 1));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_removed_meanwhile_comes_back_to_the_sender() {
    let mut bench = Bench::new(MAILDIR).await;
    bench.accept(Mail { recipients: &["gone@example.com", "alice@example.com"], ..Mail::default() }).await;
    // No notices for the null sender, nor for who wants none.
    bench.accept(Mail { recipients: &["gone@example.com"], sender: "", ..Mail::default() }).await;
    bench.accept(Mail { recipients: &["gone@example.com"], notify: Some("NEVER"), ..Mail::default() }).await;
    // Nor to senders that do not exist: that would be the same again.
    bench.accept(Mail { recipients: &["gone@example.com"], sender: "nobody@example.com", ..Mail::default() }).await;
    bench.start();
    bench.empty().await;
    assert_eq!(bench.messages("alice").len(), 1);
    let notices = bench.messages("bob");
    assert_eq!(notices.len(), 1);
    for part in [
        "Return-Path: <>\n",
        "To: <bob@example.com>\n",
        "Auto-Submitted: auto-replied\n",
        "Final-Recipient: rfc822;gone@example.com\nAction: failed\nStatus: 5.1.1\n",
        reply::UNKNOWN_USER_LOCAL.text,
        "text/rfc822-headers\n\nReceived: from test\nSubject: test\n",
    ] {
        assert!(notices[0].contains(part), "{part} is missing in {}", notices[0]);
    }
    let events: Vec<String> = bench.history().await.into_iter().map(|record| record.event).collect();
    assert_eq!(events.iter().filter(|event| *event == "bounced").count(), 4);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_comes_back_and_a_domain_may_make_it_wait() {
    for temporary in [false, true] {
        let mut bench = Bench::with(MAILDIR, &format!("quota-temporary = {temporary}\n")).await;
        let full = Account { quota: 300, ..account("alice@example.com") };
        bench.node.accounts.put(Entry::Account(full), true).await.unwrap();
        let content = [b"A: b\r\n\r\n".to_vec(), b"x".repeat(200)].concat();
        bench.accept(Mail { content: &content, ..Mail::default() }).await;
        bench.start();
        bench.until("the first message", async || bench.messages("alice").len() == 1).await;
        bench.accept(Mail { content: &content, ..Mail::default() }).await;
        if temporary {
            assert!(bench.deferred().await.ends_with(reply::MAILBOX_FULL_TEMPORARY.text));
        } else {
            bench.empty().await;
            let said = format!("Diagnostic-Code: smtp; 554 5.2.2 {}\n", reply::MAILBOX_FULL.text);
            assert!(bench.messages("bob")[0].contains(&said));
        }
        assert_eq!(bench.messages("alice").len(), 1);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_told_on_demand() {
    let mut bench = Bench::new(MAILDIR).await;
    let envelope = Envelope { envid: Some("id 7".into()), ret: Some("FULL".into()), ..Envelope::default() };
    bench.accept(Mail { notify: Some("SUCCESS"), envelope, ..Mail::default() }).await;
    bench.start();
    bench.empty().await;
    let notices = bench.messages("bob");
    assert_eq!((bench.messages("alice").len(), notices.len()), (1, 1));
    assert!(notices[0].contains("Action: delivered\n") && notices[0].contains("Original-Envelope-Id: id 7\n"));
    assert!(notices[0].contains("message/rfc822\n\nReceived: from test\nSubject: test\n\nhello\n"), "{}", notices[0]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_of_a_delay_and_given_up() {
    let mut bench = Bench::new("retry = [\"1s\"]\nwarn-after = \"1s\"\nexpire = \"3s\"").await;
    let now = bench.node.now();
    let by = Envelope { deliver_by: Some((now + 3000, false)), ..Envelope::default() };
    bench.accept(Mail { recipients: &["x@example.net"], envelope: by, ..Mail::default() }).await;
    bench.start();
    bench.empty().await;
    let mut notices = bench.messages("bob");
    notices.sort_by_key(|notice| notice.contains("Action: failed"));
    assert_eq!(notices.len(), 2, "{notices:#?}");
    assert!(notices[0].contains("Subject: Your message is delayed\n") && notices[0].contains("Action: delayed\n"));
    assert!(
        notices[1].contains("Status: 5.4.7\n") && notices[1].contains("cannot find the mail exchangers of example.net")
    );
    let events: Vec<String> = bench.history().await.into_iter().map(|record| record.event).collect();
    assert!(events.contains(&"deferred".to_owned()) && events.contains(&"expired".to_owned()), "{events:?}");
    bench.stop().await;
}

/// A process that died after the rename and before the store knew: its file is found again.
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_already_is_not_delivered_twice() {
    let mut bench = Bench::new(MAILDIR).await;
    let received = bench.node.now() - 5000;
    let id = bench.accept(Mail { received: Some(received), ..Mail::default() }).await;
    let cur = bench.mailbox("alice").join("cur");
    std::fs::create_dir_all(&cur).unwrap();
    std::fs::write(cur.join(format!("{}.Q{id}R0.mx.example.com:2,S", received / 1000)), "seen").unwrap();
    bench.start();
    bench.empty().await;
    assert!(bench.messages("alice").is_empty());
    assert!(bench.history().await[0].detail.contains("earlier try"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_and_leaves_the_queue_as_it_is() {
    let mut bench = Bench::new(MAILDIR).await;
    bench.start();
    bench.stop().await;
    bench.accept(Mail::default()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(bench.node.store.count().await.unwrap(), (1, 1));
    bench.start();
    bench.empty().await;
    assert_eq!(bench.messages("alice").len(), 1);
    bench.stop().await;
}

/// A7: a due that lies further ahead than the schedule allows was set by a clock that was wrong.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_clock_put_off_is_tried_again() {
    let mut bench = Bench::new("retry = [\"8h\"]").await;
    bench.accept(Mail { recipients: &["x@example.net"], ..Mail::default() }).await;
    // Released only in a while, and rightly so.
    let id = bench.node.ids.next(bench.node.now());
    let due = bench.node.now() + 10 * 86_400_000;
    let released = NewRecipient { due, ..bench.queue().await[0].recipients[0].recipient.clone() };
    let envelope = Envelope { received: bench.node.now(), ..Envelope::default() };
    let content = Draft::from(b"\r\n".to_vec());
    let later =
        NewMessage { id, envelope, trace: Vec::new(), content, recipients: vec![released], hold: None, history: None };
    bench.node.store.accept(later).await.unwrap();
    bench.start();
    bench.deferred().await;
    bench.stop().await;
    // To a schedule of minutes, eight hours are as wrong as ten years.
    let mut config = bench.node.config.load().as_ref().clone();
    config.delivery.retry = vec![Duration::from_secs(60)];
    bench.node.config.store(Arc::new(config));
    bench.start();
    bench.until("a second try", async || bench.queue().await[0].recipients[0].attempts == 2).await;
    assert!(bench.queue().await[0].recipients[0].recipient.due < bench.node.now() + 61_000);
    assert_eq!(bench.queue().await[1].recipients[0].recipient.due, due);
    bench.stop().await;
}
