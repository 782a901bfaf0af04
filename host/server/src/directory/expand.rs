//! Follows an address through aliases, lists and forwards to the mailboxes and hosts it ends at.
//! Loops end because no address is visited twice; depth and number have limits of their own.

use std::collections::HashSet;
use std::sync::Arc;

use postwarden_smtp::{Domain, Mailbox, Refusal};
use postwarden_store::queue::Route;
use postwarden_store::{Account, List, Result, Timestamp};

use super::{Directory, LIST_OWNER_SUFFIX, Resolution, address};
use crate::config::Config;

/// Aliases of aliases, lists in lists.
pub const EXPANSION_DEPTH_MAX: usize = 16;

/// Mailboxes and foreign addresses that one message may reach.
pub const EXPANDED_RECIPIENTS_MAX: usize = 50_000;

/// How long a list's membership is remembered, in milliseconds: a reload may change which domains are
/// local. Changed entries are seen at once.
const MEMBERSHIP_MS: i64 = 60_000;

/// For whom an address is followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poster<'a> {
    /// The envelope sender in canonical form; none: the null sender.
    pub sender: Option<&'a str>,
    /// The account that is logged in.
    pub login: Option<&'a str>,
    /// The session says who it is by a login or by its address: its local sender is believed.
    pub authorised: bool,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Stop at lists that take the mail: enough to answer RCPT.
    Lists,
    /// Everything.
    Mailboxes,
}

/// One mailbox or foreign address at the end of an expansion.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub address: String,
    pub route: Route,
    /// The envelope sender for this recipient where a list stands between.
    pub sender: Option<String>,
    /// For its quota and limits; none for foreign addresses and mailboxes without an account.
    pub account: Option<Arc<Account>>,
}

/// Where mail to one address goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expansion {
    pub targets: Vec<Target>,
    /// The address itself is in no local domain.
    pub foreign: bool,
    /// Lists that take the mail, opened or not; they stand for themselves, also with nobody in them.
    pub lists: usize,
    /// At least one address takes mail and throws it away.
    pub discard: bool,
    /// A list on the way does not take mail of this sender: the whole address does not.
    pub denied: bool,
    /// Why the first address that leads nowhere does so; the answer if all do.
    pub refusal: Option<Refusal>,
    /// There are more targets than [`EXPANDED_RECIPIENTS_MAX`].
    pub too_many: bool,
}

impl Expansion {
    /// Whether the address takes mail, and if not, why.
    pub fn verdict(&self) -> std::result::Result<(), Refusal> {
        if self.denied {
            return Err(Refusal::NotAMember);
        }
        if self.targets.is_empty() && self.lists == 0 && !self.discard {
            return Err(self.refusal.clone().unwrap_or(Refusal::UnknownUser));
        }
        Ok(())
    }
}

/// An address still to be looked at.
struct Step {
    mailbox: Mailbox,
    depth: usize,
    /// Set below a list.
    sender: Option<Arc<str>>,
}

impl Directory {
    /// Where mail to `mailbox` goes.
    pub async fn expand(
        &self,
        config: &Config,
        mailbox: &Mailbox,
        poster: Poster<'_>,
        reach: Reach,
        now: Timestamp,
    ) -> Result<Expansion> {
        let mut found = Expansion::default();
        let mut visited = HashSet::new();
        let mut steps = vec![Step { mailbox: mailbox.clone(), depth: 0, sender: None }];
        // Depth first and in the written order, so that recipients keep the order of their list.
        while let Some(step) = steps.pop() {
            let resolution = self.resolve(config, &step.mailbox, now).await?;
            // Direct mailboxes, nearly all mail, need no memory of where we were.
            if step.depth > 0 || !matches!(resolution, Resolution::Account(_)) {
                if step.depth > EXPANSION_DEPTH_MAX || !visited.insert(address::canonical(config, &step.mailbox)) {
                    // Seen on another way it is no loop, but then something else speaks for the address.
                    found.refuse(Refusal::AddressLoop);
                    continue;
                }
                if found.targets.len() >= EXPANDED_RECIPIENTS_MAX {
                    found.too_many = true;
                    break;
                }
            }
            match resolution {
                Resolution::Foreign if step.depth == 0 => found.foreign = true,
                Resolution::Foreign => found.push(
                    address_of(&step.mailbox),
                    Route::Remote(step.mailbox.domain.to_string()),
                    step.sender,
                    None,
                ),
                Resolution::Account(account) if account.no_receive => found.refuse(Refusal::ReceivingOff),
                Resolution::Account(account) => {
                    let address = account.address.clone();
                    found.push(address.clone(), Route::Local(address), step.sender, Some(account));
                }
                Resolution::Mailbox(address) => found.push(address.clone(), Route::Local(address), step.sender, None),
                Resolution::Alias(alias) => step.follow(&alias.targets, None, &mut steps, &mut found),
                // Whoever answers such an address with a sender of his own was not sent the mail.
                Resolution::Returned(_) if poster.sender.is_some() => found.refuse(Refusal::UnknownUser),
                Resolution::Returned(to) => step.follow(&[to], None, &mut steps, &mut found),
                Resolution::Redirect(to) => step.follow(&[to], None, &mut steps, &mut found),
                Resolution::List(list) => {
                    // Below an admitted list the members are the list's choice, not the poster's.
                    let below_list = step.sender.is_some();
                    if !below_list && !self.admits(config, &list, poster, now).await? {
                        found.denied = true;
                        continue;
                    }
                    found.lists += 1;
                    if reach == Reach::Mailboxes {
                        let owner = step.sender.clone().unwrap_or_else(|| owner_of(&list).into());
                        step.follow(&list.members, Some(owner), &mut steps, &mut found);
                    }
                }
                Resolution::Discard => found.discard = true,
                Resolution::Unknown { rejecting } => {
                    if step.depth > 0 {
                        tracing::warn!(
                            address = address_of(mailbox),
                            missing = address_of(&step.mailbox),
                            "an alias, list or forward names a local address that does not exist"
                        );
                    }
                    // What is missing behind an alias is row 21 whatever the domain says (replies.md).
                    let rejecting = rejecting && step.depth == 0;
                    found.refuse(if rejecting { Refusal::UnknownUserRejecting } else { Refusal::UnknownUser });
                }
            }
        }
        Ok(found)
    }

