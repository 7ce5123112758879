//! SBOMs of Python wheels: `*.dist-info/sboms/*.json` (PEP 770). They name what was put into a wheel beside Python: the
//! libraries that `auditwheel` copies into `*.libs/`, the crates of `maturin`.

use plimsoll_fs::Entry;
use plimsoll_model::ImagePath;

use crate::{Extraction, Extractor, Reader, embedded};

/// SBOMs of Python wheels.
pub static PYTHON_SBOM: Extractor = Extractor {
    name: "lang/python_sbom",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_sbom(entry.path.as_bytes()),
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn is_sbom(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let (Some(name), Some(folder), Some(distribution)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    folder == b"sboms" && distribution.ends_with(b".dist-info") && name.ends_with(b".json")
}

/// Reads one SBOM.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let mut found = Extraction::default();
    embedded::packages(path, bytes, "the SBOM of a wheel", "wheel-sbom", &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel() {
        for (path, expected) in [
            ("usr/lib/python3/site-packages/numpy-2.3.0.dist-info/sboms/auditwheel.cdx.json", true),
            ("a/numpy-2.3.0.dist-info/sboms/README", false),
            ("a/sboms/auditwheel.cdx.json", false),
        ] {
            assert_eq!(is_sbom(path.as_bytes()), expected, "{path}");
        }
        let path = ImagePath::from("a/numpy-2.3.0.dist-info/sboms/auditwheel.cdx.json");
        let found = parse(&path, include_bytes!("../../fixtures/lang/python_sbom/auditwheel.cdx.json"));
        crate::lang::expect(
            &found,
            &[
                "libgfortran@8.5.0-28.el8_10 0 Unknown Runtime",
                "libquadmath@8.5.0-28.el8_10 0 Unknown Runtime",
            ],
            0,
        );
        let bad = include_bytes!("../../fixtures/lang/python_sbom/bad.json");
        crate::lang::expect(&parse(&path, bad), &[], 1);
    }
}
