//! The filter that is tried: found by file, by built-in name or in a configuration, read as a `[[filter]]` is, loaded
//! once. Reads no mail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use postwarden_sandbox::{Assets, Filter, Sandbox, SandboxSettings, Source};
use postwarden_smtp::session::Profile;
use postwarden_toolchain::Project;
use postwarden_toolchain::project::FILE;
use serde_json::Value;

use super::lent::Lent;
use crate::config::{self, Config, Scores, read};
use crate::dns::Dns;

/// Bytes of a component's file.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;
/// Instances at one time: messages are tried one after another, but a measurement keeps some.
const INSTANCES: u32 = 64;
/// What reaches nothing outside the sandbox: granted where nothing is said.
pub const HARMLESS: &[&str] = &["state", "accept", "discard", "edit", "recipients", "custom-replies"];

/// A filter as it is written down, and its component.
pub struct Written {
    pub config: config::Filter,
    pub component: Vec<u8>,
    /// File or built-in name, for people.
    pub source: String,
    whole: Config,
}

/// A loaded filter with what surrounds it.
pub struct Subject {
    pub filter: Filter,
    pub config: config::Filter,
    pub source: String,
    pub size: usize,
    pub lent: Arc<Lent>,
    pub scores: Scores,
    pub profile: Profile,
}

/// What the command line says about the filter.
pub struct Choice<'a> {
    /// A component's file, `builtin:NAME`, or a name in the configuration.
    pub what: &'a str,
    pub settings: Option<Value>,
    pub grants: Option<Value>,
    /// The configuration, if one was named or found.
    pub file: Option<&'a Path>,
    /// Where relative paths in settings and grants begin.
    pub folder: &'a Path,
}

impl Written {
    /// The error is for the one who typed the command.
    pub fn find(choice: Choice<'_>) -> Result<Self, String> {
        if let Some(project) = project_in(choice.what)? {
            return Self::of_project(&project, choice);
        }
        let builtin = choice.what.starts_with("builtin:");
        if builtin || Path::new(choice.what).is_file() {
            return Self::of_component(&choice);
        }
        if choice.what.contains('/') || choice.what.ends_with(".wasm") {
            return Err(format!("there is no file {}: build it first", choice.what));
        }
        let Some(file) = choice.file else {
            return Err(format!(
                "there is no file {0}, and no configuration that could have a filter \"{0}\": name one with --config",
                choice.what
            ));
        };
        let config = read::load(file).map_err(|problems| problems_of(&problems))?.config;
        let Some(mut filter) = config.filters.iter().find(|filter| filter.name == choice.what).cloned() else {
            let known: Vec<&str> = config.filters.iter().map(|filter| filter.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("{} has no filter \"{}\"; it has: {known}", file.display(), choice.what));
        };
        if let Some(Value::Object(settings)) = choice.settings {
            filter.settings = settings;
        }
        if let Some(grants) = &choice.grants {
            filter.grants = postwarden_sandbox::Grants::read(grants).map_err(|errors| errors.join("\n"))?;
        }
        Self::with_component(config, filter)
    }

    /// With the settings and grants of its `filter.toml`.
    fn of_project(project: &Project, choice: Choice<'_>) -> Result<Self, String> {
        let component = project.component().display().to_string();
        let (settings, grants) = project_says(project)?;
        Self::of_component(&Choice {
            what: &component,
            settings: choice.settings.or(Some(settings)),
            grants: choice.grants.or(grants),
            file: None,
            folder: &project.folder,
        })
    }

    /// Without settings, under this name.
    pub fn of_bytes(name: &str, component: Vec<u8>) -> Result<Self, String> {
        let choice = Choice { what: "builtin:access", settings: None, grants: None, file: None, folder: Path::new("") };
        let mut written = Self::of_component(&choice)?;
        written.config.name = name.to_owned();
        written.config.component = name.to_owned();
        Ok(Self { component, source: name.to_owned(), ..written })
    }

    /// Another component in its place.
    pub fn with_file(self, file: &Path) -> Result<Self, String> {
        Ok(Self { component: component_of(file)?, source: file.display().to_string(), ..self })
    }

