//! Composer's `composer.lock`.
//!
//! Format: getcomposer.org, "Basic usage", and `Composer\Package\Locker`. Which packages the project names itself stands in
//! `composer.json`.

use plimsoll_fs::Entry;
use plimsoll_model::{Algorithm, Digest, Ecosystem, ImagePath, Location, Package, Presence, Problem, Scope};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use crate::{Extraction, Extractor, Reader};

/// Composer's lockfile.
pub static COMPOSER_LOCK: Extractor = Extractor {
    name: "lang/composer_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"composer.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let mut problems = document.problems(path);
    if problems.is_empty() && root.get("packages").is_none() && root.get("packages-dev").is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `packages`"));
    }
    let mut packages = Vec::new();
    for (list, scope) in [("packages", Scope::Runtime), ("packages-dev", Scope::Development)] {
        for node in root.get(list).map_or(&[][..], Node::items) {
            let Some(mut package) = package(path, node) else { continue };
            package.scope = scope;
            package.presence = Presence::Declared;
            packages.push(package);
        }
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

/// One package as Composer writes it, in its lock and in its record of what is installed.
pub(crate) fn package(path: &ImagePath, node: &Node<'_>) -> Option<Package> {
    let name = node.get("name")?;
    let text = name.as_text().filter(|text| is_name(text))?;
    let version = node.text("version")?;
    let dist = node.get("dist");
    if dist.and_then(|dist| dist.text("type")) == Some("path") {
        return None;
    }
    let mut package =
        Package::new(Ecosystem::Packagist, text, version, Location::at_line(path.clone(), name.line));
    package.licenses = match node.get("license") {
        Some(license) => license
            .as_text()
            .into_iter()
            .chain(license.items().iter().filter_map(Node::as_text))
            .take(16)
            .map(str::to_owned)
            .collect(),
        None => Vec::new(),
    };
    if let Some(sum) = dist.and_then(|dist| dist.text("shasum"))
        && let Ok(digest) = Digest::parse(&format!("{}:{sum}", Algorithm::Sha1.name()))
    {
        package.digests.push(digest);
    }
    // A branch has no version of its own: what is there is told by the commit.
    if version.starts_with("dev-") || version.ends_with("-dev") {
        let source = node.get("source");
        if let Some((address, commit)) =
            source.and_then(|source| source.text("url").zip(source.text("reference")))
        {
            package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
        }
    }
    Some(package)
}

/// `vendor/name`, as Composer's schema has it; case is Packagist's affair.
fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    name.len() <= 256 && name.split_once('/').is_some_and(|(vendor, name)| plain(vendor) && plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) -> Extraction {
        let extraction = parse(&"composer.lock".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
        extraction
    }

    #[test]
    fn lockfile() {
        let extraction = check(
            include_str!("../../fixtures/lang/composer_lock/composer.lock"),
            &[
                "acme/left@v1.0.0 5 Unknown Runtime",
                "acme/branch@dev-main 11 Unknown Runtime",
                "acme/test@2.0.0 22 Unknown Development",
            ],
            0,
        );
        assert_eq!(extraction.packages[0].licenses, ["MIT", "GPL-2.0-only"]);
        assert_eq!(extraction.packages[0].digests.len(), 1);
        assert_eq!(extraction.packages[1].properties["vcs_url"], "https://example.org/branch.git#0a1b2c");
        check(
            include_str!("../../fixtures/lang/composer_lock/bad.lock"),
            &["acme/left@1.0.0 2 Unknown Runtime"],
            1,
        );
        check("", &[], 1);
        check("{}", &[], 1);
    }
}
