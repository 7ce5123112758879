//! NuGet's older `packages.config`, still what .NET Framework projects have.
//!
//! Format: learn.microsoft.com, "packages.config reference". It lists everything that is installed, without saying what
//! the project names itself. A deployed web site often carries it beside its `bin`.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence, Problem, Scope};
use quick_xml::Reader as XmlReader;
use quick_xml::events::{BytesStart, Event};

use super::{Problems, tree, xml};
use crate::{Extraction, Extractor, Reader};

/// NuGet's list of packages.
pub static PACKAGES_CONFIG: Extractor = Extractor {
    name: "lang/packages_config",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    name.eq_ignore_ascii_case(b"packages.config")
        || (name.starts_with(b"packages.") && name.ends_with(b".config"))
}

/// Reads the list. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut reader = XmlReader::from_str(&text);
    let mut extraction = Extraction::default();
    let mut problems = Problems::new(path);
    let (mut line, mut counted) = (1_u32, 0);
    let mut is_list = false;
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        line +=
            u32::try_from(memchr::memchr_iter(b'\n', &text.as_bytes()[counted..start]).count()).unwrap_or(0);
        counted = start;
        let element = match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => element,
            Ok(Event::Eof) => break,
            Ok(_) => continue,
            Err(error) => {
                problems.line(line, super::short(&error.to_string()));
                break;
            }
        };
        match element.name().as_ref() {
            "packages" => is_list = true,
            "package" => {
                if let Some(package) = package(path, line, &element) {
                    extraction.packages.push(package);
                } else {
                    problems.line(line, "a package without `id` or `version`");
                }
            }
            _ => {}
        }
    }
    if !is_list && problems.is_empty() {
        problems.push(Problem::corrupt(path, "no list of packages: it has no `packages`"));
    }
    extraction.problems = problems.finish();
    extraction
}

fn package(path: &ImagePath, line: u32, element: &BytesStart<'_>) -> Option<Package> {
    let attribute = |name: &str| xml::attribute(element, name);
    let location = Location::at_line(path.clone(), line);
    let mut package = Package::new(Ecosystem::NuGet, attribute("id")?, attribute("version")?, location);
    package.presence = Presence::Declared;
    if attribute("developmentDependency").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        package.scope = Scope::Development;
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], problems: usize) {
        let extraction = parse(&"packages.config".into(), text.as_bytes());
        let found: Vec<String> = extraction.packages.iter().map(crate::lang::describe).collect();
        assert_eq!(found, expected);
        assert_eq!(extraction.problems.len(), problems, "{:?}", extraction.problems);
    }

    #[test]
    fn list() {
        check(
            include_str!("../../fixtures/lang/packages_config/packages.config"),
            &["Left.Pad@1.0.0 3 Unknown Runtime", "Analyzer@2.0.0 4 Unknown Development"],
            0,
        );
        check(
            include_str!("../../fixtures/lang/packages_config/bad.config"),
            &["Left.Pad@1.0.0 2 Unknown Runtime"],
            2,
        );
        check("<packages/>", &[], 0);
        check("", &[], 1);
        check("<a></b>", &[], 1);
    }
}
