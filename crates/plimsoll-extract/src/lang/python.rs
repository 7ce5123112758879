//! What Python's lockfiles share.
//!
//! They list the hashes of all archives of a version, for every platform. Which one is installed they do not say, so
//! no digest is taken from them.

use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence};

use super::Problems;
use super::npm::{DOWNLOAD_URL, VCS_URL};
use super::tree::Node;

/// A package that a lockfile names on a line.
pub(crate) fn declared(path: &ImagePath, line: u32, name: &str, version: &str) -> Package {
    let location = Location::at_line(path.clone(), line);
    let mut package = Package::new(Ecosystem::PyPi, name, version, location);
    package.presence = Presence::Declared;
    package
}

/// PEP 508 names: letters, digits, and `-_.` inside.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 256
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The name and version of an entry of `[[package]]`, whose line is that of its name. An entry without a name is a
/// problem; without a version it is listed without one.
pub(crate) fn entry(path: &ImagePath, node: &Node<'_>, problems: &mut Problems<'_>) -> Option<Package> {
    let Some(name) = node.get("name") else {
        problems.line(node.line, "a package without `name`");
        return None;
    };
    let Some(text) = name.as_text().filter(|text| is_name(text)) else {
        problems.line(name.line, "no name of a package");
        return None;
    };
    Some(declared(path, name.line, text, node.text("version").unwrap_or_default()))
}

/// Notes that a package comes from a repository, at a commit.
pub(crate) fn note_repository(package: &mut Package, address: &str, commit: Option<&str>) {
    let value = match commit {
        Some(commit) if !address.contains('#') => format!("{address}#{commit}"),
        _ => address.to_owned(),
    };
    package.properties.insert(VCS_URL.into(), value);
}

/// Notes that a package comes from a plain web server.
pub(crate) fn note_address(package: &mut Package, address: &str) {
    package.properties.insert(DOWNLOAD_URL.into(), address.to_owned());
}
