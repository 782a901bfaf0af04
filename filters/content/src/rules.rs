//! The rules of a file, in its order, and what they say about one message.

use postwarden_filter::telemetry::Level;
use postwarden_filter::*;

use crate::action::Action;
use crate::condition::{Condition, offset};
use crate::letter::Letter;
use crate::needles::Needles;
use crate::read::{FILE_BYTES_MAX, Reader, Table};

/// Rules of one file.
pub(crate) const RULES_MAX: usize = 2000;
/// Bytes of a text for the client, as the server has it.
const REPLY_BYTES_MAX: usize = 300;
/// Bytes of a symbol, as the server has it.
const SYMBOL_BYTES_MAX: usize = 64;
/// Characters of a rule's name.
const NAME_CHARACTERS_MAX: usize = 100;
/// Bytes asked for in one call of the host.
const PIECE_BYTES: u32 = 1 << 20;

/// Keys of the file, and of a rule.
pub(crate) const FILE_KEYS: &[&str] = &["rule", "utc-offset"];
pub(crate) const KEYS: &[&str] = &["action", "name", "symbol", "text", "when"];

/// A whole file, ready.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    file: String,
    all: Vec<Rule>,
    needles: Needles,
    /// Minutes from UTC.
    offset: i64,
}

#[derive(Debug)]
struct Rule {
    name: String,
    line: usize,
    symbol: String,
    when: Condition,
    action: Action,
    /// For the client.
    text: Option<String>,
}

impl Rules {
    /// From the file that the setting names. All complaints at once, each with file, line and rule.
    pub(crate) fn load(setting: &str, file: &str) -> Result<Self, Problems> {
        let problem = |message: String| vec![Problem::new(format!("/{setting}"), message)];
        let bytes = content(file).map_err(problem)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
            problem(format!("{file}:{line}: this is not UTF-8 text: save the file as UTF-8"))
        })?;
        let reader = Reader::new(file, text);
        let Some(root) = reader.parse() else { return Err(reader.into_problems(setting)) };
        let mut rules = Self::read(&reader.root(&root));
        match reader.needles.take().build() {
            Ok(needles) => rules.needles = needles,
            Err(why) => reader.complain(0, &why),
        }
        let problems = reader.into_problems(setting);
        rules.file = file.to_owned();
        if problems.is_empty() { Ok(rules) } else { Err(problems) }
    }

    fn read(root: &Table<'_>) -> Self {
        root.only(FILE_KEYS);
        let offset = match root.get("utc-offset") {
            Some(value) => value.texts(offset).first().copied().unwrap_or(0),
            None => 0,
        };
        let mut all: Vec<Rule> = Vec::new();
        if let Some(value) = root.get("rule") {
            let items = value.items().unwrap_or_else(|| {
                value.complain("is written with double brackets: [[rule]]");
                Vec::new()
            });
            if items.len() > RULES_MAX {
                value.complain(format!("there are {} rules; a file has at most {RULES_MAX}", items.len()));
            }
            for (number, item) in (1..).zip(items.iter().take(RULES_MAX)) {
                let Some(table) = item.table("[[rule]]") else { continue };
                if let Some(rule) = Rule::read(table, number) {
                    if let Some(other) = all.iter().find(|other| other.name == rule.name) {
                        item.complain(format!("there is a rule \"{}\" in line {} too", rule.name, other.line));
                    }
                    all.push(rule);
                }
            }
        }
        Self { all, offset, ..Self::default() }
    }

    pub(crate) fn judge(&self, session: &Session, transaction: &Transaction, message: &Message, mark: f64) -> Answer {
        if self.all.is_empty() {
            return pass();
        }
        let letter = Letter::new(session, transaction, message, &self.needles, self.offset);
        let [matches, others] = [Level::Debug, Level::Trace].map(telemetry::is_enabled);
        let tell = |level, rule: &Rule, said: &str, why: &str| {
            let place = format!("{}:{}", self.file, rule.line);
            let fields = [("rule", rule.name.as_str()), ("place", &place), ("why", why)];
            telemetry::log(level, said, &fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
        };
        let mut subject = None;
        for rule in &self.all {
            if !rule.when.holds(&letter) {
                if others {
                    tell(Level::Trace, rule, "a rule does not match", &rule.when.explain(&letter));
                }
                continue;
            }
            let why = rule.when.explain(&letter);
            if matches {
                tell(Level::Debug, rule, "a rule matches", &why);
            }
            let detail = format!("{} ({}:{}): {why}", rule.name, self.file, rule.line);
            let failed = |what: String| {
                let message = format!("rule \"{}\" ({}:{}): {what}", rule.name, self.file, rule.line);
                Failure { retryable: false, message }
            };
            let points = rule.action.carry_out(transaction, message, &mut subject, mark).map_err(failed)?;
            match transaction.add_score(&rule.symbol, points, Some(&detail)) {
                // A note that a rule matched may be lost; points may not.
                Err(EditError::LimitExceeded) if points == 0.0 => {}
                done => done.map_err(|error| failed(format!("its points were refused: {error:?}")))?,
            }
            if let Some(answer) = rule.action.answer(&detail, rule.text.as_deref()) {
                return answer;
            }
        }
        pass()
    }
}

