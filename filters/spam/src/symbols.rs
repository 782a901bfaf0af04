//! THE table of symbols: what each finding is called, how many points it gives unless the operator says otherwise, and
//! what it means. A new rule begins with a line here.

use std::collections::BTreeMap;

macro_rules! symbols {
    ($($name:ident = $points:literal, $meaning:literal;)*) => {
        /// A finding.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Symbol { $(#[doc = $meaning] $name,)* }

        /// All of them, with their points and meanings.
        pub(crate) const TABLE: &[(Symbol, &str, f64, &str)] =
            &[$((Symbol::$name, stringify!($name), $points, $meaning),)*];
    };
}

symbols! {
    // The classifier. Between two of these the points are on the line from one to the other.
    BAYES_00 = -3.0, "the classifier is sure that it is wanted";
    BAYES_05 = -1.5, "the classifier takes it for wanted";
    BAYES_20 = -0.5, "the classifier leans to wanted";
    BAYES_50 = 1.0, "the classifier cannot tell";
    BAYES_80 = 3.0, "the classifier leans to spam";
    BAYES_95 = 6.0, "the classifier takes it for spam";
    BAYES_99 = 9.0, "the classifier is nearly sure that it is spam";
    BAYES_999 = 11.0, "the classifier is sure that it is spam";

    GTUBE = 1000.0, "the test string that every spam filter refuses";

    // The header.
    MISSING_DATE = 1.0, "no Date field";
    MISSING_FROM = 2.0, "no From field";
    MISSING_TO = 0.3, "neither To nor Cc";
    MISSING_SUBJECT = 0.6, "no Subject field, or an empty one";
    MISSING_MESSAGE_ID = 0.6, "no Message-ID field";
    DATE_INVALID = 2.0, "a Date that RFC 5322 does not know";
    DATE_FUTURE = 0.5, "dated more than 12 hours after it was received";
    DATE_PAST = 0.5, "dated more than four days before it was received";
    MESSAGE_ID_INVALID = 2.0, "a Message-ID without its brackets or its @";
    MESSAGE_ID_SPAMWARE = 3.5, "a Message-ID as only mass mailing programs write it";
    FROM_INVALID = 1.2, "a From without an address";
    FROM_DIGITS = 1.2, "a sender's address with many digits";
    FROM_IS_TO = 0.4, "the sender claims to be the recipient";
    FROM_NAME_ADDRESS = 1.0, "the sender's name is an address of another domain";
    REPLY_TO_FREEMAIL = 1.8, "answers go to a free mailbox of another domain than the sender's";
    TO_UNDISCLOSED = 0.8, "To names nobody";
    SUBJECT_SHOUTS = 1.2, "a Subject in capitals";
    SUBJECT_MARKS = 0.8, "a Subject with !!, ?! or $$";
    SUBJECT_GAPPY = 1.5, "a Subject written l i k e  t h i s";
    SUBJECT_SERIAL = 3.0, "a Subject with a serial number far to its right";
    SUBJECT_ADVERT = 3.5, "a Subject that says it is an advertisement";
    SUBJECT_FAKE_REPLY = 0.3, "Re: in the Subject of what answers nothing";
    HEADER_8BIT = 1.0, "unencoded characters that are no ASCII in Subject or From";
    MAILER_BULK = 2.0, "sent with a program for mass mailing";
    MAILER_FORGED = 2.0, "names a program that writes other headers than these";
    PRIORITY_HIGH = 0.8, "marked as urgent";

    // How it came here.
    HELO_ADDRESS = 1.0, "the client greeted with an IP address";
    HELO_LOCALHOST = 1.5, "the client greeted as localhost";
    HELO_NO_DOMAIN = 1.0, "the client greeted with a name without a dot";
    HELO_FORGED = 2.5, "the client greeted as a large provider that it is not";
    CLIENT_NO_NAME = 0.3, "the client's address has no confirmed name";
    CLIENT_DYNAMIC = 1.2, "the client's name looks like that of a dial-up or home line";
    RECEIVED_FORGED = 1.5, "a Received field that no server writes";

    // Structure.
    HTML_ONLY = 0.6, "HTML without a plain text beside it";
    HTML_AS_PLAIN = 1.5, "HTML that is declared as plain text";
    HTML_IMAGES_ONLY = 1.8, "pictures and hardly a word";
    HTML_HIDDEN_TEXT = 1.8, "text that the reader cannot see";
    HTML_TINY_TEXT = 0.1, "text too small to read";
    HTML_BROKEN_WORDS = 2.5, "words cut by comments or invented tags";
    HTML_UNKNOWN_TAGS = 1.0, "tags that no HTML knows";
    HTML_FORM = 0.1, "a form to fill in";
    HTML_ACTIVE = 0.1, "scripts, applets or handlers";
    HTML_FRAME = 0.2, "a page of elsewhere in a frame";
    HTML_REFRESH = 1.5, "leads to another page by itself";
    HTML_LINK_ELSEWHERE = 1.5, "a link that shows one site and leads to another";
    MIME_NO_VERSION = 0.1, "Content-Type without MIME-Version";
    MIME_BASE64_TEXT = 2.0, "plain ASCII text hidden in base64";
    MIME_PROGRAM = 1.0, "a program attached, or what Windows takes for one";
    CHARSET_UNKNOWN = 1.5, "a charset of no known name";

    // Text.
    TEXT_SHOUTS = 0.4, "a text mostly in capitals";
    TEXT_GAPPY = 1.2, "words written l i k e  t h i s";
    TEXT_LOOKALIKES = 2.0, "words of letters of several scripts";
    TEXT_INVISIBLE = 1.5, "words cut by invisible characters";
    TEXT_DISGUISED = 2.0, "v1agra and the like";
    TEXT_RANDOM_END = 1.8, "a random word at the end";
    PHRASES_OFFER = 0.6, "phrases of advertising";
    PHRASES_OFFER_MANY = 1.2, "many phrases of advertising";
    PHRASES_MONEY = 2.0, "phrases of those who promise wealth";
    PHRASES_LOAN = 1.8, "phrases of those who sell credit";
    PHRASES_PILLS = 2.2, "phrases of those who sell medicine";
    PHRASES_ADULT = 1.5, "phrases of those who sell sex";
    PHRASES_ADVANCE_FEE = 3.5, "phrases of the advance fee fraud";
    PHRASES_EXCUSE = 1.8, "says that it is no spam, or cites a law";
    PHRASES_REMOVE = 0.3, "asks to write when no more is wanted";

    // Addresses of the web.
    URL_ADDRESS = 1.8, "a link to an IP address";
    URL_USERINFO = 2.0, "a link with a user name, which hides where it leads";
    URL_ESCAPED = 2.5, "a link whose host is written in escapes";
    URL_PORT = 1.8, "a link to an unusual port";
    URL_PUNYCODE = 0.5, "a link to a host with letters of other scripts";
    URL_SHORTENER = 0.3, "a link through a service that hides its target";
    URL_REDIRECT = 0.2, "a link within a link";
    URL_TLD = 0.6, "a link to a top-level domain that spam likes";
    URL_RANDOM_HOST = 0.8, "a link to a host of a random name";
    MAILTO_REMOVE = 0.4, "a mail link to get off a list";

    // Authentication, as the server found it.
    SPF_FAIL = 1.5, "the sender's domain does not send from this client";
    SPF_SOFTFAIL = 0.6, "the sender's domain hardly sends from this client";
    DKIM_INVALID = 0.3, "signed, and the signature is not right";
    DMARC_FAIL = 1.5, "the domain in From disowns this message";
    DMARC_PASS = -0.3, "the domain in From stands for this message";

    // What earlier mail of this sender was.
    SENDER_GOOD = -1.0, "this sender's mail was wanted so far";
    SENDER_BAD = 1.5, "this sender's mail was spam so far";
}

