//! Plays scenes: a node with a store in memory, one session's facts, questions and the answers expected.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use postwarden_smtp::question::{DeliverBy, Fate, Hold, Login, RecipientParameters, Secret};
use postwarden_smtp::session::{Facts, Greeting, GreetingVerb, Recipient, Transaction};
use postwarden_smtp::{Answer, ForwardPath, Question, ReversePath, SenderParameters};
use postwarden_store::queue::Route;
use postwarden_store::{Error, Store, Timestamp};

use super::super::{Asked, decide_at};
use super::fake::{Fake, lock};
use crate::auth::{Kind, make_password};
use crate::chain::Conversation;
use crate::config::read;
use crate::directory::address;
use crate::node::Node;

const BASE: &str = r#"
hostname = "mx.example.com"
[[listener]]
name = "mx"
bind = ["127.0.0.1:0"]
role = "mx"
tls = "off"
[[listener]]
name = "submission"
bind = ["127.0.0.1:0"]
role = "submission"
tls = "off"
[[listener]]
name = "lmtp"
bind = ["127.0.0.1:0"]
role = "lmtp"
tls = "off"
[relay]
from = ["10.0.0.0/8"]
[authentication]
exempt = ["0.0.0.0/0"]
"#;

pub(super) struct Scene {
    pub(super) node: Arc<Node>,
    pub(super) fake: Arc<Fake>,
    facts: Facts,
    pub(super) filtered: Conversation,
    pub(super) transaction: Option<Transaction>,
    pub(super) now: Timestamp,
    folder: tempfile::TempDir,
    pub(super) calls: super::filters::Calls,
    pub(super) scripts: super::filters::Scripts,
}

pub(super) fn scenes(text: &str) -> Vec<(String, Vec<&str>)> {
    let mut scenes: Vec<(String, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("== ") {
            Some(name) => scenes.push((name.to_owned(), Vec::new())),
            None => scenes.last_mut().unwrap().1.push(line),
        }
    }
    scenes
}

pub(super) async fn play(name: &str, lines: &[&str]) {
    let config: String =
        lines.iter().filter_map(|line| line.strip_prefix("| ")).map(|line| format!("{line}\n")).collect();
    let mut scene = Scene::new(&config);
    for line in lines.iter().filter(|line| !line.starts_with("| ")) {
        let (order, expected) = match line.split_once(" => ") {
            Some((order, expected)) => (order, Some(expected.trim())),
            None => (*line, None),
        };
        let told = scene.order(order.trim()).await;
        match expected {
            Some(expected) => assert_eq!(told, expected, "scene {name:?}: {line}"),
            None => assert_eq!(told, "", "scene {name:?}: {line} has an answer, and nothing is expected"),
        }
    }
}

