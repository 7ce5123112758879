//! Installed Lua rocks: `rocks-5.3/NAME/VERSION/NAME-VERSION.rockspec` of a LuaRocks tree.
//!
//! A rockspec is a Lua program: the folder names the rock, and the file is looked at to see that it is one.
//!
//! Format: luarocks.org, "Rockspec format".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed Lua rocks.
pub static LUAROCKS: Extractor = Extractor {
    name: "lang/luarocks",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| place(entry.path).is_some(),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// Name and version.
fn place(path: &ImagePath) -> Option<(&str, &str)> {
    if !path.as_bytes().ends_with(b".rockspec") {
        return None;
    }
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut parts = text.rsplit('/');
    let file = parts.next()?.strip_suffix(".rockspec")?;
    let (version, name, tree) = (parts.next()?, parts.next()?, parts.next()?);
    let is_named = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')) == Some(version);
    (is_named && tree.starts_with("rocks") && is_plain(name) && is_plain(version)).then_some((name, version))
}

/// Reads one rockspec.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let field = |wanted: &str| {
        text.lines().find_map(|line| {
            let value = line.trim_start().strip_prefix(wanted)?.trim_start().strip_prefix('=')?;
            Some(value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']))
        })
    };
    if field("package").is_none() {
        return Extraction::problem(Problem::corrupt(path, "no rockspec: it names no `package`"));
    }
    let Some((name, version)) = place(path) else { return Extraction::default() };
    let mut package = Package::new(Ecosystem::LuaRocks, name, version, Location::new(path.clone()));
    package.licenses.extend(field("license").filter(|text| !text.is_empty()).map(str::to_owned));
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rock() {
        let path =
            ImagePath::from("usr/local/lib/luarocks/rocks-5.1/lua-cjson/2.1.0-1/lua-cjson-2.1.0-1.rockspec");
        assert!((LUAROCKS.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let good = include_bytes!("../../fixtures/lang/luarocks/good.rockspec");
        let found = parse(&path, good);
        crate::lang::expect(&found, &["lua-cjson@2.1.0-1 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].licenses, ["MIT"]);
        // A project's own rockspec is not installed.
        assert!(place(&"srv/lua-cjson/lua-cjson-2.1.0-1.rockspec".into()).is_none());
        let bad = include_bytes!("../../fixtures/lang/luarocks/bad.rockspec");
        crate::lang::expect(&parse(&path, bad), &[], 1);
    }
}
