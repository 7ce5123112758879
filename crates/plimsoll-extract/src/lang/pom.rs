//! `pom.xml`: a Maven project and what it depends on directly.
//!
//! One file is read, without its parent and without imported lists of versions: what can only be known from those becomes a note, as
//! does a range. Properties and managed versions of the file itself are applied. Profiles and plugins are not what the project ships.
//! Inside an archive's or a class folder's `META-INF/maven` the file says what a library was built from, so only the library is listed.
//!
//! Format: Maven POM 4.0.0 (maven.apache.org/xsd/maven-4.0.0.xsd). Entities of a document type are not expanded.

use std::collections::{BTreeMap, HashMap};

use memchr::memmem;
use plimsoll_fs::Entry;
use plimsoll_model::{
    Ecosystem, ImagePath, Location, Package, Presence, Problem, ProblemKind, Relation, Scope,
};
use quick_xml::events::BytesStart;

use super::{bounded, xml};
use crate::{Extraction, Extractor, Reader};

/// Maven projects.
pub static POM: Extractor = Extractor {
    name: "lang/pom",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: 16 << 20, parse },
};

/// Longest value after properties were filled in, and properties filled in for one value.
const MAX_VALUE: usize = 1024;
const MAX_FILLED: usize = 32;

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"pom.xml"
}

/// One `dependency` element.
#[derive(Default)]
struct Dependency {
    line: u32,
    managed: bool,
    fields: BTreeMap<String, String>,
}

#[derive(Default)]
struct Document {
    has_project: bool,
    line: u32,
    /// Text of the elements directly in `project`, in `parent` (as `parent.x`).
    own: HashMap<String, String>,
    properties: HashMap<String, String>,
    licenses: Vec<String>,
    dependencies: Vec<Dependency>,
}

/// Reads a project. Public for fuzzing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = String::from_utf8_lossy(bytes);
    let mut problems = Vec::new();
    let document = read(path, &text, &mut problems);
    if !document.has_project && problems.is_empty() {
        problems.push(Problem::corrupt(path, "there is no `project` element"));
    }
    let mut packages = Vec::new();
    packages.extend(own(path, &document));
    if memmem::find(path.as_bytes(), b"META-INF/maven/").is_none() {
        dependencies(path, &document, &mut packages, &mut problems);
    }
    Extraction { packages, problems: bounded(path, problems), ..Extraction::default() }
}

fn read(path: &ImagePath, text: &str, problems: &mut Vec<Problem>) -> Document {
    let mut document = Document::default();
    xml::walk(path, text, problems, &mut document);
    document
}

impl xml::Visitor for Document {
    fn opened(&mut self, names: &[String], line: u32, _: &BytesStart<'_>) {
        opened(self, names, line);
    }

    fn closed(&mut self, names: &[String], text: &str) {
        closed(self, names, text);
    }
}

/// The open elements as names.
fn names(stack: &[String]) -> Vec<&str> {
    stack.iter().map(String::as_str).take(8).collect()
}

fn opened(document: &mut Document, stack: &[String], line: u32) {
    match names(stack).as_slice() {
        ["project"] => (document.has_project, document.line) = (true, line),
        ["project", "dependencies", "dependency"] => {
            document.dependencies.push(Dependency { line, ..Dependency::default() });
        }
        ["project", "dependencyManagement", "dependencies", "dependency"] => {
            document.dependencies.push(Dependency { line, managed: true, ..Dependency::default() });
        }
        _ => {}
    }
}

fn closed(document: &mut Document, stack: &[String], content: &str) {
    let content = || content.to_owned();
    match names(stack).as_slice() {
        ["project", field @ ("groupId" | "artifactId" | "version")] => {
            document.own.insert((*field).to_owned(), content());
        }
        ["project", "parent", field] => {
            document.own.insert(format!("parent.{field}"), content());
        }
        ["project", "properties", property] => {
            document.properties.insert((*property).to_owned(), content());
        }
        ["project", "licenses", "license", "name"] => document.licenses.push(content()),
        ["project", "dependencies", "dependency", field]
        | ["project", "dependencyManagement", "dependencies", "dependency", field] => {
            if let Some(dependency) = document.dependencies.last_mut() {
                dependency.fields.insert((*field).to_owned(), content());
            }
        }
        _ => {}
    }
}

