//! Row 15: on a submission listener nobody sends without a login, wherever he comes from.

use postwarden_smtp::Refusal;
use postwarden_smtp::session::Role;

use super::Check;
use super::asked::Asked;

pub(super) fn check(asked: &Asked<'_>) -> Check {
    if asked.facts.login.is_none() && asked.role() == Role::Submission {
        return Err(Refusal::AuthRequired);
    }
    Ok(())
}
