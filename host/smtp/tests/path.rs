//! Paths as people and programs write them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

use postwarden_smtp::path::PathFault;
use postwarden_smtp::{ForwardPath, Mailbox, ReversePath};

const TAKEN: &[(&str, &str)] = &[
    ("a@b.example", "a@b.example"),
    ("<a@b.example>", "a@b.example"),
    ("<A.b@B.EXAMPLE.>", "A.b@b.example"),
    ("<@x.example,@y.example:a@b.example>", "a@b.example"),
    ("<\"a b\"@b.example>", "\"a b\"@b.example"),
    ("<\"ab\"@b.example>", "ab@b.example"),
    ("<\"a\\\"b\\\\\"@b.example>", "\"a\\\"b\\\\\"@b.example"),
    ("<\"<>@,:;[](\"@b.example>", "\"<>@,:;[](\"@b.example"),
    ("<\".a\"@b.example>", "\".a\"@b.example"),
    ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
    ("<a@[ipv6:::1]>", "a@[ipv6:::1]"),
    ("<ä@BÜCHER.example>", "ä@bücher.example"),
    ("<a+b=c/d@e-f.example>", "a+b=c/d@e-f.example"),
];

const REFUSED: &[(&str, PathFault)] = &[
    ("a", PathFault::DomainRequired),
    ("<a@>", PathFault::DomainRequired),
    ("<\"a\">", PathFault::DomainRequired),
    ("<a@b.example", PathFault::Unbalanced),
    ("a@b.example>", PathFault::Unbalanced),
    ("<a<@b.example>", PathFault::Unbalanced),
    ("<a\"b@c.example>", PathFault::Unbalanced),
    ("<a@b.example)>", PathFault::Unbalanced),
    ("<a@b.example]>", PathFault::Unbalanced),
    ("", PathFault::Syntax),
    ("<@b.example>", PathFault::Syntax),
    ("<@x.example:@b.example>", PathFault::Syntax),
    ("<\"\"@b.example>", PathFault::Syntax),
    ("<\"a\"b@c.example>", PathFault::Syntax),
    ("<a(x)@b.example>", PathFault::Syntax),
    ("<a@b@c.example>", PathFault::Syntax),
    ("<a@b..example>", PathFault::Syntax),
    ("<a@.example>", PathFault::Syntax),
    ("<a@b_.exa mple>", PathFault::Syntax),
    ("<a@b-.example>", PathFault::Syntax),
    ("<a@[999.0.2.1]>", PathFault::Syntax),
    ("<a@[tag:x]>", PathFault::Syntax),
    ("<a@b.example> x", PathFault::Syntax),
    ("<a\u{2028}b@c.example>", PathFault::Syntax),
    ("<a\u{85}b@c.example>", PathFault::Syntax),
    ("<a@b\u{202F}c.example>", PathFault::Syntax),
];

#[test]
fn taken_and_written_again_the_same() {
    for (text, written) in TAKEN {
        let mailbox = Mailbox::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(mailbox.to_string(), *written, "{text}");
        assert_eq!(Mailbox::parse(written).unwrap(), mailbox, "{text}");
    }
}

#[test]
fn refused() {
    for (text, fault) in REFUSED {
        assert_eq!(Mailbox::parse(text), Err(*fault), "{text}");
    }
    let long = |local: usize, labels: usize| format!("{}@{}example", "a".repeat(local), "b.".repeat(labels));
    assert!(Mailbox::parse(&long(256, 124)).is_ok());
    assert_eq!(Mailbox::parse(&long(257, 1)), Err(PathFault::Syntax));
    assert_eq!(Mailbox::parse(&long(1, 125)), Err(PathFault::Syntax));
    assert_eq!(Mailbox::parse(&format!("a@{}.example", "b".repeat(64))), Err(PathFault::Syntax));
}

#[test]
fn what_follows_a_path_is_left() {
    assert_eq!(ReversePath::read("<> SIZE=1"), Ok((ReversePath::Null, " SIZE=1")));
    let (path, rest) = ForwardPath::read("<\"a b\"@c.example> NOTIFY=NEVER").unwrap();
    assert_eq!((path.to_string().as_str(), rest), ("\"a b\"@c.example", " NOTIFY=NEVER"));
    let (path, rest) = ForwardPath::read("\"a b\"@c.example NOTIFY=NEVER").unwrap();
    assert_eq!((path.to_string().as_str(), rest), ("\"a b\"@c.example", " NOTIFY=NEVER"));
    assert_eq!(ForwardPath::read("POSTMASTER"), Ok((ForwardPath::Postmaster, "")));
}
