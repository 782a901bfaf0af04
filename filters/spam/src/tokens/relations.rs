//! Features of what fits together: whether the sender's domain is also that of the server, of the message id and of the
//! links. Spam seldom owns what it names, and a newsletter does; that holds in every mailbox and every year.

use super::{Features, scale, shape, split_address};
use crate::mail::Mail;
use crate::url::registered;

/// Hops that are looked at.
const HOPS_MAX: usize = 8;

pub(super) fn add(mail: &Mail, features: &mut Features) {
    let from = site(split_address(&mail.from).1);
    let other = |value: Option<&str>| value.map(|value| site(split_address(value).1));
    let id = mail.value("message-id").map(|value| site(value.trim().trim_end_matches('>')));
    let envelope = mail.envelope.as_deref().map(site);
    let hops = mail.hops.iter().take(HOPS_MAX);
    let names: Vec<String> =
        hops.clone().flat_map(|hop| [&hop.helo, &hop.name]).flatten().map(|name| host_site(name)).collect();
    let receivers: Vec<String> = hops.filter_map(|hop| hop.by.as_deref()).map(host_site).collect();

    let from_sends = names.contains(&from);
    let id_is = match &id {
        None => "none",
        Some(id) if *id == from => "the sender's",
        Some(id) if names.contains(id) => "a server's",
        Some(id) if receivers.contains(id) => "a receiver's",
        Some(_) => "another",
    };
    let envelope_is = match &envelope {
        None => "none",
        Some(envelope) if *envelope == from => "the sender's",
        Some(envelope) if names.contains(envelope) => "a server's",
        Some(envelope) if envelope.is_empty() => "empty",
        Some(_) => "another",
    };
    let reply_is = match other(mail.value("reply-to")) {
        None => "none",
        Some(reply) if reply == from => "the sender's",
        Some(_) => "another",
    };
    let (links_are, sites) = links(mail, &from);
    let sends = if from_sends { "sends" } else { "does not send" };
    for (place, is) in [
        ("id is", id_is),
        ("envelope is", envelope_is),
        ("reply is", reply_is),
        ("links are", links_are),
        ("from", sends),
    ] {
        features.say(place, is);
    }
    features.say("sites", scale(sites));
    features.say("sites and links", &format!("{} {links_are}", scale(sites)));
    features.say("fits", &format!("{sends} {id_is} {links_are}"));
    features.say("fits", &format!("{sends} {envelope_is} {links_are}"));
    features.say("fits", &format!("{id_is} {envelope_is} {reply_is}"));
    features.say("names itself", if names_itself(mail, &from) { "yes" } else { "no" });
    features.say("client", client(mail));
    programs(mail, features);
}

/// How many of the links lead to the sender, and to how many sites all of them lead.
fn links(mail: &Mail, from: &str) -> (&'static str, usize) {
    let mut sites: Vec<&str> = mail.urls.iter().filter(|url| url.is_web()).map(|url| registered(&url.host)).collect();
    let all = sites.len();
    let own = sites.iter().filter(|site| **site == from).count();
    sites.sort_unstable();
    sites.dedup();
    let are = match (all, own) {
        (0, _) => "none",
        (_, 0) => "others'",
        (all, own) if own == all => "the sender's",
        (all, own) if own * 2 >= all => "mostly the sender's",
        _ => "some the sender's",
    };
    (are, sites.len())
}

/// The text or the subject has the name of the sender's domain in it.
fn names_itself(mail: &Mail, from: &str) -> bool {
    let label = from.split('.').next().unwrap_or_default();
    if label.len() < 4 || crate::rules::is_freemail(from) {
        return false;
    }
    let has =
        |text: &str| text.as_bytes().windows(label.len()).any(|window| window.eq_ignore_ascii_case(label.as_bytes()));
    let start = mail.text.get(..mail.text.floor_char_boundary(4_000)).unwrap_or_default();
    has(&mail.subject) || has(start)
}

/// The first client outside: whether its greeting is its name.
fn client(mail: &Mail) -> &'static str {
    let Some(hop) = mail.entry() else { return "none" };
    match (&hop.helo, &hop.name) {
        (Some(helo), Some(name)) if helo.eq_ignore_ascii_case(name) => "greets with its name",
        (Some(helo), Some(name)) if host_site(helo) == host_site(name) => "greets with its domain",
        (Some(_), Some(_)) => "greets with another name",
        (Some(_), None) => "has no name",
        (None, _) => "has no greeting",
    }
}

/// What belongs to one mail program: its name, ids, boundaries and the order of its fields.
fn programs(mail: &Mail, features: &mut Features) {
    const OWN: &[&str] = &[
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "reply-to",
        "x-mailer",
        "x-priority",
    ];
    let order: String = mail
        .fields
        .iter()
        .filter_map(|field| OWN.iter().position(|own| *own == field.key))
        .take(16)
        .map(|at| char::from(b'a' + u8::try_from(at).unwrap_or(0)))
        .collect();
    let mailer = mail.value("x-mailer").or_else(|| mail.value("user-agent")).unwrap_or("none");
    let mailer: String = mailer.chars().take_while(|c| c.is_ascii_alphabetic() || *c == ' ').take(24).collect();
    let id = shape(mail.value("message-id").unwrap_or("none"), 24);
    let content = mail.value("content-type").unwrap_or("none");
    let boundary =
        content.split_once("boundary=").map_or_else(|| "none".to_owned(), |(_, boundary)| shape(boundary, 20));
    let kind = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    features.say("order", &order);
    features.say("mailer id", &format!("{mailer} {id}"));
    features.say("mailer boundary", &format!("{mailer} {boundary}"));
    features.say("mailer order", &format!("{mailer} {order}"));
    features.say("mailer kind", &format!("{mailer} {kind}"));
    features.say("id kind", &format!("{id} {kind}"));
    features.say("mailer", &mailer);
}

fn site(address: &str) -> String {
    address.rsplit_once('@').map_or_else(String::new, |(_, domain)| host_site(domain))
}

fn host_site(host: &str) -> String {
    registered(host.trim_matches('.')).to_ascii_lowercase()
}
