//! Accepting and listing.

use postwarden_store::queue::{Envelope, NewRecipient, QueueFilter, RecipientState, Route};
use postwarden_store::{Error, Store};

use crate::backend::{Backend, Bench};
use crate::make::{accept, lease, message, now, read_all, recipient};

pub(crate) async fn accepted_is_shown_as_given(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut message = message(bench, &["a@one.example", "b@two.example"], now);
    message.envelope = Envelope {
        sender: "who@example.com".to_owned(),
        received: now,
        session: "s1".to_owned(),
        listener: "mx".to_owned(),
        client: "192.0.2.1".to_owned(),
        helo: "there".to_owned(),
        login: Some("who@example.com".to_owned()),
        tls: true,
        smtputf8: true,
        body: "BINARYMIME".to_owned(),
        require_tls: true,
        ret: Some("HDRS".to_owned()),
        envid: Some("e+2B1".to_owned()),
        priority: -3,
        deliver_by: Some((now + 60_000, true)),
        generated: false,
    };
    message.recipients[1] = NewRecipient {
        address: "b@two.example".to_owned(),
        original: "list@here.example".to_owned(),
        route: Route::Local("b@two.example".to_owned()),
        sender: Some("list-bounces@here.example".to_owned()),
        notify: Some("SUCCESS,DELAY".to_owned()),
        orcpt: Some("rfc822;list@here.example".to_owned()),
        due: now + 5,
        expires: now + 7,
    };
    let (id, envelope, recipients) = (message.id, message.envelope.clone(), message.recipients.clone());
    let trace = message.trace.clone();
    store.accept(message).await.unwrap();

    let shown = store.show(id).await.unwrap();
    assert_eq!((shown.id, &shown.envelope, shown.hold.as_ref()), (id, &envelope, None));
    assert_eq!(shown.size, (trace.len() + b"Subject: x\r\n\r\nHello\r\n".len()) as u64);
    assert_eq!(shown.recipients.len(), 2);
    for (index, (queued, given)) in shown.recipients.iter().zip(&recipients).enumerate() {
        assert_eq!(queued.index as usize, index);
        assert_eq!(&queued.recipient, given);
        assert_eq!((queued.attempts, queued.last_error.as_str(), queued.warned), (0, "", false));
        assert_eq!(queued.state, RecipientState::Queued);
    }
    let (shown_trace, body) = store.content(id).await.unwrap();
    assert_eq!(shown_trace, trace);
    assert_eq!(body.inline(), Some(&b"Subject: x\r\n\r\nHello\r\n"[..]));
    let missing = bench.ids.next(now);
    assert!(matches!(store.show(missing).await, Err(Error::NotFound(_))));
    assert!(matches!(store.content(missing).await, Err(Error::NotFound(_))));
}

pub(crate) async fn an_id_is_taken_once(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let id = accept(bench, &*store, &["a@one.example"], now).await;
    let mut other = message(bench, &["b@one.example"], now);
    other.id = id;
    assert!(matches!(store.accept(other).await, Err(Error::Exists(_))));
    assert_eq!(store.show(id).await.unwrap().recipients[0].recipient.address, "a@one.example");
    assert_eq!(store.count().await.unwrap(), (1, 1));
}

/// Many at once, some of them with an id that is taken.
pub(crate) async fn a_bad_message_spoils_no_other(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let taken = accept(bench, &*store, &["a@one.example"], now).await;
    let mut tasks = Vec::new();
    for number in 0..60 {
        let mut message = message(bench, &["x@one.example", "y@one.example"], now);
        let bad = number % 7 == 3;
        if bad {
            message.id = taken;
        }
        let store = std::sync::Arc::clone(&store);
        tasks.push(tokio::spawn(async move { (bad, message.id, store.accept(message).await) }));
    }
    for task in tasks {
        let (bad, id, result) = task.await.unwrap();
        if bad {
            assert!(matches!(result, Err(Error::Exists(_))), "{result:?}");
        } else {
            result.unwrap();
            assert_eq!(store.show(id).await.unwrap().recipients.len(), 2);
        }
    }
    assert_eq!(store.count().await.unwrap(), (52, 103));
}

pub(crate) async fn survives_a_new_start(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let small = accept(bench, &*store, &["a@one.example"], now).await;
    let mut large = message(bench, &["a@one.example"], now + 1);
    let content = vec![b'x'; 300_000];
    large.content = bench.drafts.open();
    large.content.append(&content).await.unwrap();
    let large_id = large.id;
    store.accept(large).await.unwrap();
    // A claim of the process that ends.
    let jobs = store.claim(now, 1, lease("first", now - 1)).await.unwrap();
    assert_eq!(jobs.len(), 1);
    drop((jobs, store));
    bench.close().await;

    let opened = bench.open("later").await;
    let store = opened.store;
    if bench.backend == Backend::Sqlite {
        assert!(opened.ids.next(0) > large_id, "ids go on after the newest, whatever the clock says");
    }
    assert_eq!(read_all(store.content(large_id).await.unwrap().1).await, content);
    let jobs = store.claim(now + 1, 10, lease("later", now + 60_000)).await.unwrap();
    let ids: Vec<_> = jobs.iter().map(|job| job.message.id).collect();
    assert_eq!(ids, [small, large_id]);
}

