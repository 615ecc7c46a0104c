//! RocksDB's errors as the store's. RocksDB hands out text, so the kinds that matter are told apart by words that come
//! from the operating system or stand in RocksDB's sources for years.

use std::io;
use std::path::Path;

use antipode_store::{StoreError, Written};
use rocksdb::{Error, ErrorKind};

/// Words for "no space left", "quota exceeded" and "beyond the file-size limit".
const FULL: [&str; 4] = [
    "No space left",
    "Disk quota exceeded",
    "File too large",
    "Max allowed space was reached",
];

pub(crate) fn convert(doing: &'static str, error: &Error, written: Written) -> StoreError {
    classify(doing, error.kind(), error.to_string(), written)
}

fn classify(doing: &'static str, kind: ErrorKind, detail: String, written: Written) -> StoreError {
    match kind {
        ErrorKind::Corruption => StoreError::CorruptFiles { detail },
        ErrorKind::ShutdownInProgress => StoreError::Closed,
        _ if FULL.iter().any(|words| detail.contains(words)) => StoreError::Full {
            doing,
            detail,
            written,
        },
        _ => StoreError::Io {
            doing,
            detail,
            written,
        },
    }
}

/// Whether a write that failed with this error can be in the log all the same. An append that failed left at least one
/// byte out, and a record that is not whole is dropped; an error of another file than a log was there before the write
/// began. A sync that failed says nothing.
pub(crate) fn write_may_land(error: &Error) -> Written {
    may_land(error.as_ref())
}

fn may_land(detail: &str) -> Written {
    if detail.contains("While appending") || !detail.contains(".log") {
        Written::Nothing
    } else {
        Written::Unknown
    }
}

pub(crate) fn convert_open(path: &Path, error: &Error) -> StoreError {
    let detail = error.to_string();
    if detail.contains("lock hold by current process") || detail.contains("While lock file") {
        return StoreError::Locked {
            path: path.to_path_buf(),
        };
    }
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::NotSupported => StoreError::Unusable {
            path: path.to_path_buf(),
            detail,
        },
        _ => convert("open", error, Written::Nothing),
    }
}

pub(crate) fn convert_file(doing: &'static str, error: &io::Error) -> StoreError {
    let detail = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full {
                doing,
                detail,
                written: Written::Nothing,
            }
        }
        _ => StoreError::Io {
            doing,
            detail,
            written: Written::Nothing,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        let code = |detail: &str| {
            let kind = ErrorKind::IOError;
            classify("write", kind, detail.to_owned(), Written::Nothing).code()
        };
        assert_eq!(
            code(
                "IO error: No space left on device: While appending to file: /d/000004.log: No \
                 space left on device"
            ),
            1104
        );
        assert_eq!(
            code("IO error: While appending to file: /d/000004.log: File too large"),
            1104
        );
        assert_eq!(
            code("IO error: While fdatasync: /d/000004.log: Input/output error"),
            1305
        );
    }

    #[test]
    fn only_a_failed_append_is_certain_to_have_written_nothing() {
        let appended = "IO error: While appending to file: /d/000004.log: File too large";
        assert_eq!(may_land(appended), Written::Nothing);
        let background = "IO error: No space left on device: /d/000009.sst";
        assert_eq!(may_land(background), Written::Nothing);
        let synced = "IO error: While fdatasync: /d/000004.log: Input/output error";
        assert_eq!(may_land(synced), Written::Unknown);
    }
}
