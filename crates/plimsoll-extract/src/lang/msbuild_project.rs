//! .NET projects (`*.csproj`, `*.fsproj`, `*.vbproj`) and their central versions (`Directory.Packages.props`): what is asked for directly.
//!
//! One file is read, without what it imports: a property counts when the file itself sets it to one literal value, whatever the build. What
//! can only be known from elsewhere, ranges and floating versions become a note. A plain version is the lowest that NuGet may take, and
//! the one that it takes unless another package asks for more; `packages.lock.json` says what was taken. The central list names versions
//! that projects may use: all are listed, since which project uses which stands in other files.
//!
//! Format: learn.microsoft.com, "PackageReference in project files", "Central Package Management", "Package versioning".

use std::collections::HashMap;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence, Problem, Relation, Scope};
use quick_xml::events::BytesStart;

use super::{Unknown, bounded, is_plain, short, tree, xml};
use crate::{Extraction, Extractor, Reader};

/// .NET projects and central versions.
pub static MSBUILD_PROJECT: Extractor = Extractor {
    name: "lang/msbuild_project",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

/// Longest version after properties were filled in, and properties filled in for one.
const LONGEST: usize = 256;
const MOST_FILLED: usize = 16;

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name().to_ascii_lowercase();
    // The second is the name of the time before central versions were part of NuGet.
    matches!(&*name, b"directory.packages.props" | b"packages.props")
        || [b".csproj", b".fsproj", b".vbproj"].iter().any(|suffix| name.ends_with(*suffix))
}

/// One element that names a package.
struct Reference {
    line: u32,
    name: String,
    version: Option<String>,
    /// Of the central list: no project asks for it here.
    is_central: bool,
    is_for_building: bool,
}

#[derive(Default)]
struct Project {
    has_root: bool,
    references: Vec<Reference>,
    /// `None`: set under a condition, or twice to different values.
    properties: HashMap<String, Option<String>>,
    /// The element that is open stands under a condition; for each level.
    conditions: Vec<bool>,
}

impl xml::Visitor for Project {
    fn opened(&mut self, names: &[String], line: u32, element: &BytesStart<'_>) {
        let above = self.conditions.last().is_some_and(|above| *above);
        let is_own = xml::attribute(element, "Condition").is_some()
            || matches!(names.last().map(String::as_str), Some("When" | "Otherwise" | "Target"));
        self.conditions.push(
            above || is_own || element.try_get_attribute("Condition").is_ok_and(|found| found.is_some()),
        );
        if let [name] = names {
            self.has_root |= name == "Project";
        }
        if let Some((is_central, is_tool)) = reference(names) {
            let name = xml::attribute(element, "Include").or_else(|| xml::attribute(element, "Update"));
            let Some(name) = name.filter(|name| is_plain(name)) else { return };
            let version =
                ["VersionOverride", "Version"].iter().find_map(|name| xml::attribute(element, name));
            let private = xml::attribute(element, "PrivateAssets");
            let is_for_building = is_tool || private.is_some_and(|assets| assets.eq_ignore_ascii_case("all"));
            self.references.push(Reference { line, name, version, is_central, is_for_building });
        }
    }

    fn closed(&mut self, names: &[String], text: &str) {
        let is_conditional = self.conditions.pop().unwrap_or_default();
        let Some((last, above)) = names.split_last() else { return };
        if above.last().is_some_and(|group| group == "PropertyGroup") {
            let value = (!is_conditional).then(|| text.to_owned());
            self.properties
                .entry(last.to_ascii_lowercase())
                .and_modify(|known| {
                    if *known != value {
                        *known = None;
                    }
                })
                .or_insert(value);
        } else if reference(above).is_some() && !text.is_empty() {
            let Some(reference) = self.references.last_mut() else { return };
            match last.as_str() {
                "VersionOverride" => reference.version = Some(text.to_owned()),
                "Version" if reference.version.is_none() => reference.version = Some(text.to_owned()),
                "PrivateAssets" if text.eq_ignore_ascii_case("all") => reference.is_for_building = true,
                _ => {}
            }
        }
    }
}

/// Does an element of these names ask for a package: is it of the central list, and is it a tool of the build?
fn reference(names: &[String]) -> Option<(bool, bool)> {
    let [.., group, name] = names else { return None };
    if group != "ItemGroup" {
        return None;
    }
    match name.as_str() {
        "PackageReference" => Some((false, false)),
        "PackageVersion" => Some((true, false)),
        // Asked for by every project, and by the rules of NuGet not passed on to who uses them.
        "GlobalPackageReference" | "DotNetCliToolReference" => Some((false, true)),
        _ => None,
    }
}

impl Project {
    /// The text with its properties filled in; `None` when one is not known from this file.
    fn fill(&self, text: &str) -> Option<String> {
        let mut text = text.to_owned();
        for _ in 0..MOST_FILLED {
            let Some(start) = text.find("$(") else { return Some(text) };
            let end = start + text[start..].find(')')?;
            let filling = self.properties.get(&text[start + 2..end].to_ascii_lowercase())?.as_ref()?;
            if text.len() + filling.len() > LONGEST {
                return None;
            }
            text.replace_range(start..=end, filling);
        }
        None
    }
}

