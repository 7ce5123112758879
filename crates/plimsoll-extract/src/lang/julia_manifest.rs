//! Julia's `Manifest.toml`, formats 1 and 2.
//!
//! Tables are read line by line, so that a broken one costs no other. Packages of the standard library have Julia's own version where
//! none is stated. Folders of the project (`path`) are left out. Two packages may have one name: the `uuid` tells them apart.
//!
//! Format: pkgdocs.julialang.org, "Manifest.toml".

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Package, Problem, ProblemKind};

use super::npm::VCS_URL;
use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Julia's lockfile.
pub static JULIA_MANIFEST: Extractor = Extractor {
    name: "lang/julia_manifest",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    let name = name.strip_prefix(b"Julia").unwrap_or(name);
    name == b"Manifest.toml" || (name.starts_with(b"Manifest-v") && name.ends_with(b".toml"))
}

#[derive(Default)]
struct Table<'a> {
    name: &'a str,
    line: u32,
    uuid: &'a str,
    version: &'a str,
    tree: &'a str,
    address: &'a str,
    local: bool,
}

/// Reads a manifest. A broken line costs no other table.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut tables: Vec<Table<'_>> = Vec::new();
    // Are the lines those of the last table, of the head, or of a part that is not read?
    let (mut in_table, mut in_head) = (false, true);
    let mut julia = "";
    for (raw, number) in text.lines().zip(1_u32..) {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            let name = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"));
            (in_head, in_table) = (false, name.is_some());
            if let Some(name) = name {
                if tables.len() >= MOST_PACKAGES {
                    problems.push(too_many(path, number));
                    break;
                }
                let name = name.strip_prefix("deps.").unwrap_or(name).trim_matches('"');
                tables.push(Table { name, line: number, ..Table::default() });
            } else if !line.ends_with(']') {
                problems.line(number, "the heading of a table has no end");
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            problems.line(number, "no key and value");
            continue;
        };
        let value = value.trim();
        let text = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
        match (key.trim(), tables.last_mut().filter(|_| in_table)) {
            ("julia_version", None) if in_head => julia = text,
            ("manifest_format", None) if in_head && !matches!(text.split('.').next(), Some("1" | "2")) => {
                let detail = "has a newer format than version 2: packages may be missing";
                problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
            }
            ("uuid", Some(table)) => table.uuid = text,
            ("version", Some(table)) => table.version = text,
            ("git-tree-sha1", Some(table)) => table.tree = text,
            ("repo-url", Some(table)) => table.address = text,
            ("path", Some(table)) => table.local = true,
            _ => {}
        }
    }
    let mut packages = Vec::new();
    for table in &tables {
        if !is_plain(table.name) || table.uuid.is_empty() {
            problems.line(table.line, "a package without name or `uuid`");
        } else if !table.local {
            packages.push(package(path, table, julia));
        }
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

fn package(path: &ImagePath, table: &Table<'_>, julia: &str) -> Package {
    let is_own = table.version.is_empty() && table.tree.is_empty();
    let version = if is_own { julia } else { table.version };
    let mut package = declared(Ecosystem::Julia, path, table.line, table.name, version);
    package.properties.insert("uuid".into(), table.uuid.to_ascii_lowercase());
    if table.address.is_empty() {
        package.digests.extend(Digest::parse(&format!("sha1:{}", table.tree)));
    } else {
        package.properties.insert(VCS_URL.into(), format!("{}#{}", table.address, table.tree));
    }
    package
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats() {
        let check = |bytes: &[u8], expected: &[&str], problems| {
            let found = parse(&"Manifest.toml".into(), bytes);
            crate::lang::expect(&found, expected, problems);
            found
        };
        let found = check(
            include_bytes!("../../fixtures/lang/julia_manifest/Manifest.toml"),
            &[
                "Dates@1.9.0 7 Unknown Runtime",
                "HTTP@1.10.16 11 Unknown Runtime",
                "Forked@0.2.0 20 Unknown Runtime",
            ],
            0,
        );
        assert_eq!(found.packages[1].properties["uuid"], "cd3eb016-35fb-5094-929b-558a96fad6f3");
        assert_eq!(found.packages[2].properties["vcs_url"], "https://example.org/F.jl#0a1b2c3d");
        check(
            include_bytes!("../../fixtures/lang/julia_manifest/v1.toml"),
            &["Dates@ 3 Unknown Runtime", "JSON@0.21.4 7 Unknown Runtime"],
            0,
        );
        check(
            include_bytes!("../../fixtures/lang/julia_manifest/bad.toml"),
            &["A@1.0.0 1 Unknown Runtime"],
            2,
        );
        check(b"manifest_format = \"3.0\"\n", &[], 1);
        check(b"# empty\n", &[], 0);
    }
}
