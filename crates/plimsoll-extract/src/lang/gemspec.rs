//! Installed Ruby gems: `specifications/NAME-VERSION.gemspec`, and those that come with Ruby in `specifications/default/`.
//!
//! RubyGems writes these files itself, with plain texts (`Gem::Specification#to_ruby`); they are read, never evaluated.
//! Where a text is computed (packagers copy hand-written ones), the stub line (`# stub: name version platform paths`)
//! and then the file's name say the same.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::tree;
use crate::{Extraction, Extractor, Reader};

/// Installed gems.
pub static GEMSPEC: Extractor = Extractor {
    name: "lang/gemspec",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    if !entry.path.file_name().ends_with(b".gemspec") {
        return false;
    }
    let Some(folder) = entry.path.parent() else { return false };
    let folder = folder.strip_suffix(b"/default").unwrap_or(folder);
    folder == b"specifications" || folder.ends_with(b"/specifications")
}

/// Reads one specification.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    if !text.contains("Gem::Specification") {
        return Extraction::problem(Problem::corrupt(
            path,
            "no gem specification: it has no `Gem::Specification`",
        ));
    }
    let mut stub = None;
    let (mut name, mut version, mut licenses) = (None, None, Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# stub: ") {
            stub = stub.or(rest.split_once(' '));
            continue;
        }
        let Some((field, value)) = assignment(line) else { continue };
        match field {
            "name" => name = name.or_else(|| quoted(value).next()),
            "version" => version = version.or_else(|| quoted(value).next()),
            "license" | "licenses" if licenses.is_empty() => licenses = quoted(value).take(16).collect(),
            _ => {}
        }
    }
    let stub = stub.and_then(|(name, rest)| Some((name, rest.split(' ').next()?)));
    let file = std::str::from_utf8(path.file_name()).unwrap_or_default();
    let file = file.strip_suffix(".gemspec").and_then(by_file_name);
    let name = name.or(stub.map(|(name, _)| name)).or(file.map(|(name, _)| name));
    let version = version.or(stub.map(|(_, version)| version)).or(file.map(|(_, version)| version));
    let (Some(name), Some(version)) =
        (name.filter(|name| is_name(name)), version.filter(|version| is_version(version)))
    else {
        return Extraction::problem(Problem::corrupt(path, "the gem's name or version cannot be read"));
    };
    let mut package = Package::new(Ecosystem::RubyGems, name, version, Location::new(path.clone()));
    package.licenses = licenses.into_iter().map(str::to_owned).collect();
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// `  s.field = value`, whatever the receiver is called.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (left, value) = line.split_once('=')?;
    let (receiver, field) = left.trim().split_once('.')?;
    let plain =
        !receiver.is_empty() && receiver.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain.then_some((field, value.trim()))
}

/// The texts in quotes of a line that holds no computed value.
fn quoted(value: &str) -> impl Iterator<Item = &str> {
    let literal = value.starts_with(['"', '\'', '[']) || value.starts_with("Gem::Version.new(");
    let mut rest = if literal && !value.contains("#{") { value } else { "" };
    std::iter::from_fn(move || {
        let start = rest.find(['"', '\''])?;
        let quote = &rest[start..=start];
        let (text, behind) = rest[start + 1..].split_once(quote)?;
        rest = behind;
        Some(text)
    })
}

/// `name-1.0.0` or `name-1.0.0-platform`; names have hyphens too, so that the version is what begins with a digit.
fn by_file_name(stem: &str) -> Option<(&str, &str)> {
    let at = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| is_version(stem[at + 1..].split('-').next().unwrap_or("")))?;
    Some((&stem[..at], stem[at + 1..].split('-').next()?))
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 256
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// RubyGems, `Gem::Version::VERSION_PATTERN`, first letter only: what follows is for the order to judge.
fn is_version(version: &str) -> bool {
    version.starts_with(|first: char| first.is_ascii_digit()) && !version.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: Option<(&str, &str, &[&str])>) {
        let extraction = parse(&path.into(), text.as_bytes());
        let found = extraction.packages.first().map(|package| {
            let licenses: Vec<&str> = package.licenses.iter().map(String::as_str).collect();
            (package.name.as_str(), package.version.as_str(), licenses)
        });
        assert_eq!(
            found,
            expected.map(|(name, version, licenses)| (name, version, licenses.to_vec())),
            "{text}"
        );
        assert_eq!(extraction.problems.is_empty(), expected.is_some());
    }

    #[test]
    fn specifications() {
        let path = "usr/lib/ruby/gems/3.1.0/specifications/left-pad-1.0.0.gemspec";
        let generated = include_str!("../../fixtures/lang/gemspec/left-pad-1.0.0-x86_64-linux.gemspec");
        check(path, generated, Some(("left-pad", "1.0.0", &["MIT", "Ruby"])));
        check(path, include_str!("../../fixtures/lang/gemspec/bad.gemspec"), None);
        check(path, "", None);
        let computed = "Gem::Specification.new do |gem|\n  gem.name = NAME\n  gem.version = \"#{MAJOR}.0\"\n";
        check(path, computed, Some(("left-pad", "1.0.0", &[])));
        check(path, &format!("# stub: other 2.0 ruby lib\n{computed}"), Some(("other", "2.0", &[])));
        let old = "Gem::Specification.new do |s|\n  s.name = %q{a}\n  s.version = Gem::Version.new('3.0')\n";
        check("specifications/a-2.gemspec", old, Some(("a", "3.0", &[])));
        check("specifications/a.gemspec", computed, None);
    }

    #[test]
    fn wanted_paths() {
        for (path, expected) in [
            ("usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec", true),
            ("usr/lib/ruby/gems/3.1.0/specifications/default/a-1.gemspec", true),
            ("app/a.gemspec", false),
            ("usr/lib/ruby/gems/3.1.0/gems/a-1/a.gemspec", false),
        ] {
            assert_eq!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), expected, "{path}");
        }
    }
}
