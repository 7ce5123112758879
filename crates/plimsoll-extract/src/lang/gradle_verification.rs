//! Gradle's `gradle/verification-metadata.xml`: every artifact that a build has fetched, with its checksums.
//!
//! It lists what was fetched for anything, plugins of the build among it, and keeps what is no longer used.
//!
//! Format: docs.gradle.org, "Verifying dependencies".

use plimsoll_fs::Entry;
use plimsoll_model::{Digest, Ecosystem, ImagePath, Problem};
use quick_xml::events::BytesStart;

use super::{MOST_PACKAGES, bounded, declared, is_plain, tree, xml};
use crate::{Extraction, Extractor, Reader};

/// Gradle's list of checksums.
pub static GRADLE_VERIFICATION: Extractor = Extractor {
    name: "lang/gradle_verification",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b"verification-metadata.xml",
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

struct Metadata<'a> {
    path: &'a ImagePath,
    extraction: Extraction,
    has_root: bool,
    is_full: bool,
    /// The artifact that is open is the library itself, not its description or sources.
    is_library: bool,
    incomplete: u32,
}

impl xml::Visitor for Metadata<'_> {
    fn opened(&mut self, names: &[String], line: u32, element: &BytesStart<'_>) {
        let field = |name: &str| xml::attribute(element, name).filter(|value| is_plain(value));
        match names {
            [root] => self.has_root = root == "verification-metadata",
            [_, components, component] if components == "components" && component == "component" => {
                let (Some(group), Some(name), Some(version)) =
                    (field("group"), field("name"), field("version"))
                else {
                    self.incomplete += 1;
                    return;
                };
                if self.extraction.packages.len() >= MOST_PACKAGES {
                    self.is_full = true;
                    return;
                }
                let name = format!("{group}:{name}");
                self.extraction.packages.push(declared(Ecosystem::Maven, self.path, line, &name, &version));
            }
            [_, _, _, artifact] if artifact == "artifact" => {
                let name = field("name").unwrap_or_default();
                self.is_library = name.ends_with(".jar") && !name.ends_with("-sources.jar");
            }
            [_, _, _, _, sum] if sum == "sha256" && self.is_library && !self.is_full => {
                let digest = field("value").and_then(|value| Digest::parse(&format!("sha256:{value}")).ok());
                if let Some(package) =
                    self.extraction.packages.last_mut().filter(|one| one.digests.is_empty())
                {
                    package.digests.extend(digest);
                }
            }
            _ => {}
        }
    }

    fn closed(&mut self, _: &[String], _: &str) {}
}

/// Reads the list. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Vec::new();
    let mut metadata = Metadata {
        path,
        extraction: Extraction::default(),
        has_root: false,
        is_full: false,
        is_library: false,
        incomplete: 0,
    };
    xml::walk(path, &text, &mut problems, &mut metadata);
    if !metadata.has_root && problems.is_empty() {
        problems.push(Problem::corrupt(path, "there is no `verification-metadata` element"));
    }
    if metadata.incomplete > 0 {
        let detail = format!("{} components without group, name or version", metadata.incomplete);
        problems.push(Problem::corrupt(path, detail));
    }
    if metadata.is_full {
        problems.push(super::too_many(path, 1));
    }
    Extraction { problems: bounded(path, problems), ..metadata.extraction }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn components() {
        let path = ImagePath::from("gradle/verification-metadata.xml");
        let found = parse(&path, include_bytes!("../../fixtures/lang/gradle_verification/good.xml"));
        expect(
            &found,
            &["com.example:mast@1.2.3 7 Unknown Runtime", "com.example:hull@2.0 15 Unknown Runtime"],
            0,
        );
        assert_eq!(found.packages.iter().map(|one| one.digests.len()).collect::<Vec<_>>(), [1, 0]);
        let bad = parse(&path, include_bytes!("../../fixtures/lang/gradle_verification/bad.xml"));
        expect(&bad, &["com.example:mast@1.2.3 3 Unknown Runtime"], 2);
        expect(&parse(&path, b""), &[], 1);
    }
}
