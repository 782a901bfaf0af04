//! A DKIM key: made, written, read, its DNS record, and the signing itself. The key never leaves this file; it is not
//! printed, logged or shown.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail_auth::common::crypto::{Algorithm, DkimKey, Ed25519Key, RsaKey, Sha256, SigningKey};
use mail_auth::common::headers::Writable;
use rsa::PrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// A larger file is no key.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// What RFC 8301 asks signers to use at least.
const RSA_BITS: usize = 2048;
/// A string of a TXT record.
const TXT_STRING_BYTES_MAX: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ed25519,
    Rsa,
}

pub struct Key {
    secret: DkimKey,
}

/// Which it is, nothing of it.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.kind())
    }
}

impl Key {
    /// Reads a PEM file: Ed25519 in PKCS #8, RSA in PKCS #8 or PKCS #1. The error is what to tell the operator.
    pub fn read(file: &Path) -> Result<Self, String> {
        let mut text = Vec::new();
        let read = File::open(file).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text));
        match read {
            Ok(_) => Self::from_pem(&text).map_err(|error| format!("{} {error}", file.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("there is no file {}: make a key with `postwarden dkim new DOMAIN`", file.display()))
            }
            Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
        }
    }

    fn from_pem(text: &[u8]) -> Result<Self, String> {
        let der = PrivateKeyDer::from_pem_slice(text).map_err(|_| "holds no private key in PEM form".to_owned())?;
        let ed25519 = match &der {
            PrivateKeyDer::Pkcs8(der) => Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_pkcs8_der()).ok(),
            _ => None,
        };
        if let Some(key) = ed25519 {
            return Ok(Self { secret: DkimKey::Ed25519(key) });
        }
        match RsaKey::<Sha256>::from_key_der(der) {
            Ok(key) => Ok(Self { secret: DkimKey::Rsa(key) }),
            Err(error) => Err(format!("holds no key that can sign ({error}): Ed25519, or RSA with {RSA_BITS} bits")),
        }
    }

    /// Makes a key and writes it, for this user's eyes only. Never over an existing file.
    pub fn make(kind: Kind, file: &Path) -> Result<Self, String> {
        let said = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
        let (der, label) = match kind {
            Kind::Ed25519 => (Ed25519Key::generate_pkcs8().map_err(|error| said(&error))?, "PRIVATE KEY"),
            Kind::Rsa => (rsa_key().map_err(|error| said(&error))?, "RSA PRIVATE KEY"),
        };
        let mut text = format!("-----BEGIN {label}-----\n");
        let encoded = BASE64.encode(der);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str(&format!("-----END {label}-----\n"));
        let key = Self::from_pem(text.as_bytes())?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|error| said(&error))?;
        }
        let mut options = OpenOptions::new();
        let written = options.write(true).create_new(true).mode(0o600).open(file).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(key),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(format!("{} exists: choose another --selector, or move the old key away first", file.display()))
            }
            Err(error) => Err(said(&error)),
        }
    }

    pub fn kind(&self) -> Kind {
        match self.secret {
            DkimKey::Ed25519(_) => Kind::Ed25519,
            DkimKey::Rsa(_) => Kind::Rsa,
        }
    }

    /// The text of the DNS record (RFC 6376 section 3.6.1, RFC 8463 section 4).
    pub fn record(&self) -> String {
        match &self.secret {
            DkimKey::Ed25519(key) => format!("v=DKIM1; k=ed25519; p={}", BASE64.encode(key.public_key())),
            DkimKey::Rsa(key) => format!("v=DKIM1; k=rsa; p={}", BASE64.encode(public_key_info(&key.public_key()))),
        }
    }

    /// The record as a line of a zone file.
    pub fn zone_line(&self, selector: &str, domain: &str) -> String {
        let record = self.record();
        let strings: Vec<String> = record
            .as_bytes()
            .chunks(TXT_STRING_BYTES_MAX)
            .map(|string| format!("\"{}\"", String::from_utf8_lossy(string)))
            .collect();
        let text = if strings.len() == 1 { strings.concat() } else { format!("( {} )", strings.join(" ")) };
        format!("{selector}._domainkey.{domain}. IN TXT {text}")
    }
}

impl SigningKey for &Key {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.secret.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.secret.algorithm()
    }
}

/// In PKCS #1. (What signs with it makes none.)
fn rsa_key() -> Result<Vec<u8>, String> {
    let key = PrivateKey::new(&mut rand::rng(), RSA_BITS).map_err(|error| error.to_string())?;
    let der = key.to_pkcs1_der().map_err(|error| error.to_string())?;
    Ok(der.as_bytes().to_vec())
}

/// A SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) around an RSAPublicKey: the form all verifiers read.
fn public_key_info(key: &[u8]) -> Vec<u8> {
    /// rsaEncryption with its NULL.
    const ALGORITHM: &[u8] =
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = tagged(0x03, &[&[0], key].concat());
    tagged(0x30, &[ALGORITHM, &bits].concat())
}

/// DER: tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0).map_or(&[][..], |at| length.get(at..).unwrap_or(&[]));
    let mut out = vec![tag];
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}
