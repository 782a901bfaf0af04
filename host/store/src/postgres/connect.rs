//! Connections to the database: address, TLS, pool.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Error, Result};

/// Connections of one node.
const CONNECTIONS_MAX: usize = 12;
/// How long a caller waits for a connection, and for the making of one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where systems keep the certificates they trust.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Acknowledged mail must be on the database's disk, whatever the server's default is; and no
/// statement or forgotten transaction holds locks for ever.
const SESSION: &str = "select set_config('synchronous_commit', \
     case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, \
     false); set statement_timeout = '60s'; set idle_in_transaction_session_timeout = '60s'";

/// The URL is libpq's; `sslmode` is `disable`, `prefer` (the default) or `require`, and `sslrootcert`
/// names the authority's file. Where TLS is used the server's certificate is always checked.
pub(crate) fn pool(url: &str) -> Result<Pool> {
    let (url, roots) = take_root_file(url);
    // The parser's own error may repeat the URL, and with it the password.
    let mut config = Config::from_str(&url)
        .map_err(|_| Error::Invalid("the URL of the database: postgres://user:password@host/database".to_owned()))?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config.application_name("postwarden");
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, MakeRustlsConnect::new(tls(roots.as_deref())?), manager);
    let pool = Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        }))
        .build();
    pool.map_err(|error| Error::Unavailable(error.to_string()))
}

/// The URL as the driver knows it, and the file of `sslrootcert=FILE`, which it does not know.
/// `verify-ca` and `verify-full` mean `require` here, because that checks the certificate too.
fn take_root_file(url: &str) -> (String, Option<PathBuf>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mut roots, mut rest) = (None, Vec::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) => {
                roots = Some(PathBuf::from(path.replace("%2F", "/").replace("%2f", "/")));
            }
            Some(("sslmode", "verify-ca" | "verify-full")) => rest.push("sslmode=require"),
            _ => rest.push(pair),
        }
    }
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, roots)
}

fn tls(roots: Option<&Path>) -> Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(path) => {
            let fail = |why: &dyn std::fmt::Display| Error::Invalid(format!("sslrootcert {}: {why}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))? {
                let certificate = certificate.map_err(|error| fail(&error))?;
                store.add(certificate).map_err(|error| fail(&error))?;
            }
        }
        None => {
            let found = SYSTEM_ROOTS.iter().find_map(|path| CertificateDer::pem_file_iter(path).ok());
            store.add_parsable_certificates(found.into_iter().flatten().flatten());
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Unavailable(error.to_string()))?;
    Ok(config.with_root_certificates(store).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn root_file_is_taken_out_of_the_url() {
        for (url, rest, file) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d", None),
            ("postgres://h/d?sslmode=require", "postgres://h/d?sslmode=require", None),
            ("postgres://h/d?sslrootcert=%2Fa%2Fb&sslmode=require", "postgres://h/d?sslmode=require", Some("/a/b")),
            (
                "postgres://h/d?sslmode=verify-full&options=-cx%3Dy",
                "postgres://h/d?sslmode=require&options=-cx%3Dy",
                None,
            ),
            ("postgres://h/d?sslrootcert=/a", "postgres://h/d", Some("/a")),
        ] {
            assert_eq!(take_root_file(url), (rest.to_owned(), file.map(PathBuf::from)));
        }
    }

    #[test]
    fn a_bad_url_is_not_repeated() {
        let error = pool("postgres://user:secret@host:port/x").err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
