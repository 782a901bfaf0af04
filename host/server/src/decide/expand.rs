//! EXPN: row 24. Off by default. A list that only its members may write to tells its members to members only.

use postwarden_smtp::{Answer, Refusal};

use super::asked::Asked;
use super::{lookup_failed, verify};
use crate::directory::Resolution;

/// Lines of one answer; longer lists are cut.
const LINES_MAX: usize = 1000;

pub(super) async fn expand(asked: &Asked<'_>, argument: &str) -> Answer {
    match members(asked, argument).await {
        Ok(lines) => Answer::Lines(lines),
        Err(refusal) => Answer::Refuse(refusal),
    }
}

async fn members(asked: &Asked<'_>, argument: &str) -> Result<Vec<String>, Refusal> {
    let mailbox = verify::mailbox(asked, argument).ok_or(Refusal::NoSuchList)?;
    let directory = &asked.node.directory;
    let list = match directory.resolve(&asked.config, &mailbox, asked.now).await.map_err(lookup_failed)? {
        Resolution::List(list) if !list.members.is_empty() => list,
        _ => return Err(Refusal::NoSuchList),
    };
    if list.members_only {
        let login = asked.facts.login.as_ref().map(|login| login.account.as_str());
        let poster = asked.poster(login);
        let may = match login {
            Some(_) => directory.admits(&asked.config, &list, poster, asked.now).await.map_err(lookup_failed)?,
            None => asked.relaying_from(),
        };
        if !may {
            return Err(Refusal::NotAMember);
        }
    }
    Ok(list.members.iter().take(LINES_MAX).map(|member| format!("<{member}>")).collect())
}
