//! Archives for tests, sound and lying.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

pub(super) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

/// How a zip is written.
#[derive(Clone, Copy)]
pub(super) struct Zip {
    pub(super) method: u16,
    pub(super) flags: u16,
    /// Sizes and offset stand in the extra field.
    pub(super) is_64: bool,
    pub(super) has_directory: bool,
}

pub(super) const DEFLATED: Zip = Zip { method: 8, flags: 0, is_64: false, has_directory: true };
pub(super) const STORED: Zip = Zip { method: 0, ..DEFLATED };

pub(super) fn zip(files: &[(&str, &[u8])], how: Zip) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let offset = archive.len();
        let packed = if how.method == 8 { deflated(data) } else { data.to_vec() };
        let fields = |packed: u32, unpacked: u32, extra: u16| -> Vec<u8> {
            let mut crc = flate2::Crc::new();
            crc.update(data);
            let mut fields = Vec::new();
            for short in [20, how.flags, how.method, 0, 0x21] {
                fields.extend(u16::to_le_bytes(short));
            }
            for long in [crc.sum(), packed, unpacked] {
                fields.extend(long.to_le_bytes());
            }
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend(extra.to_le_bytes());
            fields
        };
        let (size, whole) = (packed.len() as u32, data.len() as u32);
        archive.extend(b"PK\x03\x04");
        archive.extend(fields(size, whole, 0));
        archive.extend(name.as_bytes());
        archive.extend(&packed);
        directory.extend(b"PK\x01\x02\x14\0");
        let mut extra = Vec::new();
        if how.is_64 {
            extra.extend([1, 0, 24, 0]);
            for value in [whole as u64, size as u64, offset as u64] {
                extra.extend(value.to_le_bytes());
            }
            directory.extend(fields(u32::MAX, u32::MAX, extra.len() as u16));
        } else {
            directory.extend(fields(size, whole, 0));
        }
        directory.extend([0; 10]);
        directory.extend(if how.is_64 { u32::MAX } else { offset as u32 }.to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(extra);
    }
    if !how.has_directory {
        return archive;
    }
    let start = archive.len();
    let count = files.len() as u16;
    archive.extend(&directory);
    if how.is_64 {
        let end = archive.len() as u64;
        archive.extend(b"PK\x06\x06");
        archive.extend(44_u64.to_le_bytes());
        archive.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [count as u64, count as u64, directory.len() as u64, start as u64] {
            archive.extend(value.to_le_bytes());
        }
        archive.extend(b"PK\x06\x07\0\0\0\0");
        archive.extend(end.to_le_bytes());
        archive.extend([1, 0, 0, 0]);
    }
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    let of_32 = |value: usize| if how.is_64 { u32::MAX } else { value as u32 };
    archive.extend(of_32(directory.len()).to_le_bytes());
    archive.extend(of_32(start).to_le_bytes());
    archive.extend([0, 0]);
    archive
}