impl Rule {
    /// Without a name or an action there is none, which is complained about.
    fn read(mut table: Table<'_>, number: usize) -> Option<Self> {
        let name = table.get("name").and_then(|name| name.text()).map(str::to_owned);
        table.rule = match &name {
            Some(name) => format!("rule \"{name}\": ").into(),
            None => format!("rule {number}: ").into(),
        };
        table.path = String::new();
        table.only(KEYS);
        for key in ["name", "when", "action"].iter().filter(|key| table.get(key).is_none()) {
            table.complain(format!(
                "has no {key}: every rule has a name, a condition (when = {{}} is every message) and an action"
            ));
        }
        let name = name?;
        if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
            table.complain(format!("a name has 1 to {NAME_CHARACTERS_MAX} characters on one line"));
        }
        let when = table.get("when")?.table("{ subject = { contains = \"…\" } }").map(|when| Condition::read(&when, 0));
        let action = Action::read(&table.get("action")?);
        let text = table.get("text").and_then(|value| {
            if action.as_ref().is_some_and(|action| !action.replies()) {
                value.complain("is for action = \"reject\" or \"defer\": nobody else is told");
            }
            value.texts(reply).pop()
        });
        let symbol = match table.get("symbol") {
            Some(value) => value.texts(written_symbol).pop()?,
            None => symbol(&name),
        };
        let line = table.reader.line(table.at);
        Some(Self { line, symbol, when: when?, action: action?, text, name })
    }
}

/// `invoices from outside` is scored as `INVOICES_FROM_OUTSIDE`.
fn symbol(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).take(SYMBOL_BYTES_MAX).collect()
}

fn written_symbol(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= SYMBOL_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = || format!("{text:?} is no symbol: write 1 to {SYMBOL_BYTES_MAX} ASCII characters without spaces");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn reply(text: &str) -> Result<String, String> {
    let printable = !text.trim().is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match printable && text.len() <= REPLY_BYTES_MAX {
        true => Ok(text.to_owned()),
        false => Err(format!("is one line of 1 to {REPLY_BYTES_MAX} printable ASCII characters")),
    }
}

fn content(file: &str) -> Result<Vec<u8>, String> {
    let Some(size) = assets::get_size(file) else {
        return Err(format!(
            "the filter was given no file {file}; add to its [[filter]]: grants = [{{ files = {{ \"{file}\" = \"{file}\" }} }}]"
        ));
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > FILE_BYTES_MAX {
        return Err(format!("{file} has {size} bytes; a file of rules has at most {FILE_BYTES_MAX}"));
    }
    let mut bytes = Vec::with_capacity(size);
    loop {
        let start = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let piece = assets::read(file, start, PIECE_BYTES);
        if piece.is_empty() {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&piece);
    }
}
