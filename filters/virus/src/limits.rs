//! How far a message is looked into, and what of it was used up. Every limit that is reached is remembered with its
//! place.

use std::cell::Cell;

use postwarden_filter::call;

/// What unpacks to no more is never a bomb.
pub(crate) const RATIO_FROM_BYTES: u64 = 1 << 20;
/// Places remembered.
const REACHED_MAX: usize = 10;
/// Of the time there was at the beginning, this share stays for the verdict: computing time ends before wall time.
const TIME_KEPT_PERCENT: u64 = 30;

/// What the settings allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) depth: u32,
    pub(crate) files: u32,
    pub(crate) file_bytes: u64,
    pub(crate) unpacked_bytes: u64,
    pub(crate) ratio: u64,
}

/// A limit by the setting that moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Depth,
    Files,
    FileSize,
    Unpacked,
    Ratio,
    /// The time of the call: `deadline` and `cpu` of the filter.
    Time,
    /// Work of signatures with wide gaps.
    Steps,
    /// The server told not all parts apart.
    Parts,
}

impl Limit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Files => "files",
            Self::FileSize => "file-size",
            Self::Unpacked => "unpacked",
            Self::Ratio => "ratio",
            Self::Time => "time (deadline and cpu of the filter)",
            Self::Steps => "work of its signatures",
            Self::Parts => "parts the server tells apart",
        }
    }
}

/// What is left for this message.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    unpacked: u64,
    files: u32,
    /// Nanoseconds that must be left.
    time_kept: u64,
    out_of_time: Cell<bool>,
    /// The limits reached and where.
    pub(crate) reached: Vec<(Limit, String)>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Self {
        let time_kept = call::get_time_left() / 100 * TIME_KEPT_PERCENT;
        Self { limits, unpacked: 0, files: 0, time_kept, out_of_time: Cell::new(false), reached: Vec::new() }
    }

    pub(crate) fn has_time(&self) -> bool {
        if !self.out_of_time.get() && call::get_time_left() <= self.time_kept {
            self.out_of_time.set(true);
        }
        !self.out_of_time.get()
    }

    pub(crate) fn reach(&mut self, limit: Limit, place: &str) {
        if self.reached.len() < REACHED_MAX && !self.reached.iter().any(|(known, _)| *known == limit) {
            self.reached.push((limit, place.to_owned()));
        }
    }

    /// Nothing more is looked at in this message.
    pub(crate) fn is_spent(&self) -> bool {
        self.out_of_time.get() || self.files > self.limits.files || self.unpacked > self.limits.unpacked_bytes
    }

    /// Counts a file; the error: no more are looked at.
    pub(crate) fn file(&mut self) -> Result<(), Limit> {
        self.files = self.files.saturating_add(1);
        if self.files > self.limits.files { Err(Limit::Files) } else { Ok(()) }
    }

    /// Counts what was unpacked from `packed` bytes of a file, `bytes` of them now and `sum` in all.
    pub(crate) fn unpack(&mut self, bytes: u64, sum: u64, packed: u64) -> Result<(), Limit> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        if sum > RATIO_FROM_BYTES && sum / packed.max(1) >= self.limits.ratio {
            return Err(Limit::Ratio);
        }
        if self.unpacked > self.limits.unpacked_bytes {
            return Err(Limit::Unpacked);
        }
        if sum > self.limits.file_bytes {
            return Err(Limit::FileSize);
        }
        if self.has_time() { Ok(()) } else { Err(Limit::Time) }
    }
}
