//! NuGet's `packages.lock.json`, versions 1 and 2.
//!
//! Format: learn.microsoft.com, "PackageReference in project files", "Locking dependencies". A package stands once for
//! each framework. `contentHash` leaves a package's signature out and so is no digest of the file that was fetched.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence, Problem, ProblemKind, Relation};

use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// NuGet's lockfile.
pub static NUGET_LOCK: Extractor = Extractor {
    name: "lang/nuget_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name == b"packages.lock.json" || (name.starts_with(b"packages.") && name.ends_with(b".lock.json"))
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    let version = root.get("version").and_then(Node::as_written);
    if document.breaks.is_empty() && !matches!(version, Some("1" | "2")) {
        let detail = format!(
            "lockfile version `{}` is not known; it was read as version 2",
            super::short(version.unwrap_or_default())
        );
        problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
    }
    let frameworks = root.get("dependencies").map_or(&[][..], Node::entries);
    for (name, node) in frameworks.iter().flat_map(|(_, packages)| packages.entries()) {
        let relation = match node.text("type") {
            Some("Direct") => Relation::Direct,
            Some("Transitive" | "CentralTransitive") => Relation::Transitive,
            Some("Project") => continue,
            _ => Relation::Unknown,
        };
        let Some(version) = node.text("resolved").filter(|_| !name.is_empty()) else {
            if document.breaks.is_empty() {
                problems.line(node.line, "a package without `resolved`");
            }
            continue;
        };
        let location = Location::at_line(path.clone(), node.line);
        let mut package = Package::new(Ecosystem::NuGet, name.as_ref(), version, location);
        package.presence = Presence::Declared;
        package.relation = relation;
        extraction.packages.push(package);
    }
    extraction.problems = problems.finish();
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&"packages.lock.json".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn lockfile() {
        check(
            include_str!("../../fixtures/lang/nuget_lock/packages.lock.json"),
            &[
                "Left.Pad@1.0.0 5 Direct Runtime",
                "Deep@2.0.0 6 Transitive Runtime",
                "Left.Pad@1.0.0 10 Direct Runtime",
            ],
            0,
        );
        check(
            include_str!("../../fixtures/lang/nuget_lock/bad.json"),
            &["Left.Pad@1.0.0 2 Direct Runtime"],
            1,
        );
        check("{\"version\": 1, \"dependencies\": {\"net8.0\": {\"A\": {\"type\": \"Direct\"}}}}", &[], 1);
        check("{\"version\": 9}", &[], 1);
        check("", &[], 1);
    }
}