impl Document {
    /// What `${name}` stands for.
    fn property(&self, name: &str) -> Option<&str> {
        let own = |name: &str| {
            let inherits = matches!(name, "groupId" | "version");
            self.own.get(name).or_else(|| self.own.get(&format!("parent.{name}")).filter(|_| inherits))
        };
        // `pom.` is the prefix of Maven 2; without any it is Maven 1's.
        let project = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
        let value = match project {
            Some(name) => own(name),
            None => self
                .properties
                .get(name)
                .or_else(|| own(name).filter(|_| matches!(name, "version" | "groupId"))),
        };
        value.map(String::as_str)
    }

    /// A value with its properties filled in; `None` when one is not known here.
    fn fill(&self, value: &str) -> Option<String> {
        let mut value = value.to_owned();
        for _ in 0..MAX_FILLED {
            let Some(start) = value.find("${") else { return Some(value) };
            let end = start + value[start..].find('}')?;
            let filling = self.property(&value[start + 2..end])?;
            if value.len() + filling.len() > MAX_VALUE {
                return None;
            }
            value.replace_range(start..=end, filling);
        }
        None
    }

    fn filled(&self, fields: &BTreeMap<String, String>, field: &str) -> Option<String> {
        self.fill(fields.get(field)?)
    }
}

/// The project itself.
fn own(path: &ImagePath, document: &Document) -> Option<Package> {
    let field = |name| document.fill(document.property(name)?);
    let (group, version) = (field("project.groupId")?, field("project.version")?);
    let artifact = field("project.artifactId")?;
    if exact(&version).as_deref() != Some(&version) {
        return None;
    }
    let location = Location::at_line(path.clone(), document.line);
    let mut package = Package::new(Ecosystem::Maven, format!("{group}:{artifact}"), version, location);
    package.presence = Presence::Declared;
    package.licenses.clone_from(&document.licenses);
    package.properties.insert("main".into(), "true".into());
    Some(package)
}

fn dependencies(
    path: &ImagePath,
    document: &Document,
    packages: &mut Vec<Package>,
    problems: &mut Vec<Problem>,
) {
    let key = |dependency: &Dependency| {
        let field = |name| document.filled(&dependency.fields, name);
        Some((field("groupId")?, field("artifactId")?))
    };
    let managed: HashMap<(String, String), &Dependency> = document
        .dependencies
        .iter()
        .filter(|dependency| dependency.managed)
        .filter_map(|dependency| Some((key(dependency)?, dependency)))
        .collect();
    for dependency in document.dependencies.iter().filter(|dependency| !dependency.managed) {
        let mut skip = |detail: String| {
            let detail = format!("line {}: {detail}", dependency.line);
            problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
        };
        let Some((group, artifact)) = key(dependency) else {
            skip("the name of a dependency is not known from this file".into());
            continue;
        };
        let name = format!("{group}:{artifact}");
        let management = managed.get(&(group, artifact));
        let field = |name: &str| {
            let own = dependency.fields.get(name).filter(|value| !value.is_empty());
            own.or_else(|| management?.fields.get(name))
        };
        let Some(stated) = field("version").filter(|version| !version.is_empty()) else {
            skip(format!("the version of `{name}` is set by a parent or an imported list of versions"));
            continue;
        };
        let Some(version) = document.fill(stated) else {
            skip(format!("the version `{stated}` of `{name}` is not known from this file"));
            continue;
        };
        let Some(version) = exact(&version) else {
            skip(format!("`{version}` is not one version of `{name}`"));
            continue;
        };
        let location = Location::at_line(path.clone(), dependency.line);
        let mut package = Package::new(Ecosystem::Maven, name, version, location);
        package.presence = Presence::Declared;
        package.relation = Relation::Direct;
        let optional = field("optional").is_some_and(|optional| optional == "true");
        let scope = field("scope").and_then(|scope| document.fill(scope)).unwrap_or_default();
        package.scope = match (scope.as_str(), optional) {
            ("test", _) => Scope::Development,
            // Given by the server that the program runs in.
            ("provided", _) | (_, true) => Scope::Optional,
            _ => Scope::Runtime,
        };
        packages.push(package);
    }
}

