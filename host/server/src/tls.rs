//! Certificates, reloaded when their files change, and the rustls configuration. TLS 1.2 and newer.