impl Scene {
    pub(super) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fake = Arc::new(Fake::default());
        let domain = if config.contains("[domains.\"example.com\"]") { "" } else { "[domains.\"example.com\"]\n" };
        let text = format!("data-dir = \"{}\"\n{BASE}{config}{domain}", folder.path().display());
        let config = read::parse(&text, &folder.path().join("test.toml"))
            .unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        let store: Arc<dyn Store> = Arc::clone(&fake) as _;
        let slots =
            config.config.filters.iter().map(|filter| crate::filters::Slot::new(filter.clone(), None)).collect();
        let node = Node::new(config.config, store, postwarden_store::Ids::new(1)).unwrap();
        node.filters.set(slots);
        let facts = Facts {
            session_id: "session".to_owned(),
            listener: "mx".to_owned(),
            client: "192.0.2.7:4711".parse().unwrap(),
            local: "192.0.2.25:25".parse().unwrap(),
            greeting: Some(Greeting { verb: GreetingVerb::Ehlo, name: "client.example".to_owned() }),
            tls: None,
            login: None,
        };
        Self {
            node,
            fake,
            facts,
            filtered: Conversation::default(),
            transaction: None,
            now: 1_800_000_000_000,
            folder,
            calls: Default::default(),
            scripts: Default::default(),
        }
    }

    pub(super) fn client(&mut self, ip: &str, listener: &str) {
        self.facts.client = format!("{ip}:4711").parse().unwrap();
        self.facts.listener = listener.to_owned();
        self.facts.login = None;
        self.transaction = None;
    }

    pub(super) fn login(&mut self, account: &str) {
        self.facts.login = Some(Login { account: account.to_owned() });
    }

    pub(super) async fn ask(&mut self, question: Question) -> Answer {
        let asked = Asked::new(&self.node, &self.facts, self.transaction.as_ref(), self.now);
        decide_at(asked, &mut self.filtered, &mut None, question).await
    }

    pub(super) async fn mail(&mut self, path: &str, parameters: SenderParameters) -> Answer {
        self.transaction = None;
        let path = match path {
            "<>" => ReversePath::Null,
            _ => ReversePath::Mailbox(address::parse(path).unwrap()),
        };
        let answer = self.ask(Question::Sender { path: path.clone(), parameters: parameters.clone() }).await;
        if answer == Answer::Proceed {
            let id = self.node.next_id();
            self.transaction = Some(Transaction { id, sender: path, parameters, recipients: Vec::new() });
        }
        answer
    }

    pub(super) async fn rcpt(&mut self, path: &str) -> Answer {
        let path = match path {
            "<postmaster>" => ForwardPath::Postmaster,
            _ => ForwardPath::Mailbox(address::parse(path).unwrap()),
        };
        let parameters = RecipientParameters::default();
        let answer = self.ask(Question::Recipient { path: path.clone(), parameters: parameters.clone() }).await;
        if answer == Answer::Proceed {
            self.transaction.as_mut().unwrap().recipients.push(Recipient { path, parameters });
        }
        answer
    }

    pub(super) async fn data(&mut self, content: &[u8]) -> Answer {
        let mut draft = self.node.drafts.open();
        draft.append(content).await.unwrap();
        let size = u64::try_from(content.len()).unwrap();
        let mut draft = Some(draft);
        if let Some(transaction) = &mut self.transaction {
            transaction.id = self.node.next_id();
        }
        let asked = Asked::new(&self.node, &self.facts, self.transaction.as_ref(), self.now);
        let answer = decide_at(asked, &mut self.filtered, &mut draft, Question::Message { size }).await;
        assert!(draft.is_none(), "the draft was not taken");
        answer
    }

    /// A login of another session of the same client.
    pub(super) fn guess(&self, user: &str, plain: &str) -> impl Future<Output = Answer> + Send + 'static {
        let (node, facts, now) = (Arc::clone(&self.node), self.facts.clone(), self.now);
        let password = Secret(plain.as_bytes().to_vec());
        let question = Question::Password { user: user.to_owned(), authorization: String::new(), password };
        async move {
            let asked = Asked::new(&node, &facts, None, now);
            decide_at(asked, &mut Conversation::default(), &mut None, question).await
        }
    }

    async fn order(&mut self, order: &str) -> String {
        let words: Vec<&str> = order.split_whitespace().collect();
        let rest = order.split_once(' ').map_or("", |(_, rest)| rest);
        match words.as_slice() {
            ["+", ..] => {
                self.fake.add_line(rest);
                self.node.directory.forget();
            }
            ["password", account, plain] => self.set_password(account, plain).await,
            ["client", ip, listener] => self.client(ip, listener),
            ["login", account] => self.login(account),
            ["after", seconds] => self.now += seconds.parse::<i64>().unwrap() * 1000,
            ["fill", account, bytes] => self.fill(account, bytes.parse().unwrap()),
            ["store", state] => self.store(state),
            ["GREET"] => return told(&self.ask(Question::Greeting).await),
            ["LETTER", ..] => return told(&self.data(rest.replace('|', "\r\n").as_bytes()).await),
            ["filter" | "canary" | "install", ..] => self.script(&words),
            ["CALLS"] => return std::mem::take(&mut *lock(&self.calls)).join(" "),
            ["KEPT"] => return self.kept().await,
            ["CONNECT"] => return told(&self.ask(Question::Connect).await),
            ["AUTH", user, plain] => return self.auth(user, plain).await,
            ["MAIL", path, parameters @ ..] => {
                let parameters = self.parameters(parameters);
                return told(&self.mail(path, parameters).await);
            }
            ["RCPT", ..] => return told(&self.rcpt(rest).await),
            ["CONTENT"] => return told(&self.ask(Question::Content).await),
            ["DATA", bytes] => {
                let content = vec![b'x'; bytes.parse().unwrap()];
                return told(&self.data(&content).await);
            }
            ["HOPS", hops] => {
                let mut content = "Received: x\r\n".repeat(hops.parse().unwrap());
                content.push_str("\r\nReceived: in the body\r\n");
                return told(&self.data(content.as_bytes()).await);
            }
            ["STORED"] => return self.stored(),
            ["NOTED"] => return self.noted(),
            ["VRFY", ..] => return told(&self.ask(Question::Verify { argument: rest.to_owned() }).await),
            ["EXPN", ..] => return told(&self.ask(Question::Expand { argument: rest.to_owned() }).await),
            _ => panic!("order: {order}"),
        }
        String::new()
    }

    async fn set_password(&self, address: &str, plain: &str) {
        let account = self.node.directory.account(address, self.now).await.unwrap().unwrap();
        let mut account = (*account).clone();
        account.password = Some(make_password(Kind::Scram, plain.as_bytes()).unwrap());
        self.fake.add(postwarden_store::accounts::Entry::Account(account));
        self.node.directory.forget();
    }

    /// A message of so many bytes lies in the mailbox.
    fn fill(&self, account: &str, bytes: usize) {
        let config = self.node.config.load();
        let mailbox = crate::deliver::maildir_path(&config, account).unwrap();
        let new: PathBuf = mailbox.join("new");
        assert!(new.starts_with(self.folder.path()));
        std::fs::create_dir_all(&new).unwrap();
        std::fs::write(new.join("1.M1.test"), vec![b'x'; bytes]).unwrap();
    }

    fn store(&self, state: &str) {
        *lock(&self.fake.failing) = (state == "down").then(|| Error::Unavailable("down".to_owned()));
        self.fake.refuse_accept.store(state == "full", Ordering::SeqCst);
        self.node.directory.forget();
    }

    async fn auth(&mut self, user: &str, plain: &str) -> String {
        let password = Secret(plain.as_bytes().to_vec());
        let question = Question::Password { user: user.to_owned(), authorization: String::new(), password };
        told(&self.ask(question).await)
    }

    fn parameters(&self, words: &[&str]) -> SenderParameters {
        let mut parameters = SenderParameters::default();
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            match key {
                "SIZE" => parameters.size = Some(value.parse().unwrap()),
                "HOLDFOR" => parameters.hold = Some(Hold::For(value.parse().unwrap())),
                "HOLDUNTIL" => {
                    let until = self.now / 1000 + value.parse::<i64>().unwrap();
                    parameters.hold = Some(Hold::Until(until.try_into().unwrap()));
                }
                "BY" => {
                    let (seconds, mode) = value.split_once(';').unwrap();
                    let seconds = seconds.parse().unwrap();
                    parameters.deliver_by = Some(DeliverBy { seconds, notify: mode == "N", trace: false });
                }
                _ => panic!("parameter: {word}"),
            }
        }
        parameters
    }

    /// The rows of the message stored last, and no more of them later.
    fn stored(&self) -> String {
        let Some(message) = lock(&self.fake.accepted).pop() else { return "nothing".to_owned() };
        lock(&self.fake.accepted).clear();
        let rows = message.recipients.iter().map(|row| {
            let route = match &row.route {
                Route::Local(account) => format!("local:{account}"),
                Route::Remote(domain) => format!("remote:{domain}:{}", row.address),
            };
            row.sender.as_ref().map_or(route.clone(), |sender| format!("{route}/{sender}"))
        });
        rows.collect::<Vec<_>>().join(" ")
    }

    /// The events of the history besides those stored with a message.
    fn noted(&self) -> String {
        let notes = std::mem::take(&mut *lock(&self.fake.notes));
        notes
            .iter()
            .map(|note| format!("{} {}", note.event, note.reply).trim().to_owned())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn told(answer: &Answer) -> String {
    match answer {
        Answer::Proceed => "ok".to_owned(),
        Answer::Refuse(refusal) => format!("{refusal:?}"),
        Answer::LoggedIn(login) => login.account.clone(),
        Answer::Scram(_) => "verifier".to_owned(),
        Answer::Taken { fate, recipients } => Some(fate)
            .filter(|fate| **fate != Fate::Queued)
            .map(|fate| format!("{fate:?}"))
            .into_iter()
            .chain(
                recipients.iter().map(|one| one.as_ref().map_or("taken".to_owned(), |refusal| format!("{refusal:?}"))),
            )
            .collect::<Vec<_>>()
            .join(" "),
        Answer::Text(text) => text.clone(),
        Answer::Lines(lines) => lines.join(" "),
    }
}
