//! Records, and the files they go through from the process that acted to the one that judges.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

/// One thing that an instance did, or that befell it, from `begin` to `end`.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A call for `key` gave `version`, from `source` (a letter of the reader's choice: it is shown, not judged).
    Read { key: u32, version: u64, source: u8, begin: u64, end: u64 },
    /// `version` was committed, and an invalidation returned `Ok` at `end`; without an end, it failed.
    Write { key: u32, version: u64, begin: u64, end: Option<u64> },
    /// This instance could not reach L2.
    CutOff { begin: u64, end: u64 },
}

const BYTES: usize = 30;
const READ: u8 = 0;
const WRITE: u8 = 1;
const CUT_OFF: u8 = 2;

/// Now, by the clock that all processes of this machine share.
pub fn nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

impl Record {
    fn to_bytes(self) -> [u8; BYTES] {
        let (kind, source, key, version, begin, end) = match self {
            Self::Read { key, version, source, begin, end } => (READ, source, key, version, begin, end),
            Self::Write { key, version, begin, end } => (WRITE, 0, key, version, begin, end.unwrap_or(u64::MAX)),
            Self::CutOff { begin, end } => (CUT_OFF, 0, 0, 0, begin, end),
        };
        let mut bytes = [kind; BYTES];
        bytes[BYTES - 1] = source;
        bytes[1..5].copy_from_slice(&key.to_le_bytes());
        for (at, number) in [(5, version), (13, begin), (21, end)] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes"));
        let key = u32::from_le_bytes(bytes[1..5].try_into().expect("a slice of four bytes"));
        let (version, begin, end) = (number(5), number(13), number(21));
        match bytes[0] {
            READ => Self::Read { key, version, source: bytes[BYTES - 1], begin, end },
            WRITE => Self::Write { key, version, begin, end: (end != u64::MAX).then_some(end) },
            CUT_OFF => Self::CutOff { begin, end },
            kind => panic!("a journal holds records only, and no {kind}"),
        }
    }
}

/// A file of records, written by one task.
#[derive(Debug)]
pub struct Journal(BufWriter<File>);

impl Journal {
    /// A new file.
    pub fn create(path: &Path) -> Self {
        let file = File::create(path).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        Self(BufWriter::with_capacity(1 << 16, file))
    }

    /// Appends one record.
    pub fn note(&mut self, record: Record) {
        self.0.write_all(&record.to_bytes()).expect("the temporary directory has room");
    }

    /// Everything noted is in the file.
    pub fn finish(mut self) {
        self.0.flush().expect("the temporary directory has room");
    }
}

/// Gives every record of a file to `each`, in their order.
pub fn read_journal(path: &Path, mut each: impl FnMut(Record)) {
    let file = File::open(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut bytes = [0; BYTES];
    loop {
        match file.read_exact(&mut bytes) {
            Ok(()) => each(Record::from_bytes(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return,
            Err(error) => panic!("cannot read {}: {error}", path.display()),
        }
    }
}
