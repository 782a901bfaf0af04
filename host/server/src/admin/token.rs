//! The token that stands between the API and other users of the machine.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;
use rand::Rng;

use crate::config::Config;

const TOKEN_RANDOM_BYTES: usize = 32;
/// Shorter ones, written by hand, could be guessed.
const TOKEN_CHARACTERS_MIN: usize = 32;
const TOKEN_FILE_BYTES_MAX: usize = 4096;

/// The token in `[admin] token-file`; made, readable for this user only, where there is none.
pub fn token(config: &Config) -> anyhow::Result<String> {
    let file = &config.admin.token_file;
    if !file.exists() {
        create(file).with_context(|| format!("cannot create the token file {} (admin.token-file)", file.display()))?;
    }
    let mode = std::fs::metadata(file).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        tracing::warn!(
            file = %file.display(),
            "the admin token can be read by other users of this machine: chmod 600 {}",
            file.display()
        );
    }
    read_token(config)
}

/// The token as it stands in the file, for clients.
pub fn read_token(config: &Config) -> anyhow::Result<String> {
    let file = &config.admin.token_file;
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the token file {} (admin.token-file)", file.display()))?;
    let token = text.trim();
    if token.len() < TOKEN_CHARACTERS_MIN
        || text.len() > TOKEN_FILE_BYTES_MAX
        || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        anyhow::bail!(
            "{} holds no token of at least {TOKEN_CHARACTERS_MIN} visible ASCII characters: remove the file, and the server makes a new one at its next start",
            file.display()
        );
    }
    Ok(token.to_owned())
}

/// Whole or not at all, and never over a file that somebody else has just made.
fn create(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut random = [0u8; TOKEN_RANDOM_BYTES];
    rand::rng().fill_bytes(&mut random);
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let partial = folder.join(format!(".admin-token-{}", std::process::id()));
    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    out.write_all(format!("{token}\n").as_bytes())?;
    out.sync_all()?;
    let linked = std::fs::hard_link(&partial, file);
    std::fs::remove_file(&partial)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
