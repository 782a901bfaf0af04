//! Why a client sees one of the 35 rows, and what to change. One answer a row.

use super::Faq;

pub(super) const COMMAND_UNRECOGNIZED: Faq = Faq {
    meaning: "The first word of the line is no command of this listener. Nothing was done, and the session goes on.",
    causes: &[
        "A typing error, or a command of an extension that this server does not offer in its reply to EHLO.",
        "LHLO on an SMTP listener, or HELO and EHLO on an LMTP one.",
        "smtp.deny-telnet is on and the line held backspace, DEL or telnet control bytes: from then on every command of that session gets this reply.",
        "The client sends a message where a command belongs, because an earlier DATA or BDAT was refused and it did not notice.",
    ],
    change: &[
        "Correct the line, or use only what EHLO offers.",
        "To try things by hand, set smtp.deny-telnet = false, or use a tool that sends whole lines, such as swaks.",
        "Check the role of the [[listener]] the client connects to: mail programs belong on \"submission\", mail stores on \"lmtp\".",
    ],
};

pub(super) const DOMAIN_REQUIRED: Faq = Faq {
    meaning: "The address in MAIL FROM or RCPT TO has no @domain. Only the null sender <> and the recipient <postmaster> may stand without one, because mail without a domain cannot be answered or delivered.",
    causes: &[
        "A device or script sends from a bare name such as `root` or `scanner`.",
        "The mail program has an incomplete address in its account settings.",
    ],
    change: &[
        "Give the client a full address, for example scanner@example.com.",
        "On Unix hosts set the mail system's own domain (Postfix: myorigin) so that local names get one.",
    ],
};

pub(super) const UNBALANCED: Faq = Faq {
    meaning: "A bracket, quote or parenthesis of an address has no partner, so nobody can say where the address ends.",
    causes: &[
        "`<` without `>` or the other way round.",
        "A quoted local part that is not closed.",
        "A line of a list file with the same fault: the file and line stand in the log.",
    ],
    change: &["Write the address as <local@domain>.", "For a list file, correct the line named in the log and reload."],
};

pub(super) const SYNTAX_ERROR: Faq = Faq {
    meaning: "The command is known and its arguments cannot be read: a word is missing, there is one too many, a parameter is unknown or given twice, or its value is not allowed.",
    causes: &[
        "An address with spaces or other characters that need quotes.",
        "A parameter that was not offered in the reply to EHLO, for example REQUIRETLS without TLS, or HOLDFOR outside submission.",
        "An address outside ASCII without the SMTPUTF8 parameter.",
        "NUL, a bare CR or a bare LF inside the line: only CR LF ends a line here.",
        "BDAT with a size that is no number; as nobody knows what follows, the session is closed too.",
    ],
    change: &[
        "Compare the line in the log (log.level = \"debug\") with the syntax of the command.",
        "Let scripts end their lines with CR LF.",
        "Let the client look at the reply to EHLO before it uses an extension.",
    ],
};

pub(super) const HELO_DOMAIN_REQUIRED: Faq = Faq {
    meaning: "HELO, EHLO or LHLO came without a name, or with one that can be no host name. The greeting must be a domain or an address in brackets.",
    causes: &[
        "The client's own host name is empty or holds spaces or letters outside ASCII.",
        "An address literal is malformed, for example [10.0.0] or an IPv6 address without the IPv6: tag.",
    ],
    change: &[
        "Give the client a host name such as pc7.example.com, or let it use [192.0.2.7].",
        "An underscore is no reason: it is accepted.",
    ],
};

pub(super) const AUTH_CANCELLED: Faq = Faq {
    meaning: "The login was given up before there was anything to check: by the client with `*`, or because its answer could not be read.",
    causes: &[
        "The user closed the password dialogue.",
        "The client sent something that is not base64, an over-long line, or SCRAM messages in the wrong form.",
        "The client cannot do the mechanism it chose.",
    ],
    change: &[
        "Start AUTH again.",
        "If one client always ends here, leave the mechanism it fails at out of auth.mechanisms and see whether it takes another.",
    ],
};

