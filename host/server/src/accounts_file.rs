//! accounts.toml as a backend of accounts, for those who keep configuration in git.
