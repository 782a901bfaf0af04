//! The library's results in the words of RFC 8601, and why in fixed words. Where the two differ, the RFC counts: a
//! body that was changed is `fail`, not `neutral`.

use mail_auth::arc::ArcError;
use mail_auth::common::crypto::CryptoError;
use mail_auth::dkim::DkimError;
use mail_auth::{DkimResult, DmarcResult, DnsError, Error, SpfResult};

pub(super) fn spf(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

pub(super) fn dkim(result: &DkimResult) -> (&'static str, Option<&'static str>) {
    match result {
        DkimResult::Pass => ("pass", None),
        DkimResult::Neutral(error @ Error::Dkim(DkimError::FailedBodyHashMatch | DkimError::SignatureExpired)) => {
            ("fail", reason(error))
        }
        DkimResult::Neutral(error @ Error::Dkim(DkimError::SignatureLength)) => ("policy", reason(error)),
        DkimResult::Neutral(error) => ("neutral", reason(error)),
        DkimResult::Fail(error) => ("fail", reason(error)),
        DkimResult::PermError(error) => ("permerror", reason(error)),
        DkimResult::TempError(error) => ("temperror", reason(error)),
        DkimResult::None => ("none", None),
    }
}

/// A chain passes or fails (RFC 8617 section 5.2); only a DNS that does not answer leaves it open.
pub(super) fn arc(result: &DkimResult) -> (&'static str, Option<&'static str>) {
    match result {
        DkimResult::Pass => ("pass", None),
        DkimResult::None => ("none", None),
        DkimResult::TempError(error) => ("temperror", reason(error)),
        DkimResult::Neutral(error) | DkimResult::Fail(error) | DkimResult::PermError(error) => ("fail", reason(error)),
    }
}

pub(super) fn dmarc(result: &DmarcResult) -> (&'static str, Option<&'static str>) {
    match result {
        DmarcResult::Pass => ("pass", None),
        DmarcResult::Fail(_) => ("fail", None),
        DmarcResult::TempError(error) => ("temperror", reason(error)),
        DmarcResult::PermError(error) => ("permerror", reason(error)),
        DmarcResult::None => ("none", None),
    }
}

/// Never the library's own text: that may hold what a sender wrote.
fn reason(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Crypto(CryptoError::IncompatibleAlgorithms) => "algorithm does not fit the key",
        Error::Crypto(_) => "signature does not verify",
        Error::Dns(DnsError::Resolver(_)) => "the DNS does not answer",
        Error::Dns(DnsError::RecordNotFound(_)) => "no key",
        Error::Dns(DnsError::InvalidRecordType) => "bad key record",
        Error::Dkim(DkimError::FailedBodyHashMatch) | Error::Arc(ArcError::FailedBodyHashMatch) => "body was changed",
        Error::Dkim(DkimError::SignatureExpired) | Error::Arc(ArcError::SignatureExpired) => "signature expired",
        Error::Dkim(DkimError::SignatureLength) | Error::Arc(ArcError::SignatureLength) => {
            "signs a part of the body only"
        }
        Error::Dkim(DkimError::RevokedPublicKey) => "key revoked",
        Error::Dkim(DkimError::FailedAuidMatch) => "i= does not fit d=",
        Error::Dkim(_) => "unsupported signature",
        Error::Arc(_) => "broken chain",
        Error::ParseError | Error::MissingParameters | Error::Base64 => "malformed",
        _ => return None,
    })
}
