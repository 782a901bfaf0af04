//! From the operator's settings to a filter, with every problem told where it is.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_path_to_error::Segment;

use crate::{Filter, suggest};

/// What is wrong with the settings. All of it at once.
pub type Problems = Vec<Problem>;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// RFC 6901 pointer into the settings; empty for the whole.
    pub path: String,
    pub message: String,
}

impl Problem {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// For filters without settings: any key is a problem.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Makes the filter of a component, once.
#[doc(hidden)]
pub fn configure_once<F: Filter>(place: &OnceLock<F>, settings: &str) -> Result<(), Problems> {
    let filter = configure::<F>(settings)?;
    place.set(filter).map_err(|_| vec![Problem::new("", "it is configured already")])
}

pub(crate) fn configure<F: Filter>(settings: &str) -> Result<F, Problems> {
    let mut json = serde_json::Deserializer::from_str(settings);
    let problem = |error: serde_path_to_error::Error<serde_json::Error>| {
        Problem::new(pointer(error.path()), suggest::with_nearest(&error.inner().to_string()))
    };
    let settings = serde_path_to_error::deserialize(&mut json).map_err(|error| vec![problem(error)])?;
    F::configure(settings)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    };
    path.iter().map(part).collect()
}