/// The one version that is asked for: `1.2.3`, the lowest, or `[1.2.3]`, exactly that.
fn exact(version: &str) -> Option<&str> {
    let version = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(version).trim();
    let plain = version.starts_with(|first: char| first.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
    plain.then_some(version)
}

/// Reads a project. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Vec::new();
    let mut project = Project::default();
    xml::walk(path, &text, &mut problems, &mut project);
    if !project.has_root && problems.is_empty() {
        problems.push(Problem::corrupt(path, "there is no `Project` element"));
    }
    let (mut elsewhere, mut unclear) = (Unknown::default(), Unknown::default());
    let mut packages = Vec::new();
    let references = std::mem::take(&mut project.references);
    for Reference { line, name, version, is_central, is_for_building } in references {
        let shown = short(&name);
        let Some(stated) = version else {
            elsewhere.push(format!("`{shown}`"));
            continue;
        };
        let Some(filled) = project.fill(&stated) else {
            elsewhere.push(format!("`{shown}` ({})", short(&stated)));
            continue;
        };
        let Some(version) = exact(&filled) else {
            unclear.push(format!("`{shown}` ({})", short(&filled)));
            continue;
        };
        let mut package =
            Package::new(Ecosystem::NuGet, name, version, Location::at_line(path.clone(), line));
        package.presence = Presence::Declared;
        package.relation = if is_central { Relation::Unknown } else { Relation::Direct };
        if is_for_building {
            package.scope = Scope::Development;
        }
        packages.push(package);
    }
    problems.extend(elsewhere.note(path, "versions that are not known from this file"));
    problems.extend(unclear.note(path, "not one version, so nothing can be asked for"));
    Extraction { packages, problems: bounded(path, problems), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Effect;

    use super::*;
    use crate::lang::expect;

    fn read(text: &str) -> Extraction {
        parse(&"app.csproj".into(), text.as_bytes())
    }

    #[test]
    fn project() {
        let found = read(include_str!("../../fixtures/lang/msbuild_project/app.csproj"));
        expect(
            &found,
            &[
                "Keel.Json@12.0.3 9 Direct Runtime",
                "Left.Pad@2.1.0 10 Direct Runtime",
                "Pinned@3.0.0 11 Direct Runtime",
                "Analyzer@1.0.0 12 Direct Development",
                "Child@4.5.6-beta.1 16 Direct Runtime",
                "Tool@5.0.0 28 Direct Development",
            ],
            2,
        );
        assert!(found.problems.iter().all(|problem| problem.effect == Effect::Note));
        let details: Vec<&str> = found.problems.iter().map(|problem| problem.detail.as_str()).collect();
        assert_eq!(
            details,
            [
                "versions that are not known from this file: `Central`, `Imported` ($(ElsewhereVersion)), `Either` ($(EitherVersion))",
                "not one version, so nothing can be asked for: `Floating` (1.*), `Range` ([1.0,2.0))",
            ]
        );
    }

    #[test]
    fn central_versions() {
        let text = include_str!("../../fixtures/lang/msbuild_project/Directory.Packages.props");
        expect(
            &read(text),
            &[
                "Keel.Json@12.0.3 7 Unknown Runtime",
                "Serilog@2.1.0 8 Unknown Runtime",
                "Analyzer@1.0.0 9 Direct Development",
            ],
            0,
        );
    }

    #[test]
    fn broken_files_are_told_and_read_to_there() {
        expect(
            &read(include_str!("../../fixtures/lang/msbuild_project/bad.csproj")),
            &["Left.Pad@1.0.0 3 Direct Runtime"],
            1,
        );
        expect(&read(""), &[], 1);
        expect(&read("{}"), &[], 1);
        expect(&read("<Project/>"), &[], 0);
    }

    #[test]
    fn hostile_properties_end() {
        let group = |inside: &str| {
            format!(
                "<Project><PropertyGroup>{inside}</PropertyGroup><ItemGroup><PackageReference Include=\"A\" Version=\"$(a)\"/></ItemGroup></Project>"
            )
        };
        expect(&read(&group("<a>$(b)</a><b>$(a)</b>")), &[], 1);
        let double: Vec<String> =
            (0..64).map(|level| format!("<a{level}>$(a{0})$(a{0})</a{level}>", level + 1)).collect();
        let double = double.concat();
        expect(&read(&group(&format!("<a>$(a0)</a>{double}<a64>1</a64>"))), &[], 1);
        let many: Vec<String> =
            (0..100).map(|number| format!("<PackageReference Include=\"A{number}\"/>")).collect();
        let many = many.concat();
        let found = read(&format!("<Project><ItemGroup>{many}</ItemGroup></Project>"));
        assert_eq!(found.problems.len(), 1);
        assert!(found.problems[0].detail.ends_with("`A9` and 90 more"), "{}", found.problems[0].detail);
    }
}
