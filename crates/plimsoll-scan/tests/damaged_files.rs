//! Every extractor over damaged files of every other: what no parser's own fuzz body covers, binaries and archives, too.
//!
//! Deterministic and short; the fuzz target `extractors` does the same without end.

#![expect(clippy::unwrap_used, reason = "tests")]

use plimsoll_extract::Reader;
use plimsoll_extract::registry::EXTRACTORS;
use plimsoll_model::ImagePath;

#[path = "../../plimsoll/tests/common/mod.rs"]
mod common;

/// A xorshift generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit as u64)).unwrap()
    }
}

/// Whole files to damage.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        common::shop::jar(),
        common::shop::PACKAGE_LOCK.into(),
        common::shop::dpkg_status(&[]).into(),
        common::shop::OS_RELEASE.into(),
        b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\nRequires-Dist: y\n".to_vec(),
        b"[[package]]\nname = \"x\"\nversion = \"1.0.0\"\ndependencies = [\"y\"]\n".to_vec(),
        b"lockfileVersion: '9.0'\npackages:\n  x@1.0.0:\n    resolution: {integrity: a}\n".to_vec(),
        b"<project><groupId>a</groupId><artifactId>b</artifactId><version>1</version></project>".to_vec(),
        b"module a\n\ngo 1.22\n\nrequire (\n\tb v1.0.0 // indirect\n)\n".to_vec(),
        b"GEM\n  remote: a\n  specs:\n    x (1.0)\n      y (>= 1)\n\nDEPENDENCIES\n  x\n".to_vec(),
    ];
    // The program under test is itself an executable with sections worth reading: its beginning is enough.
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    seeds.push(program[..program.len().min(64 * 1024)].to_vec());
    seeds
}

fn damage(content: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        if content.is_empty() {
            return;
        }
        let at = numbers.below(content.len());
        match numbers.below(5) {
            0 => content[at] = [0, 0xff, b'"', b'\n', b'{', b'9', 0x80][numbers.below(7)],
            1 => content.truncate(at),
            2 => {
                let end = (at + numbers.below(64)).min(content.len());
                content.drain(at..end);
            }
            3 => {
                let end = (at + numbers.below(256)).min(content.len());
                let copy = content[at..end].to_vec();
                content.splice(at..at, copy);
            }
            _ => {
                let end = numbers.below(other.len() + 1).min(256);
                content.splice(at..at, other[..end].iter().copied());
            }
        }
    }
}

#[test]
fn extractors_survive() {
    const ROUNDS: usize = 40;
    let seeds = seeds();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let path = ImagePath::from("srv/node_modules/a/file.jar");
    let mut packages = 0;
    for extractor in EXTRACTORS {
        for seed in &seeds {
            for round in 0..ROUNDS {
                let mut content = seed.clone();
                let other = &seeds[numbers.below(seeds.len())];
                if round > 0 {
                    damage(&mut content, other, &mut numbers);
                }
                let extraction = match extractor.read {
                    Reader::Whole { parse, .. } => parse(&path, &content),
                    Reader::Name { parse } => parse(&path),
                    Reader::Stream { parse } => {
                        let Ok(extraction) = parse(&path, &mut content.as_slice()) else { continue };
                        extraction
                    }
                };
                for package in &extraction.packages {
                    packages += 1;
                    assert!(!package.name.is_empty(), "{}: a package without a name", extractor.name);
                    assert!(!package.locations.is_empty(), "{}: a package from nowhere", extractor.name);
                }
            }
        }
    }
    assert!(packages > 100, "the seeds hold packages: {packages}");
}
