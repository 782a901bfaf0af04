//! Reads the signature files of a folder. A line that is not understood is counted and told, and costs no other line
//! its effect; a file in which no line is understood is a problem, since it is no signature file.

mod body;
pub(crate) mod hex;
mod lines;
mod report;

use postwarden_filter::assets;

use crate::database::{Builder, Database};
use crate::hashes::Digest;
use hex::Unused;
use lines::Lines;
pub(crate) use report::Report;

/// The level of ClamAV's functions that signatures are chosen by: that of ClamAV 1.4.
const FUNCTIONALITY_LEVEL: u32 = 210;

/// What a file's lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `hash:size:name`
    Hashes,
    /// The same, of files that are harmless.
    Harmless,
    /// `name:target:offset:body`
    Body,
    /// `name;target;expression;body;body…`
    Logical,
    /// Names of signatures that do not count.
    Ignored,
}

/// By the end of the file's name.
const FORMATS: &[(&str, Format)] = &[
    ("hdb", Format::Hashes),
    ("hsb", Format::Hashes),
    ("fp", Format::Harmless),
    ("sfp", Format::Harmless),
    ("ndb", Format::Body),
    ("ldb", Format::Logical),
    ("ign", Format::Ignored),
    ("ign2", Format::Ignored),
];

/// Known ends that are left out, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("mdb", "hashes of sections of programs"),
    ("msb", "hashes of sections of programs"),
    ("cvd", "packed databases: unpack what you want with sigtool --unpack"),
    ("cld", "packed databases: unpack what you want with sigtool --unpack"),
    ("hdu", "signatures of unwanted, not harmful programs"),
    ("hsu", "signatures of unwanted, not harmful programs"),
    ("ndu", "signatures of unwanted, not harmful programs"),
    ("ldu", "signatures of unwanted, not harmful programs"),
    ("mdu", "signatures of unwanted, not harmful programs"),
    ("db", "signatures of the oldest format"),
    ("cbc", "bytecode"),
    ("yar", "YARA rules"),
    ("yara", "YARA rules"),
];

/// The signatures of all files below `folder`, or of the file of that name; always with the built-in ones.
pub(crate) fn read(folder: Option<&str>) -> Result<(Database, Report), Vec<String>> {
    let mut report = Report::default();
    let mut builder = Builder::default();
    for line in crate::eicar::signatures() {
        body::line(&line, &mut builder).map_err(|why| vec![format!("built-in signature: {why:?}")])?;
    }
    let files: Vec<String> = match folder {
        None => Vec::new(),
        Some(folder) => {
            let below = format!("{}/", folder.trim_end_matches('/'));
            let is_own =
                |name: &String| name == folder || name.starts_with(&below) || name.starts_with(&format!("{folder}/"));
            let files: Vec<String> = assets::list_names().into_iter().filter(is_own).collect();
            if files.is_empty() {
                report.note(&format!("there is no file in {folder}: only the EICAR test file is found"));
            }
            files
        }
    };
    for pass in [true, false] {
        for file in &files {
            match format(file) {
                // What is ignored has to be known before the rest is read.
                Some(format) if (format == Format::Ignored) == pass => {
                    read_file(file, format, &mut builder, &mut report)
                }
                None if pass => {
                    report.left_out_file(file, LEFT_OUT.iter().find(|(end, _)| ends(file, end)).map(|(_, why)| *why))
                }
                _ => {}
            }
        }
    }
    report.finish()?;
    Ok((builder.build(), report))
}

fn ends(file: &str, end: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(end))
}

fn format(file: &str) -> Option<Format> {
    FORMATS.iter().find(|(end, _)| ends(file, end)).map(|(_, format)| *format)
}

fn read_file(file: &str, format: Format, builder: &mut Builder, report: &mut Report) {
    let mut lines = Lines::new(file);
    // A folder is often written with a slash at its end.
    let file = &file.replace("//", "/");
    while let Some((number, line)) = lines.next() {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let done = match format {
            Format::Hashes => hash(line, builder, false),
            Format::Harmless => hash(line, builder, true),
            Format::Body => body::line(line, builder),
            Format::Logical => body::logical(line, builder),
            Format::Ignored => {
                // `.ign` names the database and the line before the name.
                let name = if ends(file, "ign") { line.rsplit(':').next() } else { line.split(':').next() };
                builder.ignore(name.unwrap_or_default());
                Ok(())
            }
        };
        report.line(file, number, done);
    }
    report.end_of_file(file, lines.cut());
}

/// `hash:size:name[:least level[:greatest level]]`; the length of the hash tells its kind.
fn hash(line: &str, builder: &mut Builder, harmless: bool) -> Result<(), Unused> {
    let mut fields = line.split(':');
    let (Some(hash), Some(size), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(hex::malformed("is not hash:size:name"));
    };
    let digest = Digest::parse(hash).ok_or_else(|| hex::malformed("begins with no MD5, SHA-1 or SHA-256 in hex"))?;
    let size = match size {
        "*" => None,
        size => Some(size.parse().map_err(|_| hex::malformed(format!("\"{size}\" is no size")))?),
    };
    levels(fields.next(), fields.next())?;
    builder.hash(digest, size, name, harmless)
}

/// Whether a signature is for this level of functions.
fn levels(least: Option<&str>, greatest: Option<&str>) -> Result<(), Unused> {
    let number = |text: Option<&str>, otherwise: u32| match text {
        None | Some("") => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| hex::malformed(format!("\"{text}\" is no functionality level"))),
    };
    let is_meant = number(least, 0)? <= FUNCTIONALITY_LEVEL && FUNCTIONALITY_LEVEL <= number(greatest, u32::MAX)?;
    if is_meant { Ok(()) } else { Err(Unused::Unsupported("for another version of ClamAV")) }
}
