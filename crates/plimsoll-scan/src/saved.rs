//! Documents of ours that somebody saved: reports and surveys of `scan --format json`.

use std::io::Read as _;
use std::path::Path;

use crate::ScanError;

/// A document of this size lists more than any fleet has.
const LARGEST: u64 = 512 * 1024 * 1024;

/// Whether a file begins as our documents do.
pub(crate) fn is_ours(path: &Path) -> Result<bool, ScanError> {
    let failed = |source| ScanError::Read { path: path.display().to_string(), source };
    let mut head = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)).map_err(failed)?;
    head.retain(|byte| !byte.is_ascii_whitespace());
    Ok(head.starts_with(b"{\"schemaVersion\":"))
}

/// The content of such a file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, ScanError> {
    let failed = |source| ScanError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 512 MiB")));
    }
    Ok(bytes)
}
