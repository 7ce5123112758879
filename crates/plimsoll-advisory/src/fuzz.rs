//! What fuzz targets run.

use crate::feed::{Kept, arch, fedora, oval, updateinfo};
use crate::{bundle, java_index, transfer};

/// Reads arbitrary bytes as the front of a bundle and as a stream of database content: its head, the frames behind it, and rows as they stand in a
/// frame. And as a list of Java archives, and as a line of
/// a feed's changes.
///
/// # Panics
/// When a row that was read is not written as it was read.
pub fn fuzz_content(data: &[u8]) {
    let mut rest = data;
    if transfer::read_head(&mut rest).is_ok() {
        let _ = transfer::count_rows(&mut rest);
    }
    transfer::rows_round_trip(data);
    bundle::read_arbitrary(data);
    java_index::fuzz_list(data);
    fuzz_changes(data);
}

/// Any bytes as a line of a feed's list of changes.
pub fn fuzz_changes(data: &[u8]) {
    crate::update::read_arbitrary_line(&String::from_utf8_lossy(data));
}

/// Any bytes as a list of updates of a repository, as its index, as OVAL of Oracle, as Arch Linux's list, and as a page of Fedora's.
pub fn fuzz_distributions(data: &[u8]) {
    updateinfo::fuzz(data);
    arch::fuzz(data);
    fedora::read_arbitrary(data);
    oval::parse(data, "com.oracle.elsa-all.xml", &mut Kept::default());
}
