//! Installed .NET packages: `*.deps.json` beside an application or a shared framework.
//!
//! Format: dotnet/sdk, "Runtime configuration files". Of `libraries`, those of type `package` come from NuGet, and a
//! `runtimepack` is the NuGet package with the runtime of a self-contained application. Projects and plain assembly
//! references are the application's own.

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, Relation, Scope};

use super::npm;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// Installed .NET packages.
pub static DOTNET_DEPS: Extractor = Extractor {
    name: "lang/dotnet_deps",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name().ends_with(b".deps.json")
}

/// Reads the file. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let mut extraction = Extraction::default();
    let Some(libraries) = root.get("libraries").filter(|libraries| libraries.is_map()) else {
        if problems.is_empty() {
            problems.push(Problem::corrupt(path, "it has no `libraries`"));
        }
        return Extraction { problems: problems.finish(), ..extraction };
    };
    let kind = |node: &Node<'_>| node.text("type").unwrap_or_default().to_ascii_lowercase();
    let projects: HashSet<&str> = libraries
        .entries()
        .iter()
        .filter(|(_, node)| kind(node) == "project")
        .map(|(key, _)| key.as_ref())
        .collect();
    let mut direct: HashSet<String> = HashSet::new();
    let mut only_compiled: HashSet<&str> = HashSet::new();
    let targets = root.get("targets").map_or(&[][..], Node::entries);
    for (key, node) in targets.iter().flat_map(|(_, target)| target.entries()) {
        if projects.contains(key.as_ref()) {
            let asks = node.get("dependencies").map_or(&[][..], Node::entries);
            direct.extend(
                asks.iter().filter_map(|(name, version)| Some(format!("{name}/{}", version.as_text()?))),
            );
        }
        if node.is_true("compileOnly") {
            only_compiled.insert(key);
        }
    }
    for (key, node) in libraries.entries() {
        let kind = kind(node);
        if kind != "package" && kind != "runtimepack" {
            continue;
        }
        let Some((name, version)) =
            key.split_once('/').filter(|(name, version)| !name.is_empty() && !version.is_empty())
        else {
            problems.line(node.line, "not `name/version`");
            continue;
        };
        let name = name.strip_prefix("runtimepack.").filter(|_| kind == "runtimepack").unwrap_or(name);
        let location = Location::at_line(path.clone(), node.line);
        let mut package = Package::new(Ecosystem::NuGet, name, version, location);
        if !projects.is_empty() {
            let is_direct = direct.contains(key.as_ref());
            package.relation = if is_direct { Relation::Direct } else { Relation::Transitive };
        }
        // Kept for compiling views at run time: a reference, not code that runs.
        if only_compiled.contains(key.as_ref()) {
            package.scope = Scope::Development;
        }
        package.digests = npm::integrity(node.text("sha512").unwrap_or_default());
        extraction.packages.push(package);
    }
    extraction.problems = problems.finish();
    extraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"app.deps.json".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn libraries() {
        let extraction = check(
            include_str!("../../fixtures/lang/dotnet_deps/app.deps.json"),
            &[
                "Left.Pad@1.0.0 13 Direct Runtime",
                "Deep@2.0.0-rc.1 14 Transitive Runtime",
                "View.Compiler@3.0.0 15 Direct Development",
                "Microsoft.NETCore.App.Runtime.linux-x64@8.0.1 16 Direct Runtime",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].digests.len(), 1);
        check(
            include_str!("../../fixtures/lang/dotnet_deps/bad.deps.json"),
            &["Left.Pad@1.0.0 2 Unknown Runtime"],
            2,
        );
        check("", &[], 1);
        check("{}", &[], 1);
        check("{\"libraries\": {}}", &[], 0);
    }
}
