//! Edits, scores and notes: what is refused, and that a refusal stages nothing.

use serde_json::json;

use super::wit::smtp::{EditError, HostSession, HostTransaction};
use super::*;
use crate::verdict::Edit;

fn edited(grants: Value, limits: Limits) -> (Context, Resource<TransactionHandle>) {
    let (mut context, _) = asked(grants, limits);
    let transaction = context.hand(TransactionHandle).unwrap();
    (context, transaction)
}

#[test]
fn edits_need_their_grant() {
    let (mut context, this) = edited(json!(["recipients"]), generous());
    let (name, value) = ("X-Checked".to_owned(), "yes".to_owned());
    assert!(matches!(context.add_header(again(&this), name.clone(), value).unwrap(), Err(EditError::NotPermitted)));
    assert!(matches!(context.remove_header(again(&this), name, None).unwrap(), Err(EditError::NotPermitted)));
    assert!(context.add_recipient(again(&this), "b@example.org".to_owned()).unwrap().is_ok());

    let (mut context, this) = edited(json!(["edit"]), generous());
    for result in [
        context.add_recipient(again(&this), "b@example.org".to_owned()),
        context.remove_recipient(again(&this), "user@example.org".to_owned()),
        context.set_sender(again(&this), String::new()),
    ] {
        assert!(matches!(result.unwrap(), Err(EditError::NotPermitted)));
    }
    assert!(context.staged.edits.is_empty());
}

#[test]
fn header_fields_have_a_form() {
    let (mut context, this) = edited(json!(["edit"]), generous());
    let mut add =
        |name: &str, value: &str| context.add_header(again(&this), name.to_owned(), value.to_owned()).unwrap();
    let long = format!("x{}", "é".repeat(10_000));
    for (name, value) in [
        ("", "v"),
        ("Sub ject", "v"),
        ("Subject:", "v"),
        ("Sübject", "v"),
        ("Subject", "a\r\nBcc: b"),
        ("Subject", "a\nb"),
        ("Subject", "nul\0"),
        ("Subject", "del\u{7f}"),
        (long.as_str(), "v"),
        ("Subject", long.as_str()),
    ] {
        match add(name, value) {
            Err(EditError::Invalid(why)) => assert!(why.len() < 400, "{} bytes", why.len()),
            other => assert!(other.is_err(), "{name:?}: {value:?}"),
        }
    }
    assert!(add("X-Spam_Flag!", "tab\tand é").is_ok());
    assert_eq!(context.staged.edits.len(), 1);
}

#[test]
fn what_is_not_there_is_not_found_as_the_edits_before_left_it() {
    let (mut context, this) = edited(json!(["edit"]), generous());
    let (received, absent) = (|| "received".to_owned(), || "X-New".to_owned());
    let value = || "v".to_owned();
    assert!(matches!(context.replace_header(again(&this), absent(), 0, value()).unwrap(), Err(EditError::NotFound)));
    assert!(context.add_header(again(&this), absent(), value()).unwrap().is_ok());
    assert!(context.replace_header(again(&this), absent(), 0, value()).unwrap().is_ok());
    assert!(context.remove_header(again(&this), received(), Some(1)).unwrap().is_ok());
    assert!(matches!(context.remove_header(again(&this), received(), Some(1)).unwrap(), Err(EditError::NotFound)));
    assert!(context.remove_header(again(&this), received(), None).unwrap().is_ok());
    assert!(matches!(context.remove_header(again(&this), received(), None).unwrap(), Err(EditError::NotFound)));
    assert_eq!(context.staged.edits.len(), 4);
}

#[test]
fn before_there_is_a_message_nobody_knows_its_header() {
    let (mut context, this) = edited(json!(["edit"]), generous());
    context.call.as_mut().unwrap().message = None;
    assert!(context.remove_header(again(&this), "X-Any".to_owned(), Some(9)).unwrap().is_ok());
}

#[test]
fn addresses_have_a_shape() {
    let (mut context, this) = edited(json!(["recipients"]), generous());
    for odd in ["", "nobody", "@example.org", "a@", "<a@example.org>", "a b@example.org", "a@example.org\r\n", "a\0@b"]
    {
        let refused = context.add_recipient(again(&this), odd.to_owned()).unwrap();
        assert!(matches!(refused, Err(EditError::Invalid(_))), "{odd:?}");
    }
    let long = format!("{}@example.org", "a".repeat(320));
    assert!(matches!(context.set_sender(again(&this), long).unwrap(), Err(EditError::Invalid(_))));
    for good in ["a@example.org", "\"a b\"@example.org", "é@例.example"] {
        assert!(context.add_recipient(again(&this), good.to_owned()).unwrap().is_ok(), "{good:?}");
    }
    // The null reverse-path.
    assert!(context.set_sender(again(&this), String::new()).unwrap().is_ok());
}

