//! The type of a file by what it begins with, by the names that rules use. Believes nothing the sender declares.

use postwarden_filter::Part;

/// Bytes looked at.
const BEGINNING_BYTES: u32 = 4096;
/// Where a CD image says what it is.
const CD_IMAGE: (u64, &[u8]) = (32_769, b"CD001");

/// Names of one type, the usual one first; the library knows one of each.
const SYNONYMS: &[&[&str]] = &[
    &["application/x-dosexec", "application/vnd.microsoft.portable-executable", "application/x-msdownload"],
    &["application/x-executable", "application/x-elf"],
    &["application/x-mach-binary", "application/x-mach-o"],
    &["application/java", "application/java-vm", "application/x-java-applet"],
    &["application/zip", "application/x-zip-compressed"],
    &["application/vnd.rar", "application/x-rar", "application/x-rar-compressed"],
    &["application/gzip", "application/x-gzip"],
    &["application/rtf", "text/rtf"],
    // Old Office documents and installers are told apart only by what lies deep in them.
    &[
        "application/x-ole-storage",
        "application/x-cfb",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/x-msi",
    ],
    &["text/x-shellscript", "text/x-script"],
    &["text/xml", "application/xml"],
    &["image/bmp", "image/x-ms-bmp"],
];

/// Files that often carry what is not wanted and that the library does not know.
const OTHERS: &[(&[u8], &str)] = &[
    (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", "application/x-ms-shortcut"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "application/onenote"),
    (b"conectix", "application/x-virtualbox-vhd"),
    (b"vhdxfile", "application/x-vhdx"),
];

/// What can be told beside these: text and anything else.
const FALLBACKS: &[&str] = &["text/plain", "application/octet-stream", "application/x-iso9660-image"];

/// All names of the part's type.
pub(crate) fn types(part: &Part) -> Vec<&'static str> {
    let (start, mark) = CD_IMAGE;
    let beginning = part.read(0, BEGINNING_BYTES);
    match of(&beginning) {
        "application/octet-stream" if part.read(start, u32::try_from(mark.len()).unwrap_or(0)) == mark => {
            vec!["application/x-iso9660-image"]
        }
        name => names(name).map_or_else(|| vec![name], <[_]>::to_vec),
    }
}

/// Whether some content is of this type; if not, the sentence says what to write.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    let own = || OTHERS.iter().map(|(_, name)| *name).chain(FALLBACKS.iter().copied()).chain(SYNONYMS.concat());
    if infer::is_mime_supported(&name) || own().any(|known| known == name) {
        return Ok(());
    }
    let near = postwarden_filter::nearest(&name, own().chain(COMMON.iter().copied()));
    let near = near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
    Err(format!("no content is recognised as \"{name}\"{near} (what the sender declares is declared-type)"))
}

/// Types of the library that rules often name, to suggest.
const COMMON: &[&str] = &[
    "application/pdf",
    "application/x-7z-compressed",
    "application/x-tar",
    "application/x-xz",
    "application/x-bzip2",
    "application/vnd.ms-cab-compressed",
    "application/x-shockwave-flash",
    "text/html",
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/tiff",
    "image/webp",
    "video/mp4",
    "audio/mpeg",
];

fn names(name: &str) -> Option<&'static [&'static str]> {
    SYNONYMS.iter().copied().find(|names| names.contains(&name))
}

fn of(beginning: &[u8]) -> &'static str {
    if let Some((_, name)) = OTHERS.iter().find(|(mark, _)| beginning.starts_with(mark)) {
        return name;
    }
    match infer::get(beginning) {
        Some(kind) => kind.mime_type(),
        None if is_text(beginning) => "text/plain",
        None => "application/octet-stream",
    }
}

fn is_text(beginning: &[u8]) -> bool {
    let odd = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    !beginning.iter().any(odd)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn beginnings_have_their_usual_names() {
        let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 60]].concat();
        for (beginning, name) in [
            (&b"MZ\x90\0\x03\0\0\0"[..], "application/x-dosexec"),
            (&elf, "application/x-executable"),
            (b"PK\x03\x04\x14\0\0\0\0\0", "application/zip"),
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
            (b"Rar!\x1a\x07\x01\0", "application/vnd.rar"),
            (b"{\\rtf1\\ansi", "application/rtf"),
            (b"#!/bin/sh\necho\n", "text/x-shellscript"),
            (b"<!DOCTYPE html><html>", "text/html"),
            (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F\x01", "application/x-ms-shortcut"),
            (b"Hello \xe4\n", "text/plain"),
            (b"", "text/plain"),
            (b"\0\x01\x02", "application/octet-stream"),
        ] {
            let found = of(beginning);
            assert_eq!(names(found).map_or(found, |names| *names.first().unwrap()), name, "{beginning:?}");
        }
    }

    #[test]
    fn a_type_that_is_never_found_is_a_mistake() {
        for name in
            ["application/x-dosexec", "application/vnd.microsoft.portable-executable", "image/png", "text/plain"]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert!(check("application/x-dosexe").unwrap_err().contains("did you mean \"application/x-dosexec\"?"));
        assert!(check("foo/bar").unwrap_err().contains("declared-type"));
    }
}
