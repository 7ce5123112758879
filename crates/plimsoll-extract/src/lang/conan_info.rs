//! Packages in the cache of Conan 1: `.conan/data/NAME/VERSION/USER/CHANNEL/package/ID/conaninfo.txt`.
//!
//! The folder names the package; the file is looked at to see that it is one. Conan 2 keeps names in a database only: `conan_cache`.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Packages that Conan 1 built or downloaded.
pub static CONAN_INFO: Extractor = Extractor {
    name: "lang/conan_info",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"conaninfo.txt" && place(entry.path).is_some()
}

/// Name, version, user and channel.
fn place(path: &ImagePath) -> Option<[&str; 4]> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut parts = text.rsplit('/').skip(2);
    let marker = parts.next()?;
    let (channel, user, version, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (marker == "package" && is_plain(name) && !version.is_empty()).then_some([name, version, user, channel])
}

/// Reads one package's information.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    if !text
        .lines()
        .any(|line| matches!(line.trim(), "[settings]" | "[full_settings]" | "[options]" | "[recipe_hash]"))
    {
        return Extraction::problem(Problem::corrupt(path, "no information of a package: it has no section"));
    }
    let Some([name, version, user, channel]) = place(path) else { return Extraction::default() };
    let mut package = Package::new(Ecosystem::Conan, name, version, Location::new(path.clone()));
    if user != "_" {
        package.properties.insert("user".into(), user.to_owned());
        package.properties.insert("channel".into(), channel.to_owned());
    }
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package() {
        let path = ImagePath::from("root/.conan/data/jasper/2.0.24/_/_/package/5ab84d6a/conaninfo.txt");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let good = include_bytes!("../../fixtures/lang/conan_info/conaninfo.txt");
        crate::lang::expect(&parse(&path, good), &["jasper@2.0.24 0 Unknown Runtime"], 0);
        crate::lang::expect(&parse(&"conaninfo.txt".into(), good), &[], 0);
        let bad = include_bytes!("../../fixtures/lang/conan_info/bad.txt");
        crate::lang::expect(&parse(&path, bad), &[], 1);
    }
}