    /// As a `[[filter]]` of a configuration that has nothing else.
    fn of_component(choice: &Choice<'_>) -> Result<Self, String> {
        let name = match choice.what.strip_prefix("builtin:") {
            Some(name) => name.to_owned(),
            None => Path::new(choice.what).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let mut component = choice.what.to_owned();
        if !component.starts_with("builtin:") {
            let absolute = std::path::absolute(choice.what).map_err(|error| format!("{}: {error}", choice.what))?;
            component = absolute.display().to_string();
        }
        let harmless = || Value::Array(HARMLESS.iter().map(|name| Value::from(*name)).collect());
        let filter = serde_json::json!({
            "name": name,
            "component": component,
            "grants": choice.grants.clone().unwrap_or_else(harmless),
            "settings": choice.settings.clone().unwrap_or_else(|| Value::Object(Default::default())),
        });
        let document = serde_json::json!({ "hostname": "mx.example.com", "filter": [filter] });
        let text = toml::to_string(&document).map_err(|error| format!("settings and grants: {error}"))?;
        let config = read::parse(&text, &choice.folder.join("filter.toml")).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(|one| format!("{}: {}", one.key, one.message)).collect();
            told.join("\n")
        })?;
        let mut config = config.config;
        let filter = config.filters.pop().ok_or("the filter was not read")?;
        Self::with_component(config, filter)
    }

    fn with_component(whole: Config, config: config::Filter) -> Result<Self, String> {
        let (component, source) = match config.component.strip_prefix("builtin:") {
            Some(name) => {
                let bytes = crate::filters::builtin(name);
                let bytes = bytes.ok_or_else(|| format!("there is no built-in filter \"{name}\" in this build"))?;
                (bytes.to_vec(), config.component.clone())
            }
            None => (component_of(Path::new(&config.component))?, config.component.clone()),
        };
        Ok(Self { config, component, source, whole })
    }

    /// Compiles and configures it. Compiled code is kept in the user's cache folder.
    pub async fn load(self) -> Result<Subject, String> {
        let real = match &self.config.grants.dns {
            Some(_) => Some(Dns::new(&self.whole).map_err(|error| format!("{error:#}"))?),
            None => None,
        };
        let lent = Arc::new(Lent::new(real));
        let granted = self.config.grants.files.iter().map(|(name, path)| (name.clone(), PathBuf::from(path))).collect();
        let sandbox = Sandbox::new(SandboxSettings { cache: cache(), instances: INSTANCES })?;
        let size = self.component.len();
        let source = Source {
            name: self.config.name.clone(),
            component: self.component,
            settings: Value::Object(self.config.settings.clone()),
            grants: self.config.grants.clone(),
            limits: self.config.limits.clone(),
            assets: Assets::read(&granted)?,
            services: lent.clone(),
        };
        let filter = sandbox.load(source).await.map_err(|error| format!("{}: {error}", self.source))?;
        let (scores, profile) = (self.whole.scores, self.whole.smtp.replies);
        Ok(Subject { filter, config: self.config, source: self.source, size, lent, scores, profile })
    }
}

/// The project in this folder; none: it is no folder, or one that only shares its name with a filter.
pub fn project_in(what: &str) -> Result<Option<Project>, String> {
    let folder = Path::new(what);
    let meant = folder.join(FILE).is_file() || what == "." || what.contains('/');
    match folder.is_dir() && meant {
        true => Project::open(folder).map(Some).map_err(|error| format!("{error:#}")),
        false => Ok(None),
    }
}

/// Settings and grants of a project, as the configuration hands them on; files of grants by absolute paths.
pub fn project_says(project: &Project) -> Result<(Value, Option<Value>), String> {
    let said = |error: serde_json::Error| format!("{FILE}: {error}");
    let settings = serde_json::to_value(&project.settings).map_err(said)?;
    let mut grants = project.grants.as_ref().map(serde_json::to_value).transpose().map_err(said)?;
    let folder = std::path::absolute(&project.folder).unwrap_or_else(|_| project.folder.clone());
    let tables = grants.iter_mut().filter_map(Value::as_array_mut).flatten();
    for files in tables.filter_map(|grant| grant.get_mut("files")?.as_object_mut()) {
        for path in files.values_mut() {
            if let Some(text) = path.as_str() {
                *path = folder.join(text).display().to_string().into();
            }
        }
    }
    Ok((settings, grants))
}

/// The bytes of a component's file. The error names it.
pub fn component_of(file: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| format!("{}: {error}: build it first", file.display());
    let size = std::fs::metadata(file).map_err(said)?.len();
    if size > COMPONENT_BYTES_MAX {
        return Err(format!("{}: {size} bytes are more than {COMPONENT_BYTES_MAX}", file.display()));
    }
    std::fs::read(file).map_err(said)
}

fn problems_of(problems: &[read::Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// `$XDG_CACHE_HOME/postwarden/compiled`; none where there is no home.
fn cache() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(folder.join("postwarden").join("compiled"))
}
