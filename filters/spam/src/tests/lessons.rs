//! The classifier: silent until taught, sure afterwards, the same whatever the order of its lessons.

use postwarden_filter::Class;
use postwarden_filter::testing::FakeHost;

use super::spam;

fn host() -> FakeHost {
    FakeHost::new().remote([127, 0, 0, 1].into())
}

fn mail(number: usize, is_spam: bool) -> String {
    let words = if is_spam { ["pills", "cheap", "winner", "casino"] } else { ["meeting", "budget", "kernel", "patch"] };
    let word = |at: usize| words[(number / (at + 1) + at) % 4];
    format!(
        "From: someone{number}@example.org\nTo: bob@example.com\nSubject: {} {}\nDate: Sat, 08 Sep 2001 23:00:00 +0000\n\
         Message-ID: <{number}.{is_spam}@mail.example.org>\n\nThe {} and the {} of number{number} {}.\n",
        word(0),
        word(1),
        word(2),
        word(3),
        word(1)
    )
}

fn teach(mut host: FakeHost, lessons: impl Iterator<Item = (usize, bool)>) -> FakeHost {
    let filter = spam(&host);
    for (number, is_spam) in lessons {
        host = host.message(&mail(number, is_spam));
        host.on_feedback(&filter, if is_spam { Class::Spam } else { Class::Ham }).unwrap();
    }
    host
}

/// Symbol and points of the classifier for a new mail.
fn bayes(host: FakeHost, is_spam: bool) -> Option<(String, f64)> {
    let filter = spam(&host);
    let host = host.message(&mail(1001, is_spam));
    let before = host.scores().len();
    host.on_message(&filter).unwrap();
    host.scores().into_iter().skip(before).find(|(symbol, _)| symbol.starts_with("BAYES_"))
}

fn both(count: usize) -> impl Iterator<Item = (usize, bool)> {
    (0..count).flat_map(|number| [(number, true), (number, false)])
}

#[test]
fn it_is_silent_until_it_has_learned_enough_of_both() {
    assert_eq!(bayes(host(), true), None);
    assert_eq!(bayes(teach(host(), both(49)), true), None);
    assert_eq!(bayes(teach(host(), (0..400).map(|number| (number, true))), true), None);
}

#[test]
fn it_tells_spam_from_ham() {
    let (symbol, points) = bayes(teach(host(), both(60)), true).unwrap();
    assert!(points > 3.0, "{symbol} {points}");
    let (symbol, points) = bayes(teach(host(), both(60)), false).unwrap();
    assert!(points < 0.0, "{symbol} {points}");
}

#[test]
fn few_lessons_of_one_class_are_enough() {
    let lessons = (0..50).map(|number| (number, true)).chain((0..500).map(|number| (number, false)));
    let (symbol, points) = bayes(teach(host(), lessons), true).unwrap();
    assert!(points > 3.0, "{symbol} {points}");
}

#[test]
fn the_order_of_lessons_does_not_matter() {
    let forwards = bayes(teach(host(), both(60)), true);
    let lessons: Vec<_> = both(60).collect();
    assert_eq!(bayes(teach(host(), lessons.into_iter().rev()), true), forwards);
}

#[test]
fn a_lesson_that_is_corrected_counts_once() {
    let wrong = (0..60).map(|number| (number, number % 2 == 0));
    let host = teach(host(), wrong.chain((0..60).map(|number| (number, number % 2 == 0))));
    let again = teach(host, both(60));
    let (_, points) = bayes(again, true).unwrap();
    assert!(points > 3.0, "{points}");
}

#[test]
fn without_state_the_rules_speak_alone() {
    let host = host().without("state");
    assert_eq!(bayes(host, true), None);
}

#[test]
fn the_digest_of_a_message_ignores_what_servers_add() {
    let host = teach(host(), both(1));
    let handed_on = format!(
        "Received: from a by b; Sat, 08 Sep 2001 23:00:00 +0000\nDelivered-To: bob@example.com\n{}",
        mail(0, true)
    );
    let host = host.message(&handed_on);
    host.on_feedback(&spam(&host), Class::Ham).unwrap();
    let filter = spam(&host);
    assert!(filter.model.is_none());
    let told = host.log().pop().unwrap();
    assert!(told.contains("spam=0 ham=2"), "{told}");
}

#[test]
fn other_classes_are_not_learned() {
    let host = host().message(&mail(1, true));
    assert!(host.on_feedback(&spam(&host), Class::Other("later".to_owned())).is_err());
    let host = host.without("state");
    let failure = host.on_feedback(&spam(&host), Class::Spam).unwrap_err();
    assert!(failure.message.contains("grant the filter \"state\""), "{}", failure.message);
}
