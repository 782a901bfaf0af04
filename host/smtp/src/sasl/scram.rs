//! SCRAM-SHA-256 and -PLUS, messages and proofs (RFC 5802, RFC 7677). No state of a session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::line::is_unprintable;
use crate::question::{Question, ScramVerifier};
use crate::session::Tls;

/// Random bytes of the server's part of the nonce.
pub(crate) const NONCE_BYTES: usize = 18;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed,
    /// The client believes that channel binding is not offered although it is, or binds by a kind not known here.
    Downgrade,
}

/// client-first-message, read.
#[derive(Debug)]
pub(crate) struct First {
    pub(crate) user: String,
    authorization: String,
    /// gs2-header as sent, followed by the channel's data: what `c=` must say.
    binding: Vec<u8>,
    nonce: String,
    bare: String,
}

/// server-first-message is out.
#[derive(Debug)]
pub(crate) struct Second {
    first: First,
    nonce: String,
    /// client-first-bare and server-first, joined by a comma.
    messages: String,
    verifier: ScramVerifier,
}

/// The proof was checked.
#[derive(Debug)]
pub(crate) struct Outcome {
    user: String,
    authorization: String,
    pub(crate) proven: bool,
    /// server-final-message.
    pub(crate) signature: String,
}

impl First {
    /// `plus`: the mechanism chosen. `offers_plus`: EHLO named the -PLUS mechanism in this session.
    pub(crate) fn read(message: &[u8], plus: bool, offers_plus: bool, tls: Option<&Tls>) -> Result<Self, Fault> {
        let message = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
        if message.chars().any(is_unprintable) {
            return Err(Fault::Malformed);
        }
        let (flag, rest) = message.split_once(',').ok_or(Fault::Malformed)?;
        let (authorization, bare) = rest.split_once(',').ok_or(Fault::Malformed)?;
        let channel = match flag {
            "n" if !plus => None,
            "y" if !plus && !offers_plus => None,
            "y" if !plus => return Err(Fault::Downgrade),
            _ => {
                let kind = flag.strip_prefix("p=").filter(|_| plus).ok_or(Fault::Malformed)?;
                Some(channel_data(kind, tls).ok_or(Fault::Downgrade)?)
            }
        };
        let authorization = match authorization {
            "" => String::new(),
            _ => name(authorization.strip_prefix("a=").ok_or(Fault::Malformed)?)?,
        };
        // A mandatory extension `m=` would stand first, and none is known.
        let mut fields = bare.split(',');
        let user = name(fields.next().and_then(|field| field.strip_prefix("n=")).ok_or(Fault::Malformed)?)?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r=")).ok_or(Fault::Malformed)?;
        if user.is_empty() || nonce.is_empty() || !nonce.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Fault::Malformed);
        }
        let header = message.len() - bare.len();
        let mut binding = message.as_bytes().get(..header).unwrap_or_default().to_vec();
        binding.extend_from_slice(channel.unwrap_or_default());
        Ok(Self { user, authorization, binding, nonce: nonce.to_owned(), bare: bare.to_owned() })
    }

    /// server-first-message.
    pub(crate) fn challenge(self, verifier: ScramVerifier, random: &str) -> (Second, String) {
        let nonce = format!("{}{random}", self.nonce);
        let message = format!("r={nonce},s={},i={}", STANDARD.encode(&verifier.salt), verifier.iterations);
        let messages = format!("{},{message}", self.bare);
        (Second { first: self, nonce, messages, verifier }, message)
    }
}

impl Second {
    /// Checks client-final-message. None: it cannot be read. A wrong proof is an outcome.
    pub(crate) fn finish(self, message: &[u8]) -> Option<Outcome> {
        let message = std::str::from_utf8(message).ok()?;
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let proof = STANDARD.decode(proof).ok()?;
        let mut fields = without_proof.split(',');
        let binding = STANDARD.decode(fields.next()?.strip_prefix("c=")?).ok()?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        let auth_message = format!("{},{without_proof}", self.messages);
        let client_signature = hmac(&self.verifier.stored_key, auth_message.as_bytes());
        let mut client_key = client_signature;
        for (key, proof) in client_key.iter_mut().zip(&proof) {
            *key ^= proof;
        }
        let stored_key: [u8; 32] = Sha256::digest(client_key).into();
        let same_key = bool::from(stored_key.ct_eq(&self.verifier.stored_key));
        let proven =
            same_key && proof.len() == client_key.len() && binding == self.first.binding && nonce == self.nonce;
        let signature = hmac(&self.verifier.server_key, auth_message.as_bytes());
        Some(Outcome {
            user: self.first.user,
            authorization: self.first.authorization,
            proven,
            signature: format!("v={}", STANDARD.encode(signature)),
        })
    }
}

impl Outcome {
    pub(crate) fn question(&self) -> Question {
        Question::ScramOutcome {
            user: self.user.clone(),
            authorization: self.authorization.clone(),
            proven: self.proven,
        }
    }
}

/// What both ends of the TLS connection know (RFC 9266, RFC 5929).
fn channel_data<'a>(kind: &str, tls: Option<&'a Tls>) -> Option<&'a [u8]> {
    let tls = tls?;
    match kind {
        "tls-exporter" => tls.exporter.as_ref().map(|data| data.as_slice()),
        "tls-server-end-point" => tls.server_end_point.as_deref(),
        _ => None,
    }
}

/// saslname: `=2C` is a comma, `=3D` an equals sign.
fn name(text: &str) -> Result<String, Fault> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        name.push_str(before);
        let (c, tail) = match after.split_at_checked(2) {
            Some(("2C", tail)) => (',', tail),
            Some(("3D", tail)) => ('=', tail),
            _ => return Err(Fault::Malformed),
        };
        name.push(c);
        rest = tail;
    }
    name.push_str(rest);
    Ok(name)
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    // SHA-256 takes keys of any length, so this cannot fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// RFC 7677 section 3.
    #[test]
    fn the_example_of_the_rfc() {
        let mut salted = [0; 32];
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        pbkdf2::pbkdf2_hmac::<Sha256>(b"pencil", &salt, 4096, &mut salted);
        let verifier = ScramVerifier {
            salt,
            iterations: 4096,
            stored_key: Sha256::digest(hmac(&salted, b"Client Key")).into(),
            server_key: hmac(&salted, b"Server Key"),
        };
        let first = First::read(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", false, false, None).unwrap();
        let (second, challenge) = first.challenge(verifier, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        assert_eq!(challenge, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let outcome = second.finish(last.as_bytes()).unwrap();
        assert!(outcome.proven);
        assert_eq!(outcome.signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }
}
