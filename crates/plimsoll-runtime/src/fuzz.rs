//! Bodies of fuzz targets: whatever comes in, nothing panics, and what is built stays in proportion.

use std::path::Path;

use crate::container;
use crate::event::Container;
use crate::sensor;

/// A record of the kernel programs whose bytes are anybody's.
pub fn fuzz_records(data: &[u8]) {
    sensor::fuzz(data);
}

/// What runtimes leave behind: a path of a cgroup, a configuration, lists of mounts and subsystems.
pub fn fuzz_containers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(named) = container::named(&text) {
        assert_eq!(named.id.len(), 64);
    }
    container::fuzz(data, &text);
    let _ = container::parse(data, Path::new("/bundle"), &Container::default());
}

#[cfg(test)]
mod tests {
    /// Bytes that are a little like a record: a header of the right length, then fields with wild lengths.
    #[test]
    fn records_and_configurations_of_chance() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[5]
        };
        for round in 0..2_000u32 {
            let length = 152 + usize::from(next()) * 4;
            let mut data: Vec<u8> = (0..length).map(|_| next()).collect();
            data[..4].copy_from_slice(&u32::try_from(length).unwrap().to_ne_bytes());
            data[4..6].copy_from_slice(&u16::try_from(round % 10).unwrap().to_ne_bytes());
            if length > 160 {
                data[152..160].copy_from_slice(&[next() % 16, 0, next(), 0, 0, 0, 0, 0]);
            }
            super::fuzz_records(&data);
            super::fuzz_containers(&data);
        }
        super::fuzz_records(b"");
        super::fuzz_containers(br#"{"mounts":[{"options":["ro"]}],"linux":{"maskedPaths":null}}"#);
    }
}
