//! Spam: one score from many techniques, each finding a named symbol with its points. Rules, block lists, what the server
//! found about the sender, and a classifier that has to be taught. The host adds the points up and decides; this filter
//! rejects by itself only the GTUBE test string, and from `reject-at`, where that is set.
//!
//! All settings, with their defaults where they have one:
//!
//! ```toml
//! [filter.settings]
//! symbols = { HTML_ONLY = 1.5, URL_TLD = 0 }  # other points than the table's in `symbols.rs`; 0: off
//! reject-at = 20                              # this filter's own sum from which it rejects (row 29); absent: the host decides
//! challenge-at = 8                            # … from which the sender is asked to confirm (row 32); absent: never
//! report = false                              # adds X-Spam-Report, which explains each symbol; needs the grant `edit`
//! lists = ["zen.spamhaus.org",                # block lists that are asked; none by default, see `lists.rs`
//!          { zone = "bl.example.org", lists = "domains", points = 2, codes = { "127.0.0.4-7" = 3, "&8" = 1 } }]
//! [filter.settings.classifier]
//! enabled = true
//! min-messages = 50                           # of each class, before it speaks
//! rules-weight = 0.3                          # what the rules' points count once it speaks: it knows what they find
//! [filter.settings.greylist]
//! enabled = false
//! delay = "5m"
//! retry-within = "2d"
//! keep = "36d"                                # how long who came back stays known
//! trust-after = 5                             # a network that came back so often is not asked again; 0: always asked
//! [filter.settings.reputation]
//! enabled = true
//! min-messages = 5
//! keep = "30d"
//! ```
//!
//! Grants: `state` for the classifier, greylisting and reputation; `dns` for block lists, with a `deadline` of seconds;
//! `edit` for X-Spam-Status and X-Spam-Report. What is not granted is done without.

mod bayes;
mod date;
mod fields;
mod greylist;
mod hash;
mod html;
mod learn;
mod lists;
mod mail;
mod nearest;
mod received;
mod reputation;
mod rules;
mod sender;
mod session;
mod settings;
pub mod symbols;
#[cfg(test)]
mod tests;
mod tokens;
mod url;
mod verdict;

use postwarden_filter::state::Bucket;
use postwarden_filter::*;

use learn::{Example, Model};
use lists::List;
use mail::Mail;
use rules::Found;
use session::is_authorised;
pub use settings::Settings;
use symbols::Points;
use tokens::Features;

/// Name of this filter's own bucket of the state.
const BUCKET: &str = "";
/// Note on the connection: what the last message was worth to its sender's reputation.
const NOTE: &str = "sender";

pub struct Spam {
    settings: Settings,
    points: Points,
    lists: Vec<List>,
    model: Option<Model>,
}

impl Filter for Spam {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let (points, lists) = match (settings.points(), settings.lists()) {
            (Ok(points), Ok(lists)) => (points, lists),
            (points, lists) => return Err([points.err(), lists.err()].into_iter().flatten().flatten().collect()),
        };
        rules::prepare();
        let model = if settings.classifier.enabled { trained(&settings) } else { None };
        Ok(Self { settings, points, lists, model })
    }

    fn on_recipient(&self, session: &Session, transaction: &Transaction, recipient: &Recipient) -> Answer {
        let client = session::address(&session.get_remote_address());
        if !self.settings.greylist.enabled || is_authorised(session) || !received::is_public(client) {
            return pass();
        }
        // Without its state a greylist would never let anybody in.
        let Ok(bucket) = Bucket::open(BUCKET) else { return pass() };
        let (sender, now) = (transaction.get_sender(), call::get_time());
        match greylist::check(&bucket, &self.settings.greylist, client, &sender, &recipient.address, now) {
            Ok(greylist::Standing::MustWait(seconds)) => {
                defer(Reason::Spam).detail(format!("greylisted: come back in {seconds} seconds")).into()
            }
            Ok(greylist::Standing::Known) => pass(),
            Err(error) => {
                log_trouble("greylisting is left out", &error);
                pass()
            }
        }
    }

    fn on_message(&self, session: &Session, transaction: &Transaction, message: &Message) -> Answer {
        let mut mail = Mail::read(message);
        let authorised = is_authorised(session);
        session::complete(&mut mail, session, transaction);
        let mut found = Found::default();
        rules::content(&mail, call::get_time(), &mut found);
        let learned = self.model.as_ref().map(|model| model.log_odds(&Features::new(&mail, &found)));
        if !authorised {
            rules::way(&mail, &mut found);
        }
        let weight = learned.map_or(1.0, |_| self.settings.classifier.rules_weight);
        let mut verdict = verdict::Verdict::new(&self.points, &found, weight);
        if let Some(log_odds) = learned {
            verdict.bayes(&self.points, log_odds);
        }
        if !authorised {
            verdict.add_all(&self.points, &sender::authentication(transaction));
            let client = mail.entry().and_then(|client| client.address);
            verdict.lists(lists::ask(&self.lists, client, &mail));
            sender::reputation(session, &self.settings.reputation, &self.points, &mail, &mut verdict);
        }
        verdict.score(transaction)?;
        fields::write(&self.settings, transaction, &verdict);
        verdict.decide(&self.settings)
    }

    fn on_outcome(&self, session: &Session, _: &Transaction, _: &str, _: &str) {
        if let Some(counter) = session.get_note(NOTE).filter(|_| self.settings.reputation.enabled) {
            sender::count(&counter, &self.settings.reputation);
        }
    }

    /// A lesson for the classifier. It counts when the server has loaded the filter again, which it does by itself.
    fn on_feedback(&self, message: &Message, class: Class) -> Result<(), Failure> {
        let is_spam = match class {
            Class::Ham => false,
            Class::Spam => true,
            Class::Other(name) => {
                return Err(Failure::from(format!("ham and spam can be learned, and not \"{name}\"")));
            }
        };
        let mail = Mail::read(message);
        let now = call::get_time();
        let mut found = Found::default();
        rules::content(&mail, now, &mut found);
        let example = Example::new(is_spam, now, &Features::new(&mail, &found));
        let kept = Bucket::open(BUCKET).and_then(|bucket| learn::keep(&bucket, &mail.digest(), &example));
        kept.map_err(|error| Failure::from(format!("the lesson was not kept: {error:?}; grant the filter \"state\"")))
    }
}

/// None without lessons enough, and without state.
fn trained(settings: &Settings) -> Option<Model> {
    let examples = match Bucket::open(BUCKET).and_then(|bucket| learn::all(&bucket)) {
        Ok(examples) => examples,
        Err(error) => {
            log_trouble("the classifier is silent: its lessons cannot be read", &error);
            return None;
        }
    };
    let model = Model::train(&examples, settings.classifier.min_messages);
    let spam = examples.iter().filter(|example| example.is_spam()).count();
    let counts = [
        ("spam".to_owned(), spam.to_string()),
        ("ham".to_owned(), examples.len().saturating_sub(spam).to_string()),
        ("trained".to_owned(), model.is_some().to_string()),
    ];
    telemetry::log(telemetry::Level::Info, "lessons of the classifier", &counts);
    model
}

fn log_trouble(message: &str, error: &state::Error) {
    telemetry::log(telemetry::Level::Warn, message, &[("error".to_owned(), format!("{error:?}"))]);
}

export!(Spam: on_recipient, on_message, on_outcome, on_feedback);
