//! A new project from a template: its files with the filter's name in them, the contract, and for Rust the SDK. The
//! templates are whole projects in `guest-sdk/templates`; this file knows none of their words but the name.

use std::path::Path;

use anyhow::{Context, bail};
use include_dir::{Dir, DirEntry, include_dir};

use crate::contract::WIT;
use crate::project::{Language, check_name};

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/templates");
static SDK: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk");
static MAIL: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../mail/src");
const SDK_MANIFEST: &str = include_str!("../../../guest-sdk/Cargo.toml");
const MAIL_MANIFEST: &str = include_str!("../../mail/Cargo.toml");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// The name that the templates have.
const NAME: &str = "my-filter";

/// Writes the project into a folder that does not exist yet, or is empty.
pub fn write(folder: &Path, name: &str, language: Language) -> anyhow::Result<()> {
    check_name(name)?;
    let taken = std::fs::read_dir(folder).is_ok_and(|mut inside| inside.next().is_some());
    if taken || folder.is_file() {
        bail!("{} exists: choose another name, or another folder", folder.display());
    }
    let renamed = Renamed::new(name);
    for part in ["common", language.name()] {
        let template = TEMPLATES.get_dir(part).with_context(|| format!("there is no template {part}"))?;
        copy(template, template.path(), folder, &|text| renamed.apply(text))?;
    }
    if language == Language::Rust {
        return write_sdk(&folder.join("sdk"));
    }
    copy(&WIT, WIT.path(), &folder.join("wit/deps/postwarden-filter"), &str::to_owned)
}

/// The SDK and what it needs, as a workspace of its own with the versions of the server's.
fn write_sdk(folder: &Path) -> anyhow::Result<()> {
    copy(&WIT, WIT.path(), &folder.join("wit/0.1"), &str::to_owned)?;
    for part in ["src", "wit"] {
        let source = SDK.get_dir(part).with_context(|| format!("the SDK has no {part}"))?;
        copy(source, source.path(), &folder.join("filter").join(part), &str::to_owned)?;
    }
    copy(&MAIL, MAIL.path(), &folder.join("mail/src"), &str::to_owned)?;
    std::fs::write(folder.join("filter/Cargo.toml"), SDK_MANIFEST)?;
    std::fs::write(folder.join("mail/Cargo.toml"), MAIL_MANIFEST)?;
    std::fs::write(folder.join("Cargo.toml"), workspace()?)?;
    Ok(())
}

/// The server's workspace, cut down to the two crates.
fn workspace() -> anyhow::Result<String> {
    let mut manifest: toml_edit::DocumentMut = WORKSPACE.parse()?;
    let whole = manifest.get_mut("workspace").and_then(|item| item.as_table_mut()).context("a workspace")?;
    whole.insert("members", toml_edit::value(toml_edit::Array::from_iter(["filter", "mail"])));
    whole.remove("exclude");
    let used =
        |name: &str| [SDK_MANIFEST, MAIL_MANIFEST].iter().any(|text| text.contains(&format!("{name}.workspace")));
    let dependencies =
        whole.get_mut("dependencies").and_then(|item| item.as_table_mut()).context("dependencies of the workspace")?;
    dependencies.retain(|name, _| used(name));
    let mut mail = toml_edit::InlineTable::new();
    mail.insert("path", "mail".into());
    dependencies.insert("postwarden-mail", toml_edit::value(mail));
    manifest.as_table_mut().retain(|key, _| key == "workspace");
    Ok(manifest.to_string())
}

fn copy(dir: &Dir<'_>, from: &Path, to: &Path, change: &dyn Fn(&str) -> String) -> anyhow::Result<()> {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(below) => copy(below, from, to, change)?,
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(from).unwrap_or(file.path());
                let path = to.join(change(&path.to_string_lossy()));
                std::fs::create_dir_all(path.parent().unwrap_or(to))?;
                let text = file.contents_utf8().with_context(|| format!("{} is text", file.path().display()))?;
                std::fs::write(&path, change(text)).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(())
}

/// `my-filter`, `my_filter`, `MyFilter` and what they become.
struct Renamed([(String, String); 3]);

impl Renamed {
    fn new(name: &str) -> Self {
        let pascal = |name: &str| {
            let word = |word: &str| {
                let mut letters = word.chars();
                letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
            };
            name.split('-').map(word).collect::<String>()
        };
        let pair = |form: &dyn Fn(&str) -> String| (form(NAME), form(name));
        Self([pair(&str::to_owned), pair(&|name| name.replace('-', "_")), pair(&pascal)])
    }

    fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Project, contract};

    #[test]
    fn every_language_has_a_whole_project_under_the_new_name() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path().join("no-invoices");
            write(&folder, "no-invoices", language).unwrap();
            let project = Project::open(&folder).unwrap();
            assert_eq!((project.name.as_str(), project.language), ("no-invoices", language));
            for file in ["README.md", "tests/clean.eml", "tests/clean.toml"] {
                let text = std::fs::read_to_string(folder.join(file)).unwrap();
                assert!(!text.contains("my-filter") && !text.contains("MyFilter"), "{language}: {file}");
            }
            let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
            for command in ["filter build", "filter test", "filter run"] {
                assert!(readme.contains(command), "{language}: {command}");
            }
            if language != Language::Rust {
                contract::world_of(&folder).unwrap();
            }
            assert!(write(&folder, "no-invoices", language).unwrap_err().to_string().contains("exists"));
        }
        assert!(
            write(Path::new("/nonexistent/x"), "No_Invoices", Language::C).unwrap_err().to_string().contains("name")
        );
    }

    #[test]
    fn the_sdk_workspace_names_only_what_it_has() {
        let text = workspace().unwrap();
        assert!(
            text.contains("wit-bindgen") && text.contains("path = \"mail\"") && !text.contains("wasmtime"),
            "{text}"
        );
    }
}
