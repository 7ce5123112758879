//! What fuzz targets run.

use std::io::{self, Read};

use crate::{Entry, Limits, NoProgress, Visitor, Want, merge, read_layer};

struct Everything;

impl Visitor for Everything {
    type Output = u64;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        match entry.path.file_name().first() {
            Some(byte) if byte % 3 == 0 => Want::Skip,
            Some(byte) if byte % 3 == 1 => Want::Stream,
            _ => Want::Whole { limit: 1 << 20 },
        }
    }

    fn whole(&self, _: &Entry<'_>, content: &[u8]) -> u64 {
        content.len() as u64
    }

    fn stream(&self, _: &Entry<'_>, content: &mut dyn Read) -> io::Result<u64> {
        io::copy(&mut content.take(1 << 20), &mut io::sink())
    }

    fn glance_limit(&self, _: &Entry<'_>) -> u64 {
        1 << 16
    }

    fn goes_on(&self, _: &Entry<'_>, first_block: &[u8]) -> bool {
        first_block.first().is_some_and(|byte| byte % 2 == 0)
    }

    fn glance(&self, _: &Entry<'_>, content: &[u8]) -> Option<(u64, usize)> {
        Some((content.len() as u64, 0))
    }
}

/// Reads bytes as a layer twice, merges the two, and checks what must hold of any input: no panic, files sorted and each
/// once, nothing outside the root.
pub fn fuzz_layer(data: &[u8]) {
    let limits =
        Limits { max_open_bytes: 1 << 24, max_entries: 10_000, max_header: 1 << 16, ..Limits::default() };
    let read = || read_layer(&mut &*data, "fuzzed", &Everything, &limits, &NoProgress);
    let walk = merge(vec![read(), read()], &Everything, &limits);
    assert!(walk.files.windows(2).all(|pair| pair[0].path < pair[1].path), "sorted, each once");
    for file in &walk.files {
        let inside =
            file.path.as_bytes().split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."));
        assert!(inside, "{} is outside", file.path);
    }
    for glance in &walk.glances {
        let layer = glance.layer.unwrap_or_default();
        assert!(matches!(layer, 1 | 2) && glance.hidden_by.is_none_or(|by| by > layer), "{}", glance.path);
    }
}
