//! Bun's older, binary lockfile `bun.lockb`: seen, and not read. Its format is the memory of one program, described nowhere.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Problem, ProblemKind};

use crate::{Extraction, Extractor, Reader};

/// Bun's binary lockfile.
pub static BUN_LOCKB: Extractor = Extractor {
    name: "lang/bun_lockb",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b"bun.lockb",
    read: Reader::Stream { parse: |path, _| Ok(not_read(path)) },
};

fn not_read(path: &ImagePath) -> Extraction {
    let detail = "Bun's binary lockfile is not read; `bun install --save-text-lockfile` writes it as `bun.lock`, which is";
    Extraction::problem(Problem::incomplete(ProblemKind::Unsupported, path, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told() {
        let Reader::Stream { parse } = BUN_LOCKB.read else { panic!("not a byte of it is asked for") };
        let found = parse(&"srv/bun.lockb".into(), &mut &b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n"[..])
            .unwrap();
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].kind, ProblemKind::Unsupported);
    }
}
