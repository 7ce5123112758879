//! PEAR and PECL: `.registry/NAME.reg` and `.registry/.channel.HOST/NAME.reg`.
//!
//! Format: PEAR's `Registry.php`: an array as PHP's `serialize` writes it. It is read without recursion and without trust in its lengths;
//! objects and references, which PEAR does not write, end the reading.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{is_plain, short};
use crate::{Extraction, Extractor, Reader};

/// Packages of PEAR and PECL.
pub static PEAR: Extractor = Extractor {
    name: "lang/pear",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        entry.path.file_name().ends_with(b".reg")
            && entry.path.parent().is_some_and(|folder| {
                let folder = folder.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                folder == b".registry" || folder.starts_with(b".channel.")
            })
    },
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// Arrays in arrays. PEAR's own have some ten.
const MAX_DEPTH: usize = 64;

const PEAR_CHANNEL: &str = "pear.php.net";
const PECL_CHANNEL: &str = "pecl.php.net";

/// One value: the keys above it, and its text where it is one.
type Seen<'v, 'a> = &'v mut dyn FnMut(&[&'a [u8]], &'a [u8]);

/// Bytes up to that one, and what is behind it.
fn until(bytes: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(end, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn number(bytes: &[u8]) -> Option<usize> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Goes through a serialised array; `seen` hears every text value. `None` where it breaks.
fn walk<'a>(mut rest: &'a [u8], seen: Seen<'_, 'a>) -> Option<()> {
    // Values that are left in each open array; keys of the open arrays; is a key awaited?
    let mut open: Vec<usize> = Vec::new();
    let mut keys: Vec<&'a [u8]> = Vec::new();
    let mut awaits_key = false;
    loop {
        while open.last() == Some(&0) {
            rest = rest.strip_prefix(b"}")?;
            open.pop();
            keys.pop();
            if open.is_empty() {
                return Some(());
            }
            *open.last_mut()? -= 1;
            awaits_key = true;
        }
        let (kind, behind) = rest.split_at_checked(2)?;
        let value: &'a [u8] = match kind {
            b"s:" => {
                let (length, behind) = until(behind, b':')?;
                let text = behind.strip_prefix(b"\"")?;
                let (text, behind) = text.split_at_checked(number(length)?)?;
                rest = behind.strip_prefix(b"\";")?;
                text
            }
            b"i:" | b"b:" | b"d:" => {
                let (text, behind) = until(behind, b';')?;
                rest = behind;
                text
            }
            b"N;" if !awaits_key => {
                rest = behind;
                b""
            }
            b"a:" if !awaits_key => {
                if open.len() >= MAX_DEPTH {
                    return None;
                }
                let (count, behind) = until(behind, b':')?;
                rest = behind.strip_prefix(b"{")?;
                open.push(number(count)?);
                // Stands for the key that is to come.
                keys.push(b"");
                awaits_key = true;
                continue;
            }
            _ => return None,
        };
        let left = open.last_mut()?;
        if awaits_key {
            *keys.last_mut()? = value;
            awaits_key = false;
        } else {
            *left -= 1;
            awaits_key = true;
            if kind == b"s:" {
                seen(&keys, value);
            }
        }
    }
}

/// Reads the record of one package.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let (mut name, mut channel, mut version, mut license) = (None, None, None, None);
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).ok().filter(|text| is_plain(text));
    let whole = walk(bytes, &mut |keys, value| match keys {
        [b"name" | b"package"] if name.is_none() => name = text(value),
        [b"channel"] => channel = text(value),
        [b"version"] | [b"version", b"release"] if version.is_none() => version = text(value),
        [b"license" | b"release_license"] | [b"license", b"_content"] => {
            license = Some(short(&String::from_utf8_lossy(value)).trim().to_owned());
        }
        _ => {}
    });
    let mut problems = Vec::new();
    if whole.is_none() {
        problems.push(Problem::corrupt(path, "is not what PHP's `serialize` writes, or is cut off"));
    }
    let mut packages = Vec::new();
    match (name, version) {
        (Some(name), Some(version)) => {
            let (ecosystem, name) = match channel.as_deref() {
                Some(PECL_CHANNEL) => (Ecosystem::Pecl, name),
                None | Some(PEAR_CHANNEL) => (Ecosystem::Pear, name),
                Some(other) => (Ecosystem::Pear, format!("{other}/{name}")),
            };
            let mut package = Package::new(ecosystem, name, version, Location::new(path.clone()));
            package.licenses.extend(license.filter(|license| !license.is_empty()));
            packages.push(package);
        }
        _ if problems.is_empty() => problems.push(Problem::corrupt(path, "no `name` or no `version`")),
        _ => {}
    }
    Extraction { packages, problems, ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn packages() {
        let path = ImagePath::from("usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg");
        assert!((PEAR.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/pear/redis.reg"));
        expect(&found, &["redis@5.3.7 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].ecosystem, Ecosystem::Pecl);
        assert_eq!(found.packages[0].licenses, ["PHP"]);
        let found = parse(&path, include_bytes!("../../fixtures/lang/pear/Archive_Tar.reg"));
        expect(&found, &["Archive_Tar@1.4.14 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].ecosystem, Ecosystem::Pear);
        let bad = parse(&path, include_bytes!("../../fixtures/lang/pear/bad.reg"));
        expect(&bad, &["redis@5.3.7 0 Unknown Runtime"], 1);
    }

    #[test]
    fn hostile_records_end() {
        let path = ImagePath::from("a/.registry/a.reg");
        let check = |text: &str| {
            let found = parse(&path, text.as_bytes());
            assert_eq!((found.packages.len(), found.problems.len()), (0, 1), "{text:.60}");
        };
        check("");
        check("a:0:{}");
        check("i:1;");
        check("s:99999999999999999999:\"a\";");
        check("s:99:\"a\";");
        check("a:99999999:{s:4:\"name\";s:1:\"a\";");
        check(&"a:1:{i:0;".repeat(100_000));
        check("a:1:{a:0:{}i:1;}");
        check("O:1:\"a\":0:{}");
        check("a:1:{s:4:\"name\";R:1;}");
        let other =
            "a:3:{s:4:\"name\";s:1:\"a\";s:7:\"channel\";s:9:\"x.example\";s:7:\"version\";s:1:\"1\";}";
        expect(&parse(&path, other.as_bytes()), &["x.example/a@1 0 Unknown Runtime"], 0);
    }
}
