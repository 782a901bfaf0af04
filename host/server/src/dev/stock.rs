//! The stock filters of a development server: their sections, and the files they read, made once with comments that
//! tell what belongs there. A file that is there already stays as it is.

use std::path::Path;

use anyhow::Context;

/// Name, and what its section says beside name and component. No DNS: nothing leaves this machine.
const FILTERS: &[(&str, &str)] = &[
    (
        "access",
        r#"grants = ["accept", "state"]
settings = { black = "lists/black.txt", white = "lists/white.txt", bypass = "lists/bypass.txt" }
"#,
    ),
    (
        "virus",
        r#"always = true                        # white-listed mail is scanned too
settings = { signatures = "signatures" }
"#,
    ),
    (
        "content",
        r#"grants = ["accept", "discard", "edit", "recipients", "custom-replies"]
settings = { rules = "content.toml" }
"#,
    ),
    (
        "spam",
        r#"grants = ["state", "edit"]
"#,
    ),
];

/// Name and first content.
const FILES: &[(&str, &str)] = &[
    ("lists/black.txt", include_str!("files/black.txt")),
    ("lists/white.txt", include_str!("files/white.txt")),
    ("lists/bypass.txt", include_str!("files/bypass.txt")),
    ("signatures/own.hdb", include_str!("files/own.hdb")),
    ("content.toml", include_str!("files/content.toml")),
];

/// In the order of the reference configuration; those that this build has.
pub(super) fn sections() -> String {
    let here = FILTERS.iter().filter(|(name, _)| crate::filters::builtin(name).is_some());
    let section = |(name, rest): &(&str, &str)| {
        format!(
            "\n[[filter]]\nname = \"{name}\"\ncomponent = \"builtin:{name}\"\n\
             deadline = \"10s\"                     # this machine compiles while it filters\n{rest}"
        )
    };
    here.map(section).collect()
}

pub(super) fn make_files(data: &Path) -> anyhow::Result<()> {
    for (name, text) in FILES {
        let file = data.join(name);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        if !file.exists() {
            std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(())
}
