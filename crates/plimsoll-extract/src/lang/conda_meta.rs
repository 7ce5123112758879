//! Installed conda packages: `conda-meta/NAME-VERSION-BUILD.json` of an environment.
//!
//! The record names the package's files, so that a Python distribution that conda installed is linked to its conda package. What a
//! person asked for has a `requested_spec`.
//!
//! Format: docs.conda.io, "conda-meta"; conda `PrefixRecord`.

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Location, Package, Problem, ProblemKind, Relation};

use super::is_plain;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Ownership, Reader};

/// Installed conda packages.
pub static CONDA_META: Extractor = Extractor {
    name: "lang/conda_meta",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// Paths of one package that are kept.
const MOST_PATHS: usize = 100_000;

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name().ends_with(b".json")
        && entry
            .path
            .parent()
            .is_some_and(|folder| folder == b"conda-meta" || folder.ends_with(b"/conda-meta"))
}

/// Reads one record.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    let (Some(name), Some(version)) =
        (root.text("name").filter(|name| is_plain(name)), root.get("version").and_then(Node::as_written))
    else {
        if problems.is_empty() {
            problems.push(Problem::corrupt(path, "no `name` or no `version`"));
        }
        return Extraction { problems: problems.finish(), ..Extraction::default() };
    };
    let mut package = Package::new(Ecosystem::Conda, name, version, Location::new(path.clone()));
    package.licenses.extend(root.text("license").map(str::to_owned));
    package.relation = match root.get("requested_spec").or_else(|| root.get("requested_specs")) {
        Some(spec) if spec.as_text().is_some_and(|spec| !matches!(spec, "" | "None")) => Relation::Direct,
        Some(specs) if !specs.items().is_empty() => Relation::Direct,
        _ => Relation::Unknown,
    };
    let sum = root.text("sha256").and_then(|sum| Digest::parse(&format!("sha256:{sum}")).ok());
    package.digests.extend(sum);
    let subdir = root.text("subdir").unwrap_or_default();
    for (key, value) in [
        ("build", root.text("build").or_else(|| root.text("build_string")).unwrap_or_default()),
        ("channel", channel(root.text("channel").unwrap_or_default(), subdir)),
        ("subdir", subdir),
    ] {
        if !value.is_empty() {
            package.properties.insert(key.into(), value.to_owned());
        }
    }
    let paths = paths(path, root);
    if paths.len() == MOST_PATHS {
        let detail = format!("names more than {MOST_PATHS} files; some owners stay unknown");
        problems.push(Problem::note(ProblemKind::LimitExceeded, path, detail));
    }
    let ownership =
        Ownership { ecosystem: Ecosystem::Conda, package: name.to_owned(), architecture: None, paths };
    Extraction {
        packages: vec![package],
        ownership: vec![ownership],
        problems: problems.finish(),
        ..Extraction::default()
    }
}

/// The last part of an address: `https://repo.anaconda.com/pkgs/main/linux-64` is `main`.
fn channel<'a>(address: &'a str, subdir: &str) -> &'a str {
    let address = address.trim_end_matches('/');
    let address = address.strip_suffix(subdir).filter(|_| !subdir.is_empty()).unwrap_or(address);
    address.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The files, which the record names from the environment's own folder on. Only those that describe a package of a
/// language are asked for later, so the rest is not kept.
fn paths(path: &ImagePath, root: &Node<'_>) -> Vec<ImagePath> {
    let folder = path.parent().unwrap_or_default();
    let prefix = folder.strip_suffix(b"conda-meta").unwrap_or_default();
    root.get("files")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::as_text)
        .filter(|file| file.len() <= 4096 && is_description(file))
        .take(MOST_PATHS)
        .map(|file| ImagePath::new(&[prefix, file.as_bytes()].concat()))
        .collect()
}

fn is_description(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    matches!(name, "METADATA" | "PKG-INFO" | "package.json" | "DESCRIPTION")
        || name.ends_with(".egg-info")
        || name.ends_with(".gemspec")
        || name.ends_with(".jar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record() {
        let path = ImagePath::from("opt/conda/conda-meta/requests-2.28.1-py39h06a4308_0.json");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(
            &path,
            include_bytes!("../../fixtures/lang/conda_meta/requests-2.28.1-py39h06a4308_0.json"),
        );
        crate::lang::expect(&found, &["requests@2.28.1 0 Direct Runtime"], 0);
        let purl = plimsoll_model::purl::of_package(&found.packages[0], None);
        assert_eq!(purl, "pkg:conda/requests@2.28.1?build=py39h06a4308_0&channel=main&subdir=linux-64");
        assert_eq!(
            found.ownership[0].paths,
            ["opt/conda/lib/python3.9/site-packages/requests-2.28.1.dist-info/METADATA".into()]
        );
        let bad = include_bytes!("../../fixtures/lang/conda_meta/bad.json");
        crate::lang::expect(&parse(&path, bad), &["a@1.0 0 Unknown Runtime"], 1);
        crate::lang::expect(&parse(&path, b"{}"), &[], 1);
        assert_eq!(channel("conda-forge", "linux-64"), "conda-forge");
        assert_eq!(channel("https://conda.anaconda.org/conda-forge/noarch", "noarch"), "conda-forge");
    }
}
