//! Packages in NuGet's folder on this machine: `.nuget/packages/ID/VERSION/ID.nuspec`, and fallback folders of the same layout.
//!
//! A build image has them; what a published program uses stands in its `.deps.json`. A `.nuspec` elsewhere is what a package is to be built
//! from, and is not read.
//!
//! Format: learn.microsoft.com, ".nuspec reference".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};
use quick_xml::events::BytesStart;

use super::{bounded, is_plain, tree, xml};
use crate::{Extraction, Extractor, Reader};

/// Installed NuGet packages.
pub static NUSPEC: Extractor = Extractor {
    name: "lang/nuspec",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_in_its_folder(entry.path),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// `left.pad/1.0.0/left.pad.nuspec`.
fn is_in_its_folder(path: &ImagePath) -> bool {
    let mut parts = path.as_bytes().rsplit(|byte| *byte == b'/');
    let (Some(file), Some(version), Some(folder)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    file.strip_suffix(b".nuspec").is_some_and(|name| name.eq_ignore_ascii_case(folder))
        && version.first().is_some_and(u8::is_ascii_digit)
}

#[derive(Default)]
struct Nuspec {
    id: Option<String>,
    version: Option<String>,
    license: Option<String>,
    /// The licence is named by its file, not by an expression.
    is_file: bool,
}

impl xml::Visitor for Nuspec {
    fn opened(&mut self, names: &[String], _: u32, element: &BytesStart<'_>) {
        if names.last().is_some_and(|name| name == "license") {
            self.is_file = xml::attribute(element, "type").is_some_and(|kind| kind == "file");
        }
    }

    fn closed(&mut self, names: &[String], text: &str) {
        let [package, metadata, name] = names else { return };
        if package != "package" || metadata != "metadata" {
            return;
        }
        let field = match name.as_str() {
            "id" => &mut self.id,
            "version" => &mut self.version,
            "license" if !self.is_file => &mut self.license,
            _ => return,
        };
        *field = Some(text.to_owned())
            .filter(|text| is_plain(text) || name == "license" && !text.is_empty() && text.len() <= 512);
    }
}

/// Reads the description of one package.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Vec::new();
    let mut nuspec = Nuspec::default();
    xml::walk(path, &text, &mut problems, &mut nuspec);
    let packages = match (nuspec.id, nuspec.version) {
        (Some(id), Some(version)) => {
            let mut package = Package::new(Ecosystem::NuGet, id, version, Location::new(path.clone()));
            package.licenses.extend(nuspec.license);
            vec![package]
        }
        _ => {
            problems.push(Problem::corrupt(path, "no `id` or no `version` among its metadata"));
            Vec::new()
        }
    };
    Extraction { packages, problems: bounded(path, problems), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn only_in_its_folder() {
        for (path, expected) in [
            ("root/.nuget/packages/left.pad/1.0.0/left.pad.nuspec", true),
            ("usr/share/dotnet/sdk/NuGetFallbackFolder/left.pad/1.0.0/Left.Pad.nuspec", true),
            ("src/left.pad/left.pad.nuspec", false),
            ("left.pad.nuspec", false),
        ] {
            assert_eq!(is_in_its_folder(&path.into()), expected, "{path}");
        }
    }

    #[test]
    fn description() {
        let path = ImagePath::from("root/.nuget/packages/left.pad/1.0.0/left.pad.nuspec");
        let found = parse(&path, include_bytes!("../../fixtures/lang/nuspec/left.pad.nuspec"));
        expect(&found, &["Left.Pad@1.0.0 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].licenses, ["MIT OR Apache-2.0"]);
        expect(&parse(&path, include_bytes!("../../fixtures/lang/nuspec/bad.nuspec")), &[], 1);
        expect(&parse(&path, b""), &[], 1);
    }
}
