//! Reads list files: one entry a line, `#` begins a comment, `f:` includes another. Every complaint names file and line.

use postwarden_filter::{Problem, Problems, assets};

use crate::list::{List, Place};

/// Files that include each other.
const INCLUDE_DEPTH_MAX: usize = 10;
/// Complaints told at once; the rest is a number.
const PROBLEMS_MAX: usize = 100;
/// Bytes asked for in one call of the host.
const PIECE_BYTES: u32 = 1 << 20;

/// The list of a setting.
pub(crate) fn read(setting: &str, file: &str, problems: &mut Problems) -> List {
    let mut list = List::default();
    let mut reader = Reader { setting, list: &mut list, problems, open: Vec::new(), untold: 0 };
    reader.file(file, None);
    let untold = reader.untold;
    if untold > 0 {
        problems.push(Problem::new(format!("/{setting}"), format!("and {untold} more")));
    }
    list
}

struct Reader<'a> {
    setting: &'a str,
    list: &'a mut List,
    problems: &'a mut Problems,
    /// Files that are being read, the outermost first.
    open: Vec<String>,
    /// Complaints beyond [`PROBLEMS_MAX`].
    untold: usize,
}

impl Reader<'_> {
    /// `asked` is the line that includes it.
    fn file(&mut self, written: &str, asked: Option<u32>) {
        let parent = self.open.last().cloned().unwrap_or_default();
        let place = asked.map(|line| format!("{parent}:{line}: ")).unwrap_or_default();
        let Some((name, text)) = find(written, &parent) else {
            return self.problem(format!(
                "{place}the filter was given no file {written}; one that lies elsewhere than next to the list needs \
                 in its [[filter]]: grants = [{{ files = {{ \"{written}\" = \"{written}\" }} }}]"
            ));
        };
        if self.open.contains(&name) {
            return self.problem(format!("{place}{name} includes itself"));
        }
        if self.open.len() >= INCLUDE_DEPTH_MAX {
            return self.problem(format!("{place}more than {INCLUDE_DEPTH_MAX} files include each other"));
        }
        let file = self.list.file(&name);
        self.open.push(name.clone());
        let text = String::from_utf8_lossy(&text);
        for (line, text) in (1_u32..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let entry = text.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            if let Some(other) = entry.strip_prefix("f:") {
                self.file(other.trim(), Some(line));
            } else if let Err(error) = self.list.add(entry, Place { file, line }) {
                self.problem(format!("{name}:{line}: {error}"));
            }
        }
        self.open.pop();
    }

    fn problem(&mut self, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(format!("/{}", self.setting), message));
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }
}

/// Next to the file that includes it, or under the very name: with the name it has.
fn find(written: &str, parent: &str) -> Option<(String, Vec<u8>)> {
    let beside = parent.rsplit_once('/').map(|(folder, _)| format!("{folder}/{written}"));
    beside.into_iter().chain([written.to_owned()]).find_map(|name| content(&name).map(|text| (name, text)))
}

fn content(name: &str) -> Option<Vec<u8>> {
    let size = assets::get_size(name)?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    loop {
        let start = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let piece = assets::read(name, start, PIECE_BYTES);
        if piece.is_empty() {
            return Some(bytes);
        }
        bytes.extend_from_slice(&piece);
    }
}
