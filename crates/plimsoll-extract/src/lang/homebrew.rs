//! Homebrew's packages: `Cellar/NAME/VERSION/INSTALL_RECEIPT.json`, and casks: `Caskroom/NAME/.metadata/VERSION/TIME/Casks/NAME.json` (or `.rb`).
//!
//! Name and version stand in the path: `openssl@3/3.3.1`, with `_1` behind it for a rebuild of Homebrew's own. Of a cask nothing but its path is looked
//! at: what is in the file are instructions, in older ones in Ruby. `latest` is no version.
//!
//! Format: docs.brew.sh, "Formula Cookbook", "Cask Cookbook"; Homebrew's `tab.rb` and `cask/metadata.rb`.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, Relation};

use super::is_plain;
use super::tree::{self, Node, Value};
use crate::{Extraction, Extractor, Reader};

/// Homebrew's packages.
pub static HOMEBREW: Extractor = Extractor {
    name: "lang/homebrew",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| folders(entry.path).is_some(),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// Homebrew's casks.
pub static HOMEBREW_CASK: Extractor = Extractor {
    name: "lang/homebrew_cask",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| cask(entry.path).is_some(),
    read: Reader::Stream { parse: |path, _| Ok(parse_cask(path)) },
};

/// Name and version of a cask.
fn cask(path: &ImagePath) -> Option<(&str, &str)> {
    let path = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut parts = path.rsplit('/');
    let file = parts.next()?;
    let named = file.strip_suffix(".json").or_else(|| file.strip_suffix(".rb"))?;
    // `NAME.internal.json` of newer ones is the same cask.
    let named = named.strip_suffix(".internal").unwrap_or(named);
    let (casks, _time, version) = (parts.next()?, parts.next()?, parts.next()?);
    let (metadata, name, room) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = casks == "Casks" && metadata == ".metadata" && room == "Caskroom" && named == name;
    (fits && is_plain(name) && is_plain(version)).then_some((name, version))
}

fn parse_cask(path: &ImagePath) -> Extraction {
    let Some((name, version)) = cask(path) else { return Extraction::default() };
    let version = if version == "latest" { "" } else { version };
    let mut package = Package::new(Ecosystem::Brew, name, version, Location::new(path.clone()));
    package.properties.insert("kind".into(), "cask".to_owned());
    Extraction { packages: vec![package], ..Extraction::default() }
}

fn folders(path: &ImagePath) -> Option<(&str, &str)> {
    let path = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut parts = path.strip_suffix("/INSTALL_RECEIPT.json")?.rsplit('/');
    let (version, name, cellar) = (parts.next()?, parts.next()?, parts.next()?);
    (cellar == "Cellar" && is_plain(name) && is_plain(version)).then_some((name, version))
}

/// Reads one receipt: was the package asked for, and from which tap?
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let mut problems = document.problems(path);
    let Some((name, version)) = folders(path) else {
        return Extraction::problem(Problem::corrupt(path, "the folders name no package with a version"));
    };
    if problems.is_empty() && !document.root.is_map() {
        problems.push(Problem::corrupt(path, "no receipt: it is no object"));
    }
    let mut package = Package::new(Ecosystem::Brew, name, version, Location::new(path.clone()));
    package.relation = match document.root.get("installed_on_request").map(|node| &node.value) {
        Some(Value::Bool(true)) => Relation::Direct,
        Some(Value::Bool(false)) => Relation::Transitive,
        _ => Relation::Unknown,
    };
    let tap = document.root.get("source").and_then(|source| Node::text(source, "tap"));
    package.vendor = tap.filter(|tap| is_plain(tap)).map(str::to_owned);
    Extraction { packages: vec![package], problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn casks_by_their_place() {
        for (path, expected) in [
            (
                "opt/homebrew/Caskroom/firefox/.metadata/130.0.1/20240901120000.123/Casks/firefox.json",
                "firefox@130.0.1 0 Unknown Runtime",
            ),
            (
                "usr/local/Caskroom/docker/.metadata/4.34.2,167172/2024/Casks/docker.rb",
                "docker@4.34.2,167172 0 Unknown Runtime",
            ),
            ("usr/local/Caskroom/font-x/.metadata/latest/2024/Casks/font-x.rb", "font-x@ 0 Unknown Runtime"),
        ] {
            let path = ImagePath::from(path);
            assert!((HOMEBREW_CASK.wants)(&Entry { path: &path, size: 1, mode: 0o644 }), "{path}");
            expect(&parse_cask(&path), &[expected], 0);
        }
        for path in [
            "usr/local/Caskroom/a/.metadata/1/2/Casks/b.rb",
            "srv/a/.metadata/1/2/Casks/a.rb",
            "Casks/a.rb",
            "a.rb",
        ] {
            assert!(!(HOMEBREW_CASK.wants)(&Entry { path: &path.into(), size: 1, mode: 0o644 }), "{path}");
        }
    }

    #[test]
    fn receipts() {
        let path = ImagePath::from("home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.3.1_1/INSTALL_RECEIPT.json");
        assert!((HOMEBREW.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/homebrew/INSTALL_RECEIPT.json"));
        expect(&found, &["openssl@3@3.3.1_1 0 Transitive Runtime"], 0);
        assert_eq!(found.packages[0].vendor.as_deref(), Some("homebrew/core"));
        // The package is there whatever its receipt says.
        let bad = parse(&path, include_bytes!("../../fixtures/lang/homebrew/bad.json"));
        expect(&bad, &["openssl@3@3.3.1_1 0 Unknown Runtime"], 1);
        expect(&parse(&path, b"[]"), &["openssl@3@3.3.1_1 0 Unknown Runtime"], 1);
        let other = ImagePath::from("srv/openssl/3.3.1/INSTALL_RECEIPT.json");
        assert!(!(HOMEBREW.wants)(&Entry { path: &other, size: 1, mode: 0o644 }));
    }
}
