//! vcpkg's installed ports: `vcpkg/status`, and the files in `vcpkg/updates/` that are not yet merged into it.
//!
//! Stanzas as dpkg's. A port has one of its own and one for each feature, which names no version.
//!
//! Format: microsoft/vcpkg-tool, `src/vcpkg/statusparagraph.cpp`.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{MOST_PACKAGES, Problems, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed ports.
pub static VCPKG_STATUS: Extractor = Extractor {
    name: "lang/vcpkg_status",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let path = entry.path.as_bytes();
    if path == b"vcpkg/status" || path.ends_with(b"/vcpkg/status") {
        return true;
    }
    let name = entry.path.file_name();
    let is_number = !name.is_empty() && name.iter().all(u8::is_ascii_digit);
    is_number && entry.path.parent().is_some_and(|folder| folder.ends_with(b"vcpkg/updates"))
}

#[derive(Default)]
struct Port<'a> {
    line: u32,
    name: Option<&'a str>,
    version: Option<&'a str>,
    revision: Option<&'a str>,
    architecture: Option<&'a str>,
    is_feature: bool,
    is_installed: bool,
}

/// Reads the list of ports. A broken stanza costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let mut port = Port::default();
    // An empty line behind the last, so that every stanza ends.
    for (line, content) in (1_u32..).zip(text.lines().chain([""])) {
        if content.trim().is_empty() {
            let done = std::mem::take(&mut port);
            if done.line == 0 || done.is_feature || !done.is_installed {
                continue;
            }
            if packages.len() >= MOST_PACKAGES {
                problems.push(too_many(path, done.line));
                break;
            }
            match (done.name, done.version) {
                (Some(name), Some(version)) => packages.push(package(path, &done, name, version)),
                _ => problems.line(done.line, "a port without `Package` or `Version`"),
            }
            continue;
        }
        if port.line == 0 {
            port.line = line;
        }
        if content.starts_with([' ', '\t']) {
            continue;
        }
        let Some((key, value)) = content.split_once(':') else {
            problems.line(line, "neither a field nor the continuation of one");
            continue;
        };
        let value = value.trim();
        let plain = Some(value).filter(|value| is_plain(value));
        match key {
            "Package" => port.name = plain,
            "Version" => port.version = plain,
            "Port-Version" => port.revision = plain,
            "Architecture" => port.architecture = plain,
            "Feature" => port.is_feature = true,
            "Status" => port.is_installed = value.ends_with(" installed"),
            _ => {}
        }
    }
    if bytes.is_empty() {
        problems.push(Problem::corrupt(path, "is empty"));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// As vcpkg writes it: `1.2.3#1` is the second edition of the port of 1.2.3.
pub(super) fn edition(version: &str, revision: Option<&str>) -> String {
    match revision.filter(|revision| *revision != "0") {
        Some(revision) => format!("{version}#{revision}"),
        None => version.to_owned(),
    }
}

fn package(path: &ImagePath, port: &Port<'_>, name: &str, version: &str) -> Package {
    let version = edition(version, port.revision);
    let mut package =
        Package::new(Ecosystem::Vcpkg, name, version, Location::at_line(path.clone(), port.line));
    package.architecture = port.architecture.map(str::to_owned);
    package
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn ports() {
        for (path, expected) in [
            ("srv/vcpkg_installed/vcpkg/status", true),
            ("opt/vcpkg/installed/vcpkg/updates/0000000001", true),
            ("opt/vcpkg/installed/vcpkg/updates/incoming", false),
            ("var/lib/dpkg/status", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
        let path = ImagePath::from("vcpkg/status");
        let found = parse(&path, include_bytes!("../../fixtures/lang/vcpkg_status/status"));
        expect(&found, &["zlib@1.3.1 1 Unknown Runtime", "curl@8.9.1#2 8 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].architecture.as_deref(), Some("x64-linux"));
        let bad = parse(&path, include_bytes!("../../fixtures/lang/vcpkg_status/bad-status"));
        expect(&bad, &["zlib@1.3.1 1 Unknown Runtime"], 2);
        expect(&parse(&path, b""), &[], 1);
    }
}
