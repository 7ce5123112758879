//! opkg's database (OpenWrt, Yocto): `usr/lib/opkg/status` or `var/lib/opkg/status`, and the lists of files in `info/` beside it.
//!
//! The formats are dpkg's, which opkg grew out of; `opkg list-installed` shows the same. No source package is named.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath};

use super::{dpkg_files, dpkg_status};
use crate::{Extraction, Extractor, Reader};

/// Where the database stands: OpenWrt, Yocto.
const FOLDERS: [&[u8]; 2] = [b"usr/lib/opkg/", b"var/lib/opkg/"];

/// Packages of opkg.
pub static OPKG_STATUS: Extractor = Extractor {
    name: "os/opkg_status",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| inner(entry.path) == Some(b"status"),
    read: Reader::Whole { limit: 64 << 20, parse: dpkg_status::extract_opkg },
};

/// Their files.
pub static OPKG_FILES: Extractor = Extractor {
    name: "os/opkg_files",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| name(entry.path).is_some(),
    read: Reader::Whole { limit: 64 << 20, parse: parse_files },
};

fn inner(path: &ImagePath) -> Option<&[u8]> {
    FOLDERS.iter().find_map(|folder| path.as_bytes().strip_prefix(*folder))
}

fn name(path: &ImagePath) -> Option<&[u8]> {
    let name = inner(path)?.strip_prefix(b"info/")?.strip_suffix(b".list")?;
    (!name.is_empty() && !name.contains(&b'/')).then_some(name)
}

/// Reads the list of one package's files.
pub fn parse_files(path: &ImagePath, input: &[u8]) -> Extraction {
    let Some(name) = name(path) else { return Extraction::default() };
    dpkg_files::list(Ecosystem::Opkg, path, name, false, input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(path: &str) -> Vec<&'static str> {
        let path = ImagePath::from(path);
        let entry = Entry { path: &path, size: 1, mode: 0o644 };
        crate::registry::wanting(&entry).map(|extractor| extractor.name).collect()
    }

    #[test]
    fn packages_and_files() {
        assert_eq!(wanted("usr/lib/opkg/status"), ["os/opkg_status"]);
        assert_eq!(wanted("var/lib/opkg/info/busybox.list"), ["os/opkg_files"]);
        assert!(wanted("usr/lib/opkg/info/busybox.control").is_empty());
        let path = ImagePath::from("usr/lib/opkg/status");
        let found = dpkg_status::extract_opkg(&path, include_bytes!("../../fixtures/os/opkg_status/status"));
        assert_eq!(found.problems, []);
        let shown: Vec<String> = found
            .packages
            .iter()
            .map(|one| {
                format!(
                    "{} {} {} {:?}",
                    one.name,
                    one.version,
                    one.architecture.as_deref().unwrap_or("-"),
                    one.ecosystem
                )
            })
            .collect();
        assert_eq!(shown, ["busybox 1.36.1-1 x86_64 Opkg", "libc 1.2.4-4 x86_64 Opkg"]);
        let files = parse_files(&"usr/lib/opkg/info/busybox.list".into(), b"/bin/busybox\n/bin/ash\n");
        assert_eq!(files.ownership[0].ecosystem, Ecosystem::Opkg);
        assert_eq!(files.ownership[0].paths, ["bin/busybox".into(), "bin/ash".into()]);
        let bad = dpkg_status::extract_opkg(&path, include_bytes!("../../fixtures/os/opkg_status/bad"));
        assert_eq!((bad.packages.len(), bad.problems.len()), (1, 2), "{:?}", bad.problems);
    }
}
