//! Programs and libraries that nobody installed with a package manager, known by what stands in their bytes.
//!
//! One product, one row: the file names it goes by, and what is looked for in such a file. A file with another name is
//! not searched, so all other programs cost nothing. What the product is called elsewhere, and who can be asked about it,
//! stands in `plimsoll_model::product`.
//!
//! A version that was found this way is what upstream wrote into the program. Distributions mend flaws without changing it: a
//! file that a package of theirs owns is linked to that package, and the package's own version decides.

use std::sync::OnceLock;

use plimsoll_model::product::Product;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package};
use regex::bytes::Regex;

/// How one product is recognised.
pub struct Rule {
    /// Name in the table of products.
    pub product: &'static str,
    /// File names: `*` stands for anything, `#` for a run of digits and dots (`python#`, `libssl.so*`).
    pub files: &'static [&'static str],
    /// What to look for. `<V>` stands for two to four numbers and what may follow them, and is the capture; the first
    /// place that fits counts. Bytes, not characters.
    pub pattern: &'static str,
}

/// Two to four numbers, and a word for what is not released yet.
const VERSION: &str = r"([0-9]{1,4}(?:\.[0-9]{1,4}){1,3}(?:[-.]?(?:alpha|beta|pre|rc|dev)[-.]?[0-9]{0,3})?)";

include!("products_table.rs");

/// The rules for a file of this name, by number.
pub(super) fn rules_for(path: &ImagePath) -> Vec<usize> {
    let name = path.file_name();
    let mut found: Vec<usize> = Vec::new();
    for (index, rule) in RULES.iter().enumerate() {
        if rule.files.iter().any(|pattern| fits(pattern.as_bytes(), name)) {
            found.push(index);
        }
    }
    found
}

/// Would both names be looked at in the same way?
pub(super) fn same_rules(first: &ImagePath, second: &ImagePath) -> bool {
    first.file_name() == second.file_name() || rules_for(first) == rules_for(second)
}

/// Does the name fit the pattern? Linear: patterns have one `*` or one `#` at most, which a test holds.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let Some(at) = pattern.iter().position(|byte| matches!(byte, b'*' | b'#')) else {
        return pattern == name;
    };
    let (start, end) = (&pattern[..at], &pattern[at + 1..]);
    let Some(middle) = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)) else { return false };
    pattern[at] == b'*' || middle.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// The pattern of one rule, compiled when the first file asks for it.
fn compiled(index: usize) -> Option<&'static Regex> {
    static COMPILED: [OnceLock<Option<Regex>>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];
    COMPILED[index]
        .get_or_init(|| {
            let pattern = RULES[index].pattern.replace("<V>", VERSION);
            // A test compiles every row.
            regex::bytes::RegexBuilder::new(&pattern).unicode(false).build().ok()
        })
        .as_ref()
}

/// A rule that has found nothing yet.
pub(super) struct Search {
    rule: usize,
    version: Option<String>,
}

/// What is looked for in one file.
#[derive(Default)]
pub(super) struct Searches(Vec<Search>);

impl Searches {
    /// For a file of this name.
    pub(super) fn of(path: &ImagePath) -> Self {
        Searches(rules_for(path).into_iter().map(|rule| Search { rule, version: None }).collect())
    }

    /// Looks for places that start before `stop`; behind it are bytes that come again.
    pub(super) fn look(&mut self, buffer: &[u8], stop: usize) {
        for search in self.0.iter_mut().filter(|search| search.version.is_none()) {
            let Some(regex) = compiled(search.rule) else { continue };
            let Some(captures) = regex.captures(buffer) else { continue };
            if captures.get(0).is_some_and(|whole| whole.start() < stop)
                && let Some(version) = captures.iter().skip(1).flatten().next()
            {
                search.version = String::from_utf8(version.as_bytes().to_vec()).ok();
            }
        }
    }

    /// The products that were found.
    pub(super) fn finish(self, path: &ImagePath) -> Vec<Package> {
        let mut found: Vec<Package> = Vec::new();
        for search in self.0 {
            let Some(version) = search.version else { continue };
            let name = RULES[search.rule].product;
            // Several rows may speak of one product: the first that found something counts.
            if found.iter().all(|package| package.name != name) {
                found.push(package(name, &version, path));
            }
        }
        found
    }
}

/// A product as a package.
pub(super) fn package(name: &str, version: &str, path: &ImagePath) -> Package {
    let mut package = Package::new(Ecosystem::Generic, name, version, Location::new(path.clone()));
    package.properties.insert("identity".into(), "file".into());
    if let Some(product) = Product::named(name).filter(|product| !product.cpe.is_empty()) {
        package.properties.insert("cpe".into(), format!("cpe:2.3:a:{}:{version}:*:*:*:*:*:*:*", product.cpe));
    }
    package
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_sound() {
        let mut products = BTreeSet::new();
        for (index, rule) in RULES.iter().enumerate() {
            assert!(compiled(index).is_some(), "{}: {}", rule.product, rule.pattern);
            assert!(
                Product::named(rule.product).is_some(),
                "{} is not in the table of products",
                rule.product
            );
            assert!(!rule.files.is_empty());
            for file in rule.files {
                let stars = file.bytes().filter(|byte| matches!(byte, b'*' | b'#')).count();
                assert!(stars <= 1, "{file}");
            }
            products.insert(rule.product);
        }
        assert!(products.len() >= 60, "{}", products.len());
    }

    #[test]
    fn names() {
        for (pattern, name, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx-debug", false),
            ("python#", "python3.11", true),
            ("python#", "python", true),
            ("python#", "python3-config", false),
            ("libssl.so*", "libssl.so.1.1", true),
            ("libssl.so*", "libssl3.so", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