pub(super) const AUTH_FAILED: Faq = Faq {
    meaning: "The user name and password do not belong together. The reply is the same, and takes the same time, for a wrong password, an unknown name and a disabled account, so that it tells guessers nothing.",
    causes: &[
        "A wrong or old password in the client.",
        "The user name is not the full address of the account.",
        "The account is disabled.",
        "The account's password is stored in a form that this mechanism cannot check: an Argon2id hash serves PLAIN and LOGIN, not SCRAM.",
        "A SCRAM client saw a list of mechanisms without channel binding although this server offers it: somebody may be changing the connection in between.",
    ],
    change: &[
        "Look at the account with `postwarden account show ADDRESS`; set a new password with `postwarden account passwd ADDRESS`, or let it log in again with `postwarden account set ADDRESS --disabled=false`.",
        "Too many failures block the client's address for a while: see auth.max-failures-per-ip.",
    ],
};

pub(super) const SENDING_NOT_ALLOWED: Faq = Faq {
    meaning: "This client, or this login, may not send from here with this sender.",
    causes: &[
        "security.reject-no-rdns is on and the client's address has no reverse name that leads back to it.",
        "security.sender-must-match-login is on and the sender in MAIL FROM is neither the account that logged in nor one of its aliases.",
        "The account was set to send nothing (`--no-send`).",
    ],
    change: &[
        "Put the client's network into relay.from: addresses in it are exempt.",
        "Let the owner of the address give it a PTR record whose name points back to it, or turn security.reject-no-rdns off.",
        "For a login: use the account's own address, add an alias for the other one, or turn security.sender-must-match-login off; `postwarden account set ADDRESS --no-send=false` lets an account send again.",
    ],
};

pub(super) const NOT_SUPPORTED: Faq = Faq {
    meaning: "The command exists and is switched off here. The reply to EHLO does not offer it.",
    causes: &[
        "VRFY, EXPN and ETRN are off unless the operator turns them on: they help address harvesters more than anybody else.",
        "STARTTLS on a listener without TLS or without a certificate.",
        "Any command named with false in smtp.commands.",
    ],
    change: &[
        "Set the command to true in smtp.commands, for example commands = { vrfy = true }.",
        "For STARTTLS set tls.certificate and tls.key, and tls = \"starttls\" on the [[listener]]. ETRN is known and never done.",
    ],
};

pub(super) const BAD_SEQUENCE: Faq = Faq {
    meaning: "The command is right and comes at the wrong time. A message is MAIL, then one or more RCPT, then DATA or BDAT; AUTH comes before all of them.",
    causes: &[
        "RCPT before MAIL was accepted.",
        "DATA although every RCPT was refused: read the replies before this one.",
        "A second MAIL without a message or RSET in between.",
        "DATA after BDAT in one message, or DATA for BODY=BINARYMIME, which travels by BDAT only.",
        "AUTH inside a message, STARTTLS inside TLS, or anything sent right behind STARTTLS before its reply; that last one also closes the session.",
    ],
    change: &[
        "Look for the first refused command of the session in the log: this reply is mostly its consequence.",
        "Let the client send RSET, or connect again.",
    ],
};

pub(super) const AUTH_ALREADY_DONE: Faq = Faq {
    meaning: "The session is logged in. One login a connection is all there can be.",
    causes: &["A client that logs in for each message on a connection it reuses."],
    change: &["Leave the second AUTH out, or open a new connection to log in as somebody else."],
};

pub(super) const HELO_REQUIRED: Faq = Faq {
    meaning: "The client has not said who it is. A greeting with HELO or EHLO comes first, and once more after STARTTLS.",
    causes: &[
        "A hand-made script that starts with MAIL.",
        "After STARTTLS the client does not greet again, although everything said in clear is forgotten then.",
        "The greeting was refused: see the reply to it.",
    ],
    change: &[
        "Let the client send EHLO with its name.",
        "If such clients must be served, set smtp.require-helo = false.",
    ],
};