pub(crate) async fn next_due_tells_when_to_wake(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    assert_eq!(store.next_due().await.unwrap(), None);
    accept(bench, &*store, &["a@one.example"], now + 500).await;
    accept(bench, &*store, &["a@one.example"], now + 100).await;
    assert_eq!(store.next_due().await.unwrap(), Some(now + 100));
    let lease = lease("node", now + 90_000);
    assert_eq!(store.claim(now + 100, 10, lease.clone()).await.unwrap().len(), 1);
    assert_eq!(store.next_due().await.unwrap(), Some(now + 500));
    assert_eq!(store.claim(now + 500, 10, lease).await.unwrap().len(), 1);
    // Only leases are left: their end is when something may be due. A database has its own clock.
    let end = store.next_due().await.unwrap().unwrap();
    assert!((end - (now + 90_000)).abs() < 5_000, "{}", end - now);
}

pub(crate) async fn list_pages_and_filters(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut ids = Vec::new();
    for number in 0..600 {
        let mut message = message(bench, &["a@one.example", "B@Two.example"], now + number);
        if number % 100 == 7 {
            message.envelope.sender = "rare@example.org".to_owned();
        }
        ids.push(message.id);
        store.accept(message).await.unwrap();
    }
    let all = QueueFilter::default();
    let first = store.list(&all, None, 250).await.unwrap();
    let second = store.list(&all, Some(first[249].id), 1_000).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&second).map(|message| message.id).collect();
    assert_eq!(listed, ids);
    assert!(first.iter().all(|message| message.recipients.len() == 2));

    let rare = QueueFilter { sender: Some("RARE@*".to_owned()), ..QueueFilter::default() };
    let found = store.list(&rare, None, 100).await.unwrap();
    assert_eq!(
        found.iter().map(|message| message.id).collect::<Vec<_>>(),
        [7, 107, 207, 307, 407, 507].map(|at| ids[at])
    );
    assert_eq!(store.list(&rare, Some(ids[107]), 2).await.unwrap().len(), 2);

    let two = QueueFilter { domain: Some("two.example".to_owned()), ..QueueFilter::default() };
    let found = store.list(&two, None, 3).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|message| message.recipients.len() == 1 && message.recipients[0].index == 1));

    let one = QueueFilter { id: Some(ids[300].to_string()), ..QueueFilter::default() };
    assert_eq!(store.list(&one, None, 100).await.unwrap().len(), 1);
    assert_eq!(store.list(&one, Some(ids[300]), 100).await.unwrap().len(), 0);
    let between =
        QueueFilter { received_after: Some(now + 9), received_before: Some(now + 12), ..QueueFilter::default() };
    assert_eq!(store.list(&between, None, 100).await.unwrap().len(), 2);
    let wrong = QueueFilter { state: Some("lost".to_owned()), ..QueueFilter::default() };
    assert!(matches!(store.list(&wrong, None, 1).await, Err(Error::Invalid(_))));
    let wrong = QueueFilter { id: Some("'; drop table message; --".to_owned()), ..QueueFilter::default() };
    assert!(matches!(store.list(&wrong, None, 1).await, Err(Error::Invalid(_))));
}

/// Strings that a client can send are data for every statement.
pub(crate) async fn hostile_strings_are_only_strings(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let strings = [
        "'; drop table message; --@example.com".to_owned(),
        "\"; delete from recipient; --@example.com".to_owned(),
        "a\\' or 1=1 --@example.com".to_owned(),
        "%00$1{}?1:x@@x%s@example.com".to_owned(),
        "nul\0nul@example.com".to_owned(),
        "\u{1F4A9}\u{202E}\u{feff}@b\u{fc}cher.example".to_owned(),
        "../../etc/passwd@example.com".to_owned(),
        "x".repeat(64 << 10) + "@example.com",
        String::new(),
    ];
    for text in &strings {
        let mut message = message(bench, &[], now);
        message.envelope.sender.clone_from(text);
        message.envelope.helo.clone_from(text);
        message.envelope.envid = Some(text.clone());
        message.recipients = vec![NewRecipient {
            original: text.clone(),
            route: Route::Local(text.clone()),
            sender: Some(text.clone()),
            orcpt: Some(text.clone()),
            ..recipient(text, now)
        }];
        let (id, envelope, recipients) = (message.id, message.envelope.clone(), message.recipients.clone());
        store.accept(message).await.unwrap();
        let shown = store.show(id).await.unwrap();
        assert_eq!(shown.envelope, envelope);
        assert_eq!(shown.recipients[0].recipient, recipients[0]);
        if !text.contains('*') {
            let filter =
                QueueFilter { recipient: Some(text.clone()), sender: Some(text.clone()), ..Default::default() };
            let found = store.list(&filter, None, 10).await.unwrap();
            assert_eq!(found.iter().map(|message| message.id).collect::<Vec<_>>(), [id], "{text:.40}");
        }
    }
    assert_eq!(store.count().await.unwrap(), (strings.len() as u64, strings.len() as u64));
}

pub(crate) async fn count_counts(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    assert_eq!(store.count().await.unwrap(), (0, 0));
    accept(bench, &*store, &["a@one.example", "b@one.example"], now).await;
    accept(bench, &*store, &["a@one.example"], now).await;
    assert_eq!(store.count().await.unwrap(), (2, 3));
}

pub(crate) async fn many_at_once(bench: &Bench) {
    let (store, now) = (bench.store().await, now());
    let mut tasks = Vec::new();
    for _ in 0..400 {
        let message = message(bench, &["a@one.example"], now);
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::clone(&store);
        tasks.push(tokio::spawn(async move { store.accept(message).await }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.count().await.unwrap(), (400, 400));
}
