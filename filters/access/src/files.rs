//! Reads list files: one entry a line, `#` begins a comment, `f:` includes another. Every complaint names file and line.

use postwarden_filter::{Problem, Problems, assets};

use crate::list::List;

/// Files that include each other.
const INCLUDE_DEPTH_MAX: usize = 10;
/// Complaints told at once; the rest is a number.
const PROBLEMS_MAX: usize = 100;
/// Bytes asked for in one call of the host.
const PIECE_BYTES: u32 = 1 << 20;

/// The list of a setting.
pub(crate) fn read(setting: &str, file: &str, problems: &mut Problems) -> List {
    let mut list = List::default();
    let mut reader = Reader { setting, list: &mut list, problems, open: Vec::new() };
    reader.file(file, None);
    list
}

struct Reader<'a> {
    setting: &'a str,
    list: &'a mut List,
    problems: &'a mut Problems,
    /// Files that are being read, the outermost first.
    open: Vec<String>,
}

impl Reader<'_> {
    /// `asked` is the file and line that includes it.
    fn file(&mut self, name: &str, asked: Option<(&str, usize)>) {
        let place = asked.map(|(file, line)| format!("{file}:{line}: ")).unwrap_or_default();
        if self.open.iter().any(|open| open == name) {
            return self.problem(format!("{place}{name} includes itself"));
        }
        if self.open.len() >= INCLUDE_DEPTH_MAX {
            return self.problem(format!("{place}more than {INCLUDE_DEPTH_MAX} files include each other"));
        }
        let Some(text) = content(name) else {
            let grant = format!("add to its [[filter]]: grants = [{{ files = {{ \"{name}\" = \"{name}\" }} }}]");
            return self.problem(format!("{place}the filter was given no file {name}; {grant}"));
        };
        self.open.push(name.to_owned());
        let text = String::from_utf8_lossy(&text);
        for (number, line) in (1_usize..).zip(text.trim_start_matches('\u{feff}').lines()) {
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            if let Some(other) = entry.strip_prefix("f:") {
                self.file(other.trim(), Some((name, number)));
            } else if let Err(error) = self.list.add(entry, &format!("{name}:{number}")) {
                self.problem(format!("{name}:{number}: {error}"));
            }
        }
        self.open.pop();
    }

    fn problem(&mut self, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem::new(format!("/{}", self.setting), message));
        }
    }
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