/// The one version that is asked for: a plain one, or a range that holds only one (`[1.0]`). Placeholders of other tools (`@x@`) and the
/// moving `LATEST` and `RELEASE` are none.
fn exact(version: &str) -> Option<String> {
    let version = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(version).trim();
    let plain = !version.is_empty()
        && version
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'~'));
    (plain && !matches!(version, "LATEST" | "RELEASE")).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::describe;

    fn check_at(path: &str, text: &str, expected: &[&str], problems: &[&str]) {
        let found = parse(&path.into(), text.as_bytes());
        assert_eq!(found.packages.iter().map(describe).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(found.problems.len(), problems.len(), "{text}: {:?}", found.problems);
        for (problem, part) in found.problems.iter().zip(problems) {
            assert!(problem.detail.contains(part), "{part}: {problem:?}");
        }
    }

    fn check(inside: &str, expected: &[&str], problems: &[&str]) {
        check_at(
            "pom.xml",
            &format!("<?xml version=\"1.0\"?>\n<project xmlns=\"x\">\n{inside}\n</project>\n"),
            expected,
            problems,
        );
    }

    fn dependency(name: &str, rest: &str) -> String {
        format!("<dependency><groupId>g</groupId><artifactId>{name}</artifactId>{rest}</dependency>\n")
    }

    const OWN: &str = "<groupId>g</groupId><artifactId>app</artifactId><version>1.0</version>";

    #[test]
    fn the_project_itself() {
        check(OWN, &["g:app@1.0 2 Unknown Runtime"], &[]);
        check(
            "<parent><groupId>p</groupId><artifactId>x</artifactId><version>3</version></parent><artifactId>app</artifactId>",
            &["p:app@3 2 Unknown Runtime"],
            &[],
        );
        check("<artifactId>app</artifactId>", &[], &[]);
        check(
            "<groupId>g</groupId><artifactId>app</artifactId><version>${revision}</version><properties><revision>2</revision></properties>",
            &["g:app@2 2 Unknown Runtime"],
            &[],
        );
        check("<groupId>g</groupId><artifactId>app</artifactId><version>${revision}</version>", &[], &[]);
    }

    #[test]
    fn versions_and_scopes() {
        let list = [
            dependency("plain", "<version>1</version>"),
            dependency("property", "<version>${x.version}</version>"),
            dependency("twice", "<version>${y}-z</version>"),
            dependency("project", "<version>${project.version}</version>"),
            dependency("managed", ""),
            dependency("test", "<version>1</version><scope>test</scope>"),
            dependency("provided", "<version>1</version><scope>provided</scope>"),
            dependency("optional", "<version>1</version><optional>true</optional>"),
            dependency("pinned", "<version>[1.5]</version>"),
            dependency("unknown", "<version>${nowhere}</version>"),
            dependency("inherited", ""),
            dependency("range", "<version>[1,2)</version>"),
            dependency("placeholder", "<version>@v@</version>"),
            dependency("moving", "<version>LATEST</version>"),
            dependency(
                "exclusions",
                "<version>1</version><exclusions><exclusion><groupId>e</groupId><artifactId>e</artifactId></exclusion></exclusions>",
            ),
        ];
        let text = format!(
            "{OWN}<properties><x.version>7</x.version><y>${{x.version}}.1</y></properties>\n<dependencyManagement><dependencies>\n{}{}</dependencies></dependencyManagement>\n<dependencies>\n{}</dependencies>\n<profiles><profile><dependencies>{}</dependencies></profile></profiles>",
            dependency("managed", "<version>9</version><scope>test</scope>"),
            dependency("unused", "<version>9</version>"),
            list.concat(),
            dependency("profile", "<version>1</version>"),
        );
        check(
            &text,
            &[
                "g:app@1.0 2 Unknown Runtime",
                "g:plain@1 9 Direct Runtime",
                "g:property@7 10 Direct Runtime",
                "g:twice@7.1-z 11 Direct Runtime",
                "g:project@1.0 12 Direct Runtime",
                "g:managed@9 13 Direct Development",
                "g:test@1 14 Direct Development",
                "g:provided@1 15 Direct Optional",
                "g:optional@1 16 Direct Optional",
                "g:pinned@1.5 17 Direct Runtime",
                "g:exclusions@1 23 Direct Runtime",
            ],
            &[
                "line 18: the version `${nowhere}`",
                "line 19: the version of `g:inherited` is set by a parent",
                "`[1,2)`",
                "`@v@`",
                "`LATEST`",
            ],
        );
    }

    #[test]
    fn libraries_in_archives_list_themselves_only() {
        let text = format!(
            "<project>{OWN}<dependencies>{}</dependencies></project>",
            dependency("a", "<version>1</version>")
        );
        check_at(
            "app/WEB-INF/classes/META-INF/maven/g/app/pom.xml",
            &text,
            &["g:app@1.0 1 Unknown Runtime"],
            &[],
        );
    }

    #[test]
    fn references_and_sections() {
        check(
            "<groupId>g&amp;h</groupId><artifactId><![CDATA[app]]></artifactId><version>1&#46;0</version>",
            &["g&h:app@1.0 2 Unknown Runtime"],
            &[],
        );
        // Entities of a document type stand for nothing, however often.
        let bomb = "<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>\n<project><groupId>g</groupId><artifactId>a</artifactId><version>&b;</version></project>";
        check_at("pom.xml", bomb, &[], &[]);
    }

    #[test]
    fn hostile_properties_end() {
        let cycle = format!(
            "{OWN}<properties><a>${{b}}</a><b>${{a}}</b></properties><dependencies>{}</dependencies>",
            dependency("x", "<version>${a}</version>")
        );
        check(&cycle, &["g:app@1.0 2 Unknown Runtime"], &["`${a}`"]);
        let three = |name: usize| format!("${{p{name}}}").repeat(3);
        let laughs: Vec<String> = (0..40).map(|n| format!("<p{n}>{}</p{n}>", three(n + 1))).collect();
        let laughs = laughs.concat();
        let bomb = format!(
            "{OWN}<properties>{laughs}</properties><dependencies>{}</dependencies>",
            dependency("x", "<version>${p0}</version>")
        );
        check(&bomb, &["g:app@1.0 2 Unknown Runtime"], &["`${p0}`"]);
    }

    #[test]
    fn broken_files_are_told_and_read_to_there() {
        check_at("pom.xml", "{}", &[], &["no `project`"]);
        check_at("pom.xml", "", &[], &["no `project`"]);
        check_at(
            "pom.xml",
            &format!("<project>{OWN}<dependencies>{}<dependency>", dependency("a", "<version>1</version>")),
            &["g:app@1.0 1 Unknown Runtime", "g:a@1 1 Direct Runtime"],
            &["cut off", "name of a dependency"],
        );
        check_at(
            "pom.xml",
            &format!("<project>{OWN}</wrong>"),
            &["g:app@1.0 1 Unknown Runtime"],
            &["well-formed"],
        );
        check_at(
            "pom.xml",
            &format!("<project>{OWN}{}", "<a>".repeat(100_000)),
            &["g:app@1.0 1 Unknown Runtime"],
            &["deep"],
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "(<project>|<dependencies>|<dependency>|<version>|</version>|</dependency>|<groupId>|</groupId>|<artifactId>|</artifactId>|\\$\\{project\\.version\\}|\\$\\{|\\}|&#x?[0-9a-f]{0,6};|&[a-z]{0,3};|<!\\[CDATA\\[|\\]\\]>|<!--|\\PC){0,30}") {
            parse(&"pom.xml".into(), text.as_bytes());
        }
    }
}
