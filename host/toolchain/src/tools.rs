//! Programs of other people that builds need: found in the project's own folders or on PATH, run with their output
//! kept. What is missing is said with the command that installs it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Folders of a project in which package managers put programs.
const FOLDERS: &[&str] = &[".venv/bin", "node_modules/.bin"];
/// Lines of a failed build's output that are shown.
const LINES_MAX: usize = 60;

/// The program's path: the project's own before the machine's.
pub(crate) fn find(project: &Path, program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = FOLDERS.iter().map(|folder| project.join(folder));
    let found = own.chain(std::env::split_paths(&path)).map(|folder| folder.join(program)).find(|file| file.is_file());
    // Commands run in the project's folder.
    found.map(|file| std::path::absolute(&file).unwrap_or(file))
}

/// As [`find`]; the error says how to install it.
pub(crate) fn need(project: &Path, program: &str, install: &str) -> anyhow::Result<PathBuf> {
    find(project, program)
        .with_context(|| format!("{program} is not installed. Install it, then build again:\n  {install}"))
}

/// Runs it to its end in this folder; its standard output. The error shows what it said.
pub(crate) fn run<A: AsRef<OsStr>>(
    folder: &Path,
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    environment: &[(&str, &str)],
) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    let output = command.output().with_context(|| format!("{} does not start", program.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    let shown = lines.get(lines.len().saturating_sub(LINES_MAX)..).unwrap_or_default().join("\n");
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    bail!("{name} failed ({}):\n{shown}", output.status)
}
