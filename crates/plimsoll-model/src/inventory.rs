//! What is in a target: packages, where each was seen, and what could not be read.

use serde::{Deserialize, Serialize};

use crate::functions::Functions;
use crate::{Digest, Ecosystem, ImagePath, Problem, Release};

/// One place where a package was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The file that names the package: a database, a lockfile, a binary, an archive inside an archive (`a.war!/b.jar`).
    pub path: ImagePath,
    /// Layer that holds the file, counted from 1 (the lowest); absent outside images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layer: Option<u32>,
    /// Line of the file, counted from 1, where one was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// Column of the line in bytes, counted from 1, where one was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
}

impl Location {
    /// A place without layer or line; the layer is added when layers are merged.
    pub fn new(path: ImagePath) -> Self {
        Location { path, layer: None, line: None, column: None }
    }

    /// A place with a line, counted from 1.
    pub fn at_line(path: ImagePath, line: u32) -> Self {
        Location { path, layer: None, line: Some(line), column: None }
    }
}

/// The source package that a distribution built a binary package from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcePackage {
    /// Name (`openssl` for `libssl3`; the origin of an apk).
    pub name: String,
    /// Version; differs from the binary's with `Source: glibc (2.36-9)` and with Debian's `+b1` rebuilds.
    pub version: String,
}

/// How the target came to need the package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// Named by the project itself.
    Direct,
    /// Pulled in by another package.
    Transitive,
    /// The source does not say.
    #[default]
    Unknown,
}

/// What the package is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Needed to run, or the source does not tell.
    #[default]
    Runtime,
    /// For development or tests only, says the lockfile.
    Development,
    /// Installed only where the platform or a feature asks for it, says the lockfile.
    Optional,
}

/// Is the package there, or only asked for?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Its own files are there (package database, dist-info, node_modules, binary, archive).
    #[default]
    Installed,
    /// A lockfile or manifest names it with an exact version.
    Declared,
}

/// One package. A package is listed once: what makes it one is its package URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// Package URL with qualifiers; the package's identity within a report. Extractors leave it empty: it needs the
    /// release, and is written when the inventory is put together.
    pub purl: String,
    /// Kind of package.
    pub ecosystem: Ecosystem,
    /// Name as upstream spells it: `@scope/name`, `group:artifact`, `github.com/a/b/v2`.
    pub name: String,
    /// Version as the ecosystem spells it, with epoch for dpkg and rpm (`1:2.3-4`); with `v` for Go. May be empty.
    pub version: String,
    /// Architecture, for distribution packages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub architecture: Option<String>,
    /// Source package, when it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<SourcePackage>,
    /// RPM modularity label (`nodejs:12:8030020201124152102:229f0a1c`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub module: Option<String>,
    /// Who built it, where the database says so (RPM vendor, Debian maintainer, apk maintainer).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vendor: Option<String>,
    /// Licences as declared, not normalised.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub licenses: Vec<String>,
    /// The same as an SPDX expression; what the SPDX list does not have is a `LicenseRef-` in it. Absent where nothing is declared, and until a
    /// report is made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub license_expression: Option<String>,
    /// The declared words that are no licence of the SPDX list.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unknown_licenses: Vec<String>,
    /// Direct or transitive.
    pub relation: Relation,
    /// Runtime, development, optional.
    pub scope: Scope,
    /// Installed or only declared.
    pub presence: Presence,
    /// Digests of the package's own archive that a lockfile or database states, or that we took of a JAR.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub digests: Vec<Digest>,
    /// Everywhere it was seen, sorted. Never empty in a finished inventory, except when read from an SBOM.
    pub locations: Vec<Location>,
    /// Package URL of the distribution package that owns this package's files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owned_by: Option<String>,
    /// Facts that only one ecosystem has and that matching needs (`goos` -> `linux`), sorted by key.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty", default)]
    pub properties: std::collections::BTreeMap<String, String>,
    /// Functions of the programs that it was seen in. Needed to match, too large to be written into reports.
    #[serde(skip)]
    pub functions: Functions,
}

impl Package {
    /// A package with a name, a version, and one place; everything else is unknown.
    pub fn new(
        ecosystem: Ecosystem,
        name: impl Into<String>,
        version: impl Into<String>,
        location: Location,
    ) -> Self {
        Package {
            purl: String::new(),
            ecosystem,
            name: name.into(),
            version: version.into(),
            architecture: None,
            source: None,
            module: None,
            vendor: None,
            licenses: Vec::new(),
            license_expression: None,
            unknown_licenses: Vec::new(),
            relation: Relation::default(),
            scope: Scope::default(),
            presence: Presence::default(),
            digests: Vec::new(),
            locations: vec![location],
            owned_by: None,
            properties: std::collections::BTreeMap::new(),
            functions: Functions::default(),
        }
    }

    /// Name and version under which a distribution speaks of this package: its source's, else its own.
    pub fn source_or_self(&self) -> (&str, &str) {
        match &self.source {
            Some(source) => (&source.name, &source.version),
            None => (&self.name, &self.version),
        }
    }
}

/// Everything that was found in a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The distribution, when there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release: Option<Release>,
    /// Packages, sorted by package URL, each once.
    pub packages: Vec<Package>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}
