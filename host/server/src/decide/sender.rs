//! MAIL: the order of the policies (replies.md, "Order of checks").

use postwarden_smtp::{ReversePath, SenderParameters};

use super::asked::Asked;
use super::{Check, auth_required, reverse_name, schedule, sender_login, size};

pub(super) async fn check(asked: &Asked<'_>, path: &ReversePath, parameters: &SenderParameters) -> Check {
    auth_required::check(asked)?; // 15
    reverse_name::check(asked).await?; // 8
    sender_login::check(asked, path).await?; // 8
    size::at_mail(asked, parameters.size).await?; // 26
    schedule::check(asked, parameters)
}