pub(super) const HELO_ALREADY_SPECIFIED: Faq = Faq {
    meaning: "The session was greeted before; the name given first stays. Under the rfc profile the second greeting is accepted and starts over.",
    causes: &[
        "The client sends EHLO and then HELO although EHLO was accepted.",
        "A client that greets again for each message on one connection.",
    ],
    change: &[
        "Send RSET instead of a second greeting.",
        "For clients that cannot be changed set smtp.replies = \"rfc\".",
    ],
};

pub(super) const AUTH_TYPE_UNRECOGNIZED: Faq = Faq {
    meaning: "AUTH named no mechanism, or one that cannot be used in this session. The usable ones stand in the AUTH line of the reply to EHLO.",
    causes: &[
        "PLAIN or LOGIN without TLS: they show the password to everybody on the way, so they wait for STARTTLS.",
        "A mechanism this server does not have (CRAM-MD5, NTLM, XOAUTH2) or that auth.mechanisms leaves out.",
        "SCRAM-SHA-256-PLUS without TLS: it needs a channel to bind to.",
    ],
    change: &[
        "Turn on STARTTLS or SSL/TLS in the client.",
        "Add the mechanism to auth.mechanisms.",
        "Only on a network you trust: auth.allow-plaintext-without-tls = true.",
    ],
};

pub(super) const AUTH_REQUIRED: Faq = Faq {
    meaning: "On this listener a message can only be sent after a login.",
    causes: &[
        "A mail program without user name and password for outgoing mail.",
        "Another server delivers to the submission port (587) instead of port 25.",
        "The client did not log in again after STARTTLS.",
    ],
    change: &[
        "Switch on authentication for outgoing mail in the client.",
        "Mail from other servers belongs on a [[listener]] with role = \"mx\".",
    ],
};

pub(super) const RELAY_DENIED: Faq = Faq {
    meaning: "The recipient is in no domain of this server, and the session has no right to send elsewhere. A server that passed such mail on for everybody would be an open relay.",
    causes: &[
        "A user who has not logged in.",
        "The recipient's domain should be local and is missing in the configuration, or is misspelt.",
        "A host of the own network that is not listed as one that may relay.",
        "Somebody looks for open relays.",
    ],
    change: &[
        "Let the user log in, best on the submission listener.",
        "Add the domain as [domains.\"example.com\"] if it is one of yours.",
        "Add the host or network to relay.from, and keep that list as short as you can.",
    ],
};

pub(super) const RELAY_LIMITS: Faq = Faq {
    meaning: "The account has used up what it, or its domain, may send to other domains in the current period. Local mail still passes.",
    causes: &[
        "A newsletter or a program that writes to many people.",
        "The password was stolen and the account sends spam: look at its messages before you raise anything.",
    ],
    change: &[
        "See what was sent: `postwarden history find`.",
        "Raise the limit of the account with `postwarden account set ADDRESS --send-limit-messages N --send-limit-bytes N`, or that of the domain in domains.\"example.com\".send-limit. 0 means unlimited.",
        "Otherwise wait: the limit counts over its `within` time.",
    ],
};

pub(super) const RELAY_LOCAL_ONLY: Faq = Faq {
    meaning: "The account may send to local domains only.",
    causes: &["The account was made with --local-domains-only, as is usual for devices and internal users."],
    change: &[
        "If it may send elsewhere, take the restriction off: `postwarden account set ADDRESS --local-domains-only=false`.",
        "If the recipient's domain is yours, add it as [domains.\"example.com\"].",
    ],
};

pub(super) const ACCESS_DENIED: Faq = Faq {
    meaning: "The mail is refused for who sends it. Either a black list matches, or the sender claims a local address without having logged in.",
    causes: &[
        "The client's address, its name, the greeting, the sender or the recipient stands in the black list of the access filter.",
        "MAIL FROM is in a local domain, the session is not authorised, and security.reject-unauthorized-local-sender is on. This stops strangers who write as your own users.",
        "A web form, device or forwarding server sends with an address of yours from outside.",
    ],
    change: &[
        "Look in the list named by the access filter's settings.black; a line in its white or bypass file makes an exception. White lists never help unauthorised senders that claim a local address.",
        "Let the local sender log in, or add its host to relay.from.",
        "If you can live with forged local senders: security.reject-unauthorized-local-sender = false.",
    ],
};

