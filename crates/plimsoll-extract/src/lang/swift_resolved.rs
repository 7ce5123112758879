//! Swift's `Package.resolved`, versions 1 to 3.
//!
//! A package is named by the address of its repository, as advisories do. What is pinned to a branch or a commit has no version.
//!
//! Format: swiftlang/swift-package-manager, `ResolvedPackagesStore`.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem, ProblemKind};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// Swift's lockfile.
pub static SWIFT_RESOLVED: Extractor = Extractor {
    name: "lang/swift_resolved",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name == b"Package.resolved" || name == b".package.resolved"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let pins = root.get("pins").or_else(|| root.get("object").and_then(|object| object.get("pins")));
    if root
        .get("version")
        .and_then(Node::as_written)
        .is_some_and(|version| !matches!(version, "1" | "2" | "3"))
    {
        let detail = "has a newer format than version 3: packages may be missing";
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    } else if problems.is_empty() && pins.is_none() && !root.entries().is_empty() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `pins`"));
    }
    let mut packages = Vec::new();
    for pin in pins.map_or(&[][..], Node::items) {
        if pin.text("kind") == Some("localSourceControl") {
            continue;
        }
        let address = pin.text("location").or_else(|| pin.text("repositoryURL")).unwrap_or_default();
        // A package of a registry has an identity (`scope.name`) and no address.
        let identity = pin.text("identity").filter(|_| address.is_empty());
        let name = identity.map_or_else(|| place(address), str::to_owned);
        let (Some(state), true) = (pin.get("state"), is_plain(&name)) else {
            problems.line(pin.line, "a pin without place or state");
            continue;
        };
        let line = pin.get("identity").or_else(|| pin.get("package")).map_or(pin.line, |node| node.line);
        let version = state.text("version").unwrap_or_default();
        let mut package = declared(Ecosystem::Swift, path, line, &name, version);
        if let (true, Some(commit)) = (version.is_empty(), state.text("revision")) {
            package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// `github.com/a/b` of `https://github.com/a/b.git`, `ssh://git@github.com/a/b` and `git@github.com:a/b`.
fn place(address: &str) -> String {
    let (scheme, behind) = address.split_once("://").map_or((false, address), |(_, behind)| (true, behind));
    let behind = behind.split_once('@').map_or(behind, |(_, behind)| behind);
    let behind = behind.strip_suffix('/').unwrap_or(behind);
    let behind = behind.strip_suffix(".git").unwrap_or(behind);
    // The form of scp(1) has a colon where others have the first slash.
    if scheme { behind.to_owned() } else { behind.replacen(':', "/", 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version() {
        let fixture = |bytes: &[u8], expected: &[&str], problems| {
            let found = parse(&"Package.resolved".into(), bytes);
            crate::lang::expect(&found, expected, problems);
            found
        };
        fixture(
            include_bytes!("../../fixtures/lang/swift_resolved/v1.resolved"),
            &[
                "github.com/apple/swift-nio-http2@1.27.0 5 Unknown Runtime",
                "github.com/a/branch@ 14 Unknown Runtime",
            ],
            0,
        );
        let found = fixture(
            include_bytes!("../../fixtures/lang/swift_resolved/v3.resolved"),
            &["github.com/vapor/vapor@4.90.0 4 Unknown Runtime", "mona.LinkedList@1.2.0 13 Unknown Runtime"],
            0,
        );
        assert!(found.packages.iter().all(|package| package.properties.is_empty()));
        fixture(
            include_bytes!("../../fixtures/lang/swift_resolved/bad.resolved"),
            &["github.com/a/b@1.0.0 2 Unknown Runtime"],
            2,
        );
        fixture(br#"{"version": 4, "pins": []}"#, &[], 1);
        fixture(b"{}", &[], 0);
        fixture(b"[]", &[], 0);
        assert_eq!(place("ssh://git@github.com/a/b.git/"), "github.com/a/b");
        assert_eq!(place("git@github.com:a/b"), "github.com/a/b");
    }
}