/// Points by symbol, as the operator wants them.
#[derive(Clone, Debug)]
pub(crate) struct Points(Vec<f64>);

impl Default for Points {
    fn default() -> Self {
        Self(TABLE.iter().map(|(_, _, points, _)| *points).collect())
    }
}

impl Points {
    /// The table's, with the operator's changes. Complains by name.
    pub(crate) fn new(changes: &BTreeMap<String, f64>) -> Result<Self, Vec<(String, String)>> {
        let mut points = Self::default();
        let mut problems = Vec::new();
        for (name, value) in changes {
            let place = TABLE.iter().position(|(_, known, ..)| known == name);
            match place.and_then(|place| points.0.get_mut(place)) {
                Some(_) if !value.is_finite() => problems.push((name.clone(), "points are a finite number".to_owned())),
                Some(place) => *place = *value,
                None => problems.push((name.clone(), crate::nearest::unknown("symbol", name, names()))),
            }
        }
        if problems.is_empty() { Ok(points) } else { Err(problems) }
    }

    pub(crate) fn of(&self, symbol: Symbol) -> f64 {
        self.0.get(symbol as usize).copied().unwrap_or(0.0)
    }
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(_, name, ..)| *name)
}

impl Symbol {
    pub(crate) fn meaning(self) -> &'static str {
        TABLE.get(self as usize).map_or("", |(.., meaning)| *meaning)
    }

    pub(crate) fn name(self) -> &'static str {
        TABLE.get(self as usize).map_or("", |(_, name, ..)| *name)
    }
}
