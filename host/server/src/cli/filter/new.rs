//! `postwarden filter new` and `postwarden filter build`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use postwarden_toolchain::{Language, Project, build, template};

use crate::cli::failure::Failure;
use crate::cli::output::{Output, note};

/// Makes a small, whole project: settings, one decision, messages to test it with.
#[derive(Args)]
#[command(after_help = "\
Examples:
  postwarden filter new no-invoices --lang rust
  postwarden filter new no-invoices --lang python --dir ~/filters/no-invoices

Then, in its folder:
  postwarden filter build && postwarden filter test
  postwarden dev --filter .")]
pub(super) struct New {
    /// Lower-case words with \"-\" between them
    name: String,
    /// The language it is written in
    #[arg(long, value_name = "LANG", value_parser = language)]
    lang: Language,
    /// Where it is made [default: a folder of the filter's name]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn language(text: &str) -> Result<Language, String> {
    let known = Language::ALL.map(Language::name);
    Language::ALL
        .into_iter()
        .find(|language| language.name() == text)
        .ok_or_else(|| format!("known are: {}", known.join(", ")))
}

impl New {
    pub(super) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let folder = self.dir.unwrap_or_else(|| PathBuf::from(&self.name));
        template::write(&folder, &self.name, self.lang)?;
        out.line(format!("{}: a filter in {}. Next:", folder.display(), self.lang))?;
        out.line(format!("  cd {}", folder.display()))?;
        let missing = build::missing(&Project::open(&folder)?);
        missing.iter().try_for_each(|command| out.line(format!("  {command}")))?;
        out.line("  postwarden filter test")?;
        out.line("  postwarden dev --filter .")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Makes the component NAME.wasm of a project, with the tools of its language.
#[derive(Args)]
pub(super) struct Build {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

impl Build {
    pub(super) fn run(self, out: &mut Output) -> Result<ExitCode, Failure> {
        let project = Project::open(&self.folder)?;
        let started = Instant::now();
        let file = build::build(&project)?;
        let size = std::fs::metadata(&file)?.len();
        out.line(format!("{}: {size} bytes", file.display()))?;
        note(format!("built in {:.1} s", started.elapsed().as_secs_f64()));
        Ok(ExitCode::SUCCESS)
    }
}
