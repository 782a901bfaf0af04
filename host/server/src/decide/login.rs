//! AUTH: answers about logins, and the block of clients that failed too often. The checks are `crate::auth`'s.

use postwarden_smtp::question::{Login, Secret};
use postwarden_smtp::session::Role;
use postwarden_smtp::{Answer, Refusal};

use super::Check;
use super::asked::Asked;
use crate::auth::{Credentials, Unavailable};

/// A blocked client need not come to where nothing goes without a login. Its mail is still taken by the MX.
pub(super) fn at_connect(asked: &Asked<'_>) -> Check {
    if blocked(asked) && asked.role() == Role::Submission { Err(Refusal::AuthBlocked) } else { Ok(()) }
}

pub(super) async fn password(asked: &Asked<'_>, user: &str, authorization: &str, password: Secret) -> Answer {
    let logins = &asked.node.logins;
    let turn = match logins.turn(asked.client(), &asked.config.auth.max_failures_per_ip, asked.now).await {
        Ok(Some(turn)) => turn,
        Ok(None) => return Answer::Refuse(Refusal::AuthBlocked),
        Err(error) => return unavailable(&error),
    };
    let who = credentials(asked, user, authorization);
    let answer = outcome(asked, user, logins.check_password(&who, password.0).await);
    drop(turn);
    answer
}

pub(super) async fn scram_verifier(asked: &Asked<'_>, user: &str) -> Answer {
    if blocked(asked) {
        return Answer::Refuse(Refusal::AuthBlocked);
    }
    match asked.node.logins.scram_verifier(&credentials(asked, user, "")).await {
        Ok(verifier) => Answer::Scram(verifier),
        Err(error) => unavailable(&error),
    }
}

/// Blocked since it got the verifier, a client learns nothing from its proof.
pub(super) async fn scram_outcome(asked: &Asked<'_>, user: &str, authorization: &str, proven: bool) -> Answer {
    let logins = &asked.node.logins;
    let turn = match logins.turn(asked.client(), &asked.config.auth.max_failures_per_ip, asked.now).await {
        Ok(Some(turn)) => turn,
        Ok(None) => return Answer::Refuse(Refusal::AuthBlocked),
        Err(error) => return unavailable(&error),
    };
    let who = credentials(asked, user, authorization);
    let answer = outcome(asked, user, logins.scram_outcome(&who, proven).await);
    drop(turn);
    answer
}

fn outcome(asked: &Asked<'_>, user: &str, found: Result<Option<String>, Unavailable>) -> Answer {
    let client = asked.client();
    match found {
        Ok(Some(account)) => {
            tracing::info!(target: "login", %client, account, listener = asked.facts.listener, "logged in");
            Answer::LoggedIn(Login { account })
        }
        Ok(None) => {
            let limit = &asked.config.auth.max_failures_per_ip;
            asked.node.logins.failed(client, limit, asked.now);
            // The name may be a password typed into the wrong field: not at the usual level.
            tracing::debug!(target: "login", %client, user, "login failed");
            tracing::info!(target: "login", %client, listener = asked.facts.listener, "login failed");
            Answer::Refuse(Refusal::AuthFailed)
        }
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &Unavailable) -> Answer {
    tracing::warn!(%error, "a login could not be checked; the client is asked to try again");
    Answer::Refuse(Refusal::AuthUnavailable)
}

fn blocked(asked: &Asked<'_>) -> bool {
    asked.node.logins.blocked(asked.client(), asked.now)
}

fn credentials<'a>(asked: &'a Asked<'_>, user: &'a str, authorization: &'a str) -> Credentials<'a> {
    Credentials {
        config: &asked.config,
        directory: &asked.node.directory,
        store: asked.node.store.as_ref(),
        user,
        authorization,
        now: asked.now,
    }
}