#[test]
fn only_recipients_of_the_transaction_can_be_removed() {
    let (mut context, this) = edited(json!(["recipients"]), generous());
    let mut remove = |address: &str| context.remove_recipient(again(&this), address.to_owned()).unwrap();
    assert!(matches!(remove("other@example.org"), Err(EditError::NotFound)));
    assert!(matches!(remove("USER@example.org"), Err(EditError::NotFound)));
    assert!(remove("user@EXAMPLE.org").is_ok());
    assert!(context.add_recipient(again(&this), "other@example.org".to_owned()).unwrap().is_ok());
    assert!(context.remove_recipient(again(&this), "other@example.org".to_owned()).unwrap().is_ok());
}

#[test]
fn edits_have_a_number() {
    let (mut context, this) = edited(json!(["edit", "recipients"]), Limits { edits: 2, ..generous() });
    assert!(context.add_header(again(&this), "A".to_owned(), String::new()).unwrap().is_ok());
    assert!(context.add_recipient(again(&this), "b@example.org".to_owned()).unwrap().is_ok());
    let over = context.add_header(again(&this), "A".to_owned(), String::new()).unwrap();
    assert!(matches!(over, Err(EditError::LimitExceeded)));
    assert!(matches!(context.staged.edits[..], [Edit::AddHeader { .. }, Edit::AddRecipient(_)]));
}

#[test]
fn scores_are_finite_named_and_summed() {
    let (mut context, this) = edited(json!([]), Limits { scores: 2, ..generous() });
    let mut add = |symbol: &str, points: f64, detail: Option<String>| {
        context.add_score(again(&this), symbol.to_owned(), points, detail).unwrap()
    };
    let long = "S".repeat(65);
    for (symbol, points) in
        [("NAN", f64::NAN), ("INF", f64::INFINITY), ("", 1.0), ("A B", 1.0), ("É", 1.0), (long.as_str(), 1.0)]
    {
        assert!(matches!(add(symbol, points, None), Err(EditError::Invalid(_))), "{symbol}");
    }
    assert!(add("BAD_WORD", 2.5, Some("é".repeat(1000))).is_ok());
    assert!(add("GOOD", -1.0, None).is_ok());
    assert!(matches!(add("MORE", 1.0, None), Err(EditError::LimitExceeded)));
    assert!((context.get_score(again(&this)).unwrap() - 3.0).abs() < 1e-9);
    assert_eq!(context.staged.scores[0].detail.as_deref(), Some("é".repeat(512).as_str()));
}

#[test]
fn notes_that_are_staged_come_first() {
    let (mut context, _) = asked(json!([]), Limits { note_bytes: 20, ..generous() });
    let this = context.hand(SessionHandle).unwrap();
    let get = |context: &mut Context, name: &str| context.get_note(again(&this), name.to_owned()).unwrap();
    let set = |context: &mut Context, name: &str, value: &[u8]| {
        context.set_note(again(&this), name.to_owned(), value.to_vec()).unwrap()
    };
    assert_eq!(get(&mut context, "before").as_deref(), Some(b"old".as_slice()));
    assert!(matches!(set(&mut context, "other", &[0; 7]), Err(EditError::LimitExceeded)));
    assert!(matches!(set(&mut context, &"n".repeat(65), b""), Err(EditError::Invalid(_))));
    assert_eq!(get(&mut context, "other"), None);
    assert!(set(&mut context, "before", b"new").is_ok());
    assert!(set(&mut context, "n", &[0; 10]).is_ok());
    assert_eq!(get(&mut context, "before").as_deref(), Some(b"new".as_slice()));
    assert_eq!(context.staged.notes.as_ref().unwrap().len(), 2);
    assert_eq!(context.call.as_ref().unwrap().notes["before"], b"old");
}

#[test]
fn recipients_are_listed_from_where_the_filter_asks() {
    let (mut context, this) = edited(json!([]), generous());
    assert_eq!(context.count_recipients(again(&this)).unwrap(), 1);
    assert_eq!(context.list_recipients(again(&this), 0, u32::MAX).unwrap()[0].address, "user@example.org");
    assert!(context.list_recipients(again(&this), 1, u32::MAX).unwrap().is_empty());
    assert!(context.list_recipients(again(&this), 0, 0).unwrap().is_empty());
}
