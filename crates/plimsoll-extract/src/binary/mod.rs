//! Binaries and archives: what was linked into or packed into them.

pub mod executable;
mod go;
pub mod java_archive;
mod rust;
mod zip;
