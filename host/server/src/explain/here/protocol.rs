//! Rows about commands, their order and arguments, the size of things, and filters.

use super::*;
use crate::config::RefuseAction;

pub(super) fn command_unrecognized(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = vec![if place.config.smtp.deny_telnet {
        fact(
            "smtp.deny-telnet is on: a session that types like a person at a keyboard (backspace, telnet bytes) gets this for every command.",
            "smtp.deny-telnet = false",
        )
    } else {
        plain("smtp.deny-telnet is off, so typing by hand is allowed here: the verb itself was not known.")
    }];
    findings.push(errors(place));
    findings
}

fn errors(place: &Place<'_>) -> Finding {
    match place.config.smtp.max_errors {
        0 => plain("A session may make any number of errors (smtp.max-errors = 0)."),
        count => fact(format!("After {count} errors a session ends with 421."), "smtp.max-errors"),
    }
}

pub(super) fn domain_required(place: &Place<'_>) -> Vec<Finding> {
    let first = place.config.domains.keys().next();
    let example = first.map_or(String::new(), |domain| format!(": user@{domain}, not user"));
    vec![plain(format!(
        "This server completes no address. Only <> and postmaster stand without a domain{example}. Its local domains: {}.",
        place.domains()
    ))]
}

pub(super) fn unbalanced(place: &Place<'_>) -> Vec<Finding> {
    let mut findings = vec![errors(place)];
    let settings: Vec<&str> = place
        .config
        .filters
        .iter()
        .filter(|filter| !filter.settings.is_empty())
        .map(|filter| filter.name.as_str())
        .collect();
    if !settings.is_empty() {
        findings.push(plain(format!(
            "A line of a list file can have this fault too; filters with files here: {}.",
            settings.join(", ")
        )));
    }
    findings
}

pub(super) fn syntax_error(place: &Place<'_>) -> Vec<Finding> {
    let smtp = &place.config.smtp;
    let mut findings = vec![plain(format!(
        "EHLO offers SIZE {} here, and a parameter that EHLO does not offer is an error.",
        if smtp.max_message_size == 0 { "without a limit".to_owned() } else { format_size(smtp.max_message_size) }
    ))];
    for verb in place.clues.verbs.iter().filter(|verb| smtp.disabled_commands.iter().any(|off| off == *verb)) {
        findings.push(switched_off(verb));
    }
    findings
}

fn switched_off(verb: &str) -> Finding {
    let name = verb.to_ascii_lowercase();
    fact(format!("{verb} is switched off here."), format!("smtp.commands = {{ {name} = true }}"))
}

pub(super) fn helo(place: &Place<'_>) -> Vec<Finding> {
    vec![if place.config.smtp.require_helo {
        fact(
            "smtp.require-helo is on: MAIL, AUTH, VRFY, EXPN and ETRN have to wait for HELO or EHLO with a host name or an address literal.",
            "smtp.require-helo = false",
        )
    } else {
        plain(
            "smtp.require-helo is off: a client may leave HELO out, but one that sends it has to name itself correctly.",
        )
    }]
}

pub(super) fn helo_again(place: &Place<'_>) -> Vec<Finding> {
    vec![match place.config.smtp.replies {
        Profile::Merak => fact(
            "The profile \"merak\" refuses a second greeting, except the EHLO after STARTTLS.",
            "smtp.replies = \"rfc\" allows it and lets it reset the session",
        ),
        Profile::Rfc => {
            plain("The profile \"rfc\" allows a second greeting, so this server does not send this reply now.")
        }
    }]
}

pub(super) fn mechanisms(place: &Place<'_>) -> Vec<Finding> {
    vec![fact(format!("Logins work here with: {}.", mechanism_names(&place.config.auth.mechanisms)), "auth.mechanisms")]
}

pub(super) fn auth_type(place: &Place<'_>) -> Vec<Finding> {
    let auth = &place.config.auth;
    let mut findings = mechanisms(place);
    for listener in &place.config.listeners {
        let tls = match (place.has_tls(listener), listener.tls) {
            (false, _) => "no TLS",
            (true, ListenerTls::Implicit) => "TLS from the first byte",
            (true, _) => "TLS after STARTTLS",
        };
        let plaintext = if auth.allow_plaintext_without_tls {
            "PLAIN and LOGIN work without TLS too"
        } else if place.has_tls(listener) {
            "PLAIN and LOGIN only inside TLS"
        } else {
            "so PLAIN and LOGIN never"
        };
        findings.push(plain(format!("Listener \"{}\": {tls}; {plaintext}.", listener.name)));
    }
    if place.config.tls.is_none() {
        findings.push(fact("This server has no certificate.", "tls.certificate and tls.key"));
    }
    findings
}

