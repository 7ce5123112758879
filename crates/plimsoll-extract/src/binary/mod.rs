//! Binaries and archives: what was linked into or packed into them.

pub mod archived_packages;
pub mod dotnet;
pub mod elf_note;
pub mod executable;
mod go;
mod go_functions;
pub mod java_archive;
mod java_classes;
pub mod kernel;
mod lz4;
pub mod model;
mod pickle;
pub mod product_files;
pub mod products;
mod rust;
mod zip;

use plimsoll_fs::Entry;

/// Would two names of one program be read alike? What an executable holds does not depend on its name, but which products
/// are looked for in it does.
pub fn alike(first: &Entry<'_>, second: &Entry<'_>) -> bool {
    products::same_rules(first.path, second.path)
}
