//! Files that the lists of `builtin:access` include (`f:NAME`): those next to a list, or below its folder, are granted
//! with it and watched with it. What lies elsewhere needs a `files` grant. Judges no entry.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::config;

/// Files of one filter that are included.
const INCLUDED_MAX: usize = 1000;
/// Bytes of a list that is looked through for includes; the filter itself is refused larger ones.
const LIST_BYTES_MAX: u64 = 512 << 20;
/// Whose lists these are.
const COMPONENT: &str = "builtin:access";

/// All files a filter is granted: name to path, included ones under the name the filter looks for.
pub(super) fn granted(filter: &config::Filter) -> BTreeMap<String, PathBuf> {
    let mut files: BTreeMap<String, PathBuf> =
        filter.grants.files.iter().map(|(name, path)| (name.clone(), PathBuf::from(path))).collect();
    if filter.component != COMPONENT {
        return files;
    }
    let mut pending: Vec<String> = files.keys().cloned().collect();
    let mut included = 0_usize;
    while let Some(name) = pending.pop() {
        let Some(path) = files.get(&name).cloned() else { continue };
        for written in includes(&path) {
            let Some((name, path)) = beside(&name, &path, &written) else { continue };
            included = included.saturating_add(1);
            if included <= INCLUDED_MAX && path.is_file() && !files.contains_key(&name) {
                files.insert(name.clone(), path);
                pending.push(name);
            }
        }
    }
    files
}

/// What a list names with `f:`.
fn includes(list: &Path) -> Vec<String> {
    let fits = std::fs::metadata(list).is_ok_and(|meta| meta.is_file() && meta.len() <= LIST_BYTES_MAX);
    let Some(bytes) = fits.then(|| std::fs::read(list).ok()).flatten() else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let entries = text.trim_start_matches('\u{feff}').lines().filter_map(|line| line.split('#').next());
    let named = entries.filter_map(|entry| entry.trim().strip_prefix("f:"));
    named.map(|name| name.trim().to_owned()).take(INCLUDED_MAX).collect()
}

/// Name and path of a file next to the list, or below its folder. None: it would lead elsewhere.
fn beside(list: &str, path: &Path, written: &str) -> Option<(String, PathBuf)> {
    let plain = Path::new(written).components().all(|component| matches!(component, Component::Normal(_)));
    if !plain || written.is_empty() {
        return None;
    }
    let name = match list.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{written}"),
        None => written.to_owned(),
    };
    Some((name, path.parent()?.join(written)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::config::read;

    #[test]
    fn lists_include_what_lies_beside_them_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::create_dir_all(dir.path().join("lists/more")).unwrap();
        write("secret.txt", "x");
        write("lists/black.txt", "\u{feff}f:a.txt # one\nspam.example\nf:../secret.txt\nf:/etc/passwd\nf:absent\nf:\n");
        write("lists/a.txt", " f: more/b.txt\nf:black.txt\n");
        write("lists/more/b.txt", "f:a.txt\n");
        let text = "hostname = 'mx.example.com'\n[[filter]]\nname = 'a'\ncomponent = 'builtin:access'\n\
                    settings = { black = 'lists/black.txt' }\n";
        let mut config = read::parse(text, &dir.path().join("postwarden.toml")).unwrap().config;
        let granted = |filter: &config::Filter| granted(filter).into_keys().collect::<Vec<_>>();
        assert_eq!(granted(&config.filters[0]), ["lists/a.txt", "lists/black.txt", "lists/more/b.txt"]);
        config.filters[0].component = "own.wasm".to_owned();
        assert_eq!(granted(&config.filters[0]), ["lists/black.txt"]);
    }
}