pub(super) fn commands(place: &Place<'_>, key: &str) -> Vec<Finding> {
    let disabled = &place.config.smtp.disabled_commands;
    let wanted: Vec<&str> = match key {
        "no-such-user" => vec!["VRFY"],
        "no-such-list" => vec!["EXPN"],
        _ => place.clues.verbs.clone(),
    };
    let mut findings = vec![plain(format!("Switched off in smtp.commands: {}.", listed(disabled.iter())))];
    for verb in wanted {
        if disabled.iter().any(|off| off == verb) {
            findings.push(switched_off(verb));
        } else {
            let name = verb.to_ascii_lowercase();
            findings
                .push(fact(format!("{verb} is switched on here."), format!("smtp.commands = {{ {name} = false }}")));
        }
    }
    if key != "not-supported" {
        for address in place.local_addresses().filter(|address| place.looked_up(address)) {
            findings.push(super::accounts::what(place, address));
        }
    }
    findings
}

pub(super) fn sequence(place: &Place<'_>) -> Vec<Finding> {
    let obliged = place.listeners(Role::Submission);
    vec![
        plain(format!(
            "The order here: EHLO, {}MAIL, RCPT, DATA. A refused MAIL or RCPT makes the next command come at the wrong place, so look at the reply before this one.",
            if obliged == "none" { String::new() } else { format!("on {obliged} also AUTH, then ") }
        )),
        errors(place),
    ]
}

pub(super) fn recipients(place: &Place<'_>) -> Vec<Finding> {
    vec![match place.config.smtp.max_recipients {
        0 => plain("smtp.max-recipients is 0: this server takes any number of recipients now."),
        count => fact(
            format!(
                "One message may have {count} recipients; those before stay valid, and the members of a mailing list do not count."
            ),
            "smtp.max-recipients (0: unlimited), or a mailing list: \"postwarden list add\"",
        ),
    }]
}

pub(super) fn ceiling(place: &Place<'_>) -> Vec<Finding> {
    let smtp = &place.config.smtp;
    let after = if smtp.close_on_ceiling {
        "then the connection is closed"
    } else {
        "the rest of the message is read and thrown away"
    };
    let mut findings = vec![match smtp.hard_ceiling {
        0 => plain("smtp.hard-ceiling is 0: nothing is cut off while it is received now."),
        bytes => fact(
            format!("Above {} a message is given up while it is received; {after}.", format_size(bytes)),
            "smtp.hard-ceiling, smtp.close-on-ceiling",
        ),
    }];
    if let Some(size) = place.clues.size {
        findings.push(plain(format!("This message had {size} bytes.")));
    }
    findings
}

pub(super) fn filters(place: &Place<'_>) -> Vec<Finding> {
    let names = listed(place.config.filters.iter().map(|filter| filter.name.as_str()));
    if place.config.filters.is_empty() {
        return vec![plain("No [[filter]] is configured here, so this server does not send this reply now.")];
    }
    vec![fact(
        format!("Filters here, in their order: {names}."),
        "a filter's settings in its [[filter]] table; shadow = true lets it only be recorded",
    )]
}

pub(super) fn scores(place: &Place<'_>) -> Vec<Finding> {
    let scores = &place.config.scores;
    let action = match scores.refuse_action {
        RefuseAction::Reject => "refused (row 30)",
        RefuseAction::Discard => "accepted and deleted (row 31)",
    };
    let mut findings = vec![if scores.reject > 0.0 {
        fact(
            format!("From a score of {} on a message is {action}; marked from {} on.", scores.reject, scores.mark),
            "scores.reject (0: off), scores.refuse-action",
        )
    } else {
        plain("scores.reject is 0: no message is refused for its score now.")
    }];
    findings.extend(filters(place));
    findings
}

pub(super) fn challenge(place: &Place<'_>) -> Vec<Finding> {
    let challenge = &place.config.challenge;
    let mut findings = vec![fact(
        format!(
            "challenge.enabled is {}: held messages wait {} for their sender to confirm at {}.",
            on_off(challenge.enabled),
            time(challenge.expire),
            challenge.url
        ),
        "challenge.enabled = false puts them into quarantine instead; \"postwarden quarantine list --reason challenge\" shows them",
    )];
    findings.extend(filters(place));
    findings
}