    /// Whether the list takes mail from this sender. No list takes the null sender: bounces and
    /// automatic answers would go out again under the list's own sender, and round.
    pub async fn admits(&self, config: &Config, list: &List, poster: Poster<'_>, now: Timestamp) -> Result<bool> {
        let Some(sender) = poster.sender else { return Ok(false) };
        if !list.members_only {
            return Ok(true);
        }
        // Anybody can claim a local sender; only an authorised session is believed.
        let claims_local = address::parse(sender).is_some_and(|from| address::local(config, &from.domain).is_some());
        let believed = (poster.authorised || !claims_local).then_some(sender);
        let members = self.membership(config, list, now).await?;
        Ok([believed, poster.login].into_iter().flatten().any(|address| members.contains(address)))
    }

    /// Everybody who is a member or the owner by himself, by an alias or by a list that is a member, in canonical
    /// form. Remembered, for strangers may ask as often as they like.
    async fn membership(&self, config: &Config, list: &List, now: Timestamp) -> Result<Arc<HashSet<String>>> {
        let epoch = self.epoch();
        if let Some(known) = self.memberships.get(&list.address)
            && known.epoch == epoch
            && (0..MEMBERSHIP_MS).contains(&now.saturating_sub(known.since))
        {
            return Ok(known.members);
        }
        let mut members = HashSet::new();
        let below = |members: &[String], depth: usize| -> Vec<(Mailbox, usize)> {
            members.iter().filter_map(|one| address::parse(one)).map(|one| (one, depth)).collect()
        };
        let mut waiting = below(&list.members, 1);
        waiting.extend(below(&[owner_of(list)], 1));
        while let Some((member, depth)) = waiting.pop() {
            let new = members.insert(address::canonical(config, &member));
            if !new || depth > EXPANSION_DEPTH_MAX || members.len() > EXPANDED_RECIPIENTS_MAX {
                continue;
            }
            match self.resolve(config, &member, now).await? {
                Resolution::Account(account) => {
                    members.insert(account.address.clone());
                }
                Resolution::Alias(alias) => waiting.extend(below(&alias.targets, depth + 1)),
                Resolution::List(inner) => waiting.extend(below(&inner.members, depth + 1)),
                _ => {}
            }
        }
        let members = Arc::new(members);
        let known = Membership { epoch, since: now, members: Arc::clone(&members) };
        self.memberships.insert(list.address.clone(), known);
        Ok(members)
    }
}

/// Who may write to a list that is for its members.
#[derive(Clone)]
pub(super) struct Membership {
    epoch: u64,
    since: Timestamp,
    members: Arc<HashSet<String>>,
}

impl Membership {
    /// Bytes, roughly.
    pub(super) fn weight(&self) -> usize {
        self.members.iter().map(|member| member.len() + 48).sum()
    }
}

impl Step {
    /// Puts the addresses on the stack, first on top.
    fn follow(&self, targets: &[String], owner: Option<Arc<str>>, steps: &mut Vec<Step>, found: &mut Expansion) {
        for target in targets.iter().rev() {
            match address::parse(target) {
                Some(mailbox) => steps.push(Step {
                    mailbox,
                    depth: self.depth + 1,
                    sender: owner.clone().or_else(|| self.sender.clone()),
                }),
                None => {
                    tracing::warn!(target, "an alias, list or forward names something that is no address");
                    found.refuse(Refusal::UnknownUser);
                }
            }
        }
    }
}

impl Expansion {
    fn push(&mut self, address: String, route: Route, sender: Option<Arc<str>>, account: Option<Arc<Account>>) {
        let sender = sender.map(|sender| sender.to_string());
        self.targets.push(Target { address, route, sender, account });
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
    }
}

/// The envelope sender of what a list sends out.
fn owner_of(list: &List) -> String {
    match list.address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}{LIST_OWNER_SUFFIX}@{domain}"),
        None => String::new(),
    }
}

/// `local@domain` as the queue keeps it: the local part as written, unquoted.
pub fn address_of(mailbox: &Mailbox) -> String {
    match &mailbox.domain {
        Domain::Name(name) => format!("{}@{name}", mailbox.local),
        Domain::Literal(literal) => format!("{}@[{literal}]", mailbox.local),
    }
}