pub(super) const PERMISSION_DENIED: Faq = Faq {
    meaning: "The address exists and does not take mail from this sender.",
    causes: &[
        "A mailing list with --members-only, and the sender is no member, or writes from another of his addresses.",
        "Receiving is switched off for the account (--no-receive).",
    ],
    change: &[
        "Add the sender's address to the list, or open the list for everybody: `postwarden list show ADDRESS` tells who is on it.",
        "Switch receiving on again: `postwarden account set ADDRESS --no-receive=false`.",
    ],
};

pub(super) const UNKNOWN_USER_LOCAL: Faq = Faq {
    meaning: "The domain is local and has no such address, and nothing is said about what to do with mail for unknown users.",
    causes: &[
        "The address is misspelt.",
        "The account was removed or renamed.",
        "An alias or forward leads to a local address that does not exist.",
    ],
    change: &[
        "See `postwarden account show ADDRESS` and `postwarden alias show ADDRESS`.",
        "Add the account or an alias, or correct the alias's target.",
        "To forward or discard such mail set domains.\"example.com\".unknown-users.",
    ],
};

pub(super) const UNKNOWN_USER_REJECTING: Faq = Faq {
    meaning: "The domain is local, has no such address, and refuses unknown users by its own setting.",
    causes: &["The address is misspelt.", "The account was removed or renamed.", "Somebody guesses addresses."],
    change: &[
        "Add the account or an alias if the address should exist.",
        "domains.\"example.com\".unknown-users may also be \"discard\" or { forward = \"postmaster@example.com\" }.",
    ],
};

pub(super) const NO_SUCH_USER: Faq = Faq {
    meaning: "VRFY asked about an address that is no local user.",
    causes: &[
        "The name is misspelt, or is an alias or list of another domain.",
        "Address harvesters try VRFY with long lists of names.",
    ],
    change: &[
        "Ask with the full address.",
        "If nobody needs VRFY, leave it off: commands = { vrfy = false } in [smtp] is the default.",
    ],
};

pub(super) const NO_SUCH_LIST: Faq = Faq {
    meaning: "EXPN asked about an address that is no mailing list here.",
    causes: &["The name is misspelt, or belongs to a user or an alias."],
    change: &[
        "`postwarden list list` shows the lists.",
        "If nobody needs EXPN, leave it off: commands = { expn = false } in [smtp] is the default.",
    ],
};

pub(super) const TOO_MANY_RECIPIENTS: Faq = Faq {
    meaning: "The message has more recipients than one message may have. Those accepted before stay valid and will get it; this one will not.",
    causes: &["A circular sent with all addresses in one message.", "A spammer."],
    change: &[
        "Raise smtp.max-recipients; 0 means unlimited.",
        "Use a mailing list (`postwarden list add`): its members are not counted.",
        "Servers that know the LIMITS extension split such mail by themselves.",
    ],
};

pub(super) const MESSAGE_TOO_BIG: Faq = Faq {
    meaning: "The message is larger than this server, this domain or this user may send or receive. The size was announced in MAIL, or counted at the end.",
    causes: &[
        "Large attachments; on the wire they take a third more than on disk.",
        "One of the three limits is smaller than you think: the smallest that is not 0 counts, unless the domain sets override-global-limits = true, where the most specific one does.",
    ],
    change: &[
        "Raise all that apply: smtp.max-message-size, domains.\"example.com\".max-message-size, and the account's with `postwarden account set ADDRESS --max-message-size SIZE`. 0 means unlimited.",
        "smtp.hard-ceiling bounds them all.",
    ],
};

pub(super) const VIRUS_FOUND: Faq = Faq {
    meaning: "A filter found a virus or another dangerous content in the message or in an attachment.",
    causes: &[
        "The message carries malware, perhaps without its sender's knowledge.",
        "A signature matches something harmless.",
    ],
    change: &[
        "The sender should have the machine examined.",
        "If it is a mistake, find the signature's name in `postwarden explain ID` and take it out of the files of the virus filter's settings.signatures.",
    ],
};

