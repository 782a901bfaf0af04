//! The shortest way through a session: greeting, one message, goodbye.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use postwarden_smtp::session::{Config, Facts, Mechanism, Profile, Role, Session};
use postwarden_smtp::{Action, Answer, question::Fate};

#[test]
fn one_message() {
    let config = Config {
        hostname: "mx.example.com".into(),
        role: Role::Mx,
        profile: Profile::Merak,
        texts: Default::default(),
        disabled: vec![],
        mechanisms: Mechanism::all().to_vec(),
        allow_plaintext_without_tls: false,
        starttls: true,
        require_helo: true,
        deny_telnet: false,
        max_recipients: 100,
        max_message_size: 1000,
        hard_ceiling: 2000,
        close_on_ceiling: false,
        max_errors: 20,
        max_auth_failures: 3,
        command_timeout: Duration::from_secs(300),
        data_timeout: Duration::from_secs(600),
    };
    let facts = Facts {
        session_id: "S".into(),
        listener: "mx".into(),
        client: "192.0.2.1:1".parse().unwrap(),
        local: "192.0.2.2:25".parse().unwrap(),
        greeting: None,
        tls: None,
        login: None,
    };
    let now = Duration::ZERO;
    let mut session = Session::new(Arc::new(config), facts, Arc::new(|| "T".into()), Arc::new(|b| b.fill(1)), now);
    let mut input: &[u8] = b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n.dot: \r\n..x\r\n.\r\nQUIT\r\n";
    let (mut sent, mut body) = (String::new(), Vec::new());
    loop {
        match session.poll_action() {
            Some(Action::Send(bytes)) => sent.push_str(&String::from_utf8(bytes).unwrap()),
            Some(Action::Ask(postwarden_smtp::Question::Message { .. })) => {
                session.handle_answer(now, Answer::Taken { fate: Fate::Queued, recipients: vec![None] });
            }
            Some(Action::Ask(_)) => session.handle_answer(now, Answer::Proceed),
            Some(Action::Body(bytes)) => body.extend(bytes),
            Some(Action::Close) => break,
            Some(other) => panic!("{other:?}"),
            None => {
                let used = session.handle_input(now, input);
                assert!(used > 0);
                input = &input[used..];
            }
        }
    }
    print!("{sent}");
    assert_eq!(body, b"dot: \r\n.x\r\n");
    assert!(sent.contains("\r\n250 2.0.0 Message accepted for delivery [T]\r\n221 "));
    println!("{}", std::mem::size_of::<Session>());
}