pub(super) const CONTENT_REJECTED: Faq = Faq {
    meaning: "A rule of the content filter says that such a message is refused.",
    causes: &["A forbidden kind of attachment, a word or a header field that a rule names."],
    change: &[
        "The rule's name stands in `postwarden explain ID`; change it in the file of the content filter's settings.rules.",
        "Try the rule with `postwarden filter run` before you deploy it.",
    ],
};

pub(super) const SPAM_FILTER_REJECTED: Faq = Faq {
    meaning: "One filter by itself is sure that the message is spam and refuses it.",
    causes: &[
        "The message looks like spam to that filter, or its sender is known for it.",
        "The filter learned from wrong examples.",
    ],
    change: &[
        "See which filter and why: `postwarden explain ID`.",
        "Change that [[filter]]'s settings, set it to shadow = true while you look, or train it with `postwarden spam learn ham FILE`.",
    ],
};

pub(super) const SPAM_REJECTED: Faq = Faq {
    meaning: "No single filter refused the message; the scores of all of them together reached the limit.",
    causes: &["Several signs of spam add up.", "scores.reject is low, or one filter scores too high."],
    change: &[
        "`postwarden explain ID` lists the scores.",
        "Raise scores.reject (0 turns it off), or let such mail be marked or held instead: scores.mark, scores.quarantine.",
        "A white entry of the access filter lets a trusted sender through.",
    ],
};

pub(super) const DELETED_BY_FILTER: Faq = Faq {
    meaning: "The message was accepted and deleted: the sender saw 250 and gets no notice. The sentence stands only in the log and in the history.",
    causes: &[
        "A filter's verdict is `discard`.",
        "The score reached scores.reject and scores.refuse-action is \"discard\".",
        "The domain discards mail for unknown users.",
    ],
    change: &[
        "Find out who decided: `postwarden explain ID`.",
        "Use scores.refuse-action = \"reject\" so that senders hear of it, and take the grant \"discard\" from the [[filter]] if it must not delete.",
    ],
};

pub(super) const CHALLENGED_BY_FILTER: Faq = Faq {
    meaning: "The message is held and its sender was asked to confirm. It is delivered once he does, and deleted when the time is over.",
    causes: &["The sender is not known here and a filter asks for a challenge."],
    change: &[
        "Release it: `postwarden quarantine list`, then `postwarden quarantine release ID`.",
        "Turn it off with challenge.enabled = false: such mail goes to the quarantine without a question. challenge.expire says how long it is held.",
    ],
};

pub(super) const MAILBOX_FULL: Faq = Faq {
    meaning: "The mailbox of the recipient, or all of its domain together, has used up its room.",
    causes: &[
        "The owner has not deleted mail for long.",
        "A large message would not fit any more.",
        "The quota of the domain is smaller than the sum of its users needs.",
    ],
    change: &[
        "Empty the mailbox, or raise `postwarden account set ADDRESS --quota SIZE` or domains.\"example.com\".quota; 0 means unlimited.",
        "To let senders try again instead, set domains.\"example.com\".quota-temporary = true: 452 4.2.2 is sent then.",
    ],
};

pub(super) const SERVER_CEILING: Faq = Faq {
    meaning: "While it was being received the message passed the hard limit of this server. The rest was read over and thrown away.",
    causes: &["A very large attachment from a client that did not announce its size.", "An attempt to fill the disk."],
    change: &[
        "Raise smtp.hard-ceiling, which must not be below smtp.max-message-size.",
        "smtp.close-on-ceiling = true closes the connection at once instead of reading to the end.",
    ],
};

pub(super) const FILTER_REJECTED: Faq = Faq {
    meaning: "A filter of the operator refused the message; if the filter gives a reason, it follows these words.",
    causes: &[
        "A rule of your own in a [[filter]] of the configuration.",
        "The filter failed and its on-failure is \"reject\".",
    ],
    change: &[
        "See which filter it was: `postwarden explain ID`.",
        "Change its settings, or set on-failure = \"defer\" so that its faults do not refuse mail for good.",
    ],
};
