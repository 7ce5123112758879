//! One module per document format, reading and writing. Pure: values in, text out.
//!
//! A report goes out as text for people ([`table`](Format::Table), Markdown, HTML) or as a
//! document for machines (JSON, SARIF, CycloneDX, SPDX, CSV, JUnit, what GitHub and GitLab take, VEX, attestations);
//! [`sbom`] reads the inventories back. What the formats for people show is computed once, in
//! [`summary`], so that a count is the same everywhere. Nothing here reads a file, a clock, or the environment.
//!
//! A new output format is its file, one variant of [`Format`] with its line in [`FORMATS`], and a snapshot.

#![forbid(unsafe_code)]

mod asff;
pub mod attack;
pub mod audit;
pub mod benchmark;
mod brief;
pub mod chain;
mod csaf;
mod csv;
pub mod decision;
pub mod diff;
pub mod drift;
pub mod explanation;
mod github;
mod gitlab;
mod html;
mod json;
mod junit;
mod lines;
mod markdown;
mod openvex;
pub mod paths;
pub mod plan;
mod policy_report;
mod predicate;
pub mod pss;
pub mod reach;
mod renovate;
pub mod responsibility;
mod sarif;
pub mod sbom;
mod stamp;
mod stated;
pub mod suggestion;
pub mod summary;
pub mod survey;
mod table;
pub mod template;
mod text;
pub mod verification;
pub mod who_can;
mod xml;

pub use asff::AwsAccount;
pub use github::Build;
pub use text::{clean, clean_lines, shell_word, wrap};

use std::fmt;
use std::str::FromStr;

use plimsoll_model::Report;

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Text for a terminal.
    Table,
    /// The report itself; `docs/schema/report-1.0.json` describes it.
    Json,
    /// JSON with every rule once; `docs/schema/brief-1.0.json` describes it.
    Brief,
    /// SARIF 2.1.0 (OASIS), for code scanning: one result for each change.
    Sarif,
    /// SARIF with one result for each finding.
    SarifFindings,
    /// CycloneDX 1.6 as JSON.
    CycloneDx,
    /// CycloneDX 1.5 as JSON.
    CycloneDx15,
    /// CycloneDX 1.7 as JSON.
    CycloneDx17,
    /// CycloneDX 1.6 as XML.
    CycloneDxXml,
    /// CycloneDX 1.6 with an analysis for each vulnerability, to fill in.
    CycloneDxVex,
    /// SPDX 2.3 as JSON.
    Spdx,
    /// SPDX 2.3 as tag-value.
    SpdxTagValue,
    /// SPDX 3.0 as JSON-LD.
    Spdx3,
    /// Syft's own JSON.
    Syft,
    /// Markdown for pull requests and job summaries.
    Markdown,
    /// One self-contained page.
    Html,
    /// One line for each finding.
    Csv,
    /// JUnit's test report.
    JUnit,
    /// `PolicyReport` objects of the Kubernetes Policy Working Group.
    PolicyReport,
    /// GitHub's dependency snapshot.
    GitHub,
    /// AWS Security Finding Format.
    Asff,
    /// GitLab's container scanning report.
    GitLabContainer,
    /// GitLab's dependency scanning report.
    GitLabDependency,
    /// OpenVEX 0.2.0, to fill in.
    OpenVex,
    /// The VEX profile of CSAF 2.0, to fill in.
    CsafVex,
    /// Cosign's predicate of a vulnerability scan.
    VulnPredicate,
    /// An in-toto statement around CycloneDX.
    SbomPredicate,
    /// An in-toto statement around SPDX 2.3.
    SbomPredicateSpdx,
    /// What a template of the user's makes of the report.
    Template,
}

/// What is known of a format: one row of [`FORMATS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The format.
    pub format: Format,
    /// The name that users type.
    pub name: &'static str,
    /// A few words for help; empty for a further version of the row above, which help passes over.
    pub about: &'static str,
    /// Makes sense without findings: `plimsoll sbom` writes it.
    pub inventory: bool,
    /// Has a place for findings that are about files and configuration: `plimsoll check` writes it.
    pub files: bool,
    /// [`sbom::read`] reads it back.
    pub sbom: bool,
}

const fn row(format: Format, name: &'static str, about: &'static str, inventory: bool, files: bool) -> Row {
    Row { format, name, about, inventory, files, sbom: false }
}

/// A format of inventories that is read back.
const fn inventory(format: Format, name: &'static str, about: &'static str) -> Row {
    Row { format, name, about, inventory: true, files: false, sbom: true }
}

/// All formats, in the order in which help shows them. The first row of a format has its own name.
pub static FORMATS: &[Row] = &[
    row(Format::Table, "table", "text for a terminal", false, true),
    row(Format::Json, "json", "the whole report (docs/schema/report-1.0.json); @brief", true, true),
    row(Format::Brief, "json@brief", "", false, true),
    row(
        Format::Sarif,
        "sarif",
        "SARIF 2.1.0, for code scanning, by change; @finding for each finding",
        false,
        true,
    ),
    row(Format::SarifFindings, "sarif@finding", "", false, true),
    inventory(
        Format::CycloneDx,
        "cyclonedx",
        "CycloneDX 1.6 as JSON, with vulnerabilities; @1.5, @1.6, @1.7, @xml",
    ),
    inventory(Format::CycloneDx, "cyclonedx@1.6", ""),
    inventory(Format::CycloneDx15, "cyclonedx@1.5", ""),
    inventory(Format::CycloneDx17, "cyclonedx@1.7", ""),
    inventory(Format::CycloneDxXml, "cyclonedx@xml", ""),
    inventory(Format::Spdx, "spdx", "SPDX 2.3 as JSON; @tag-value; @3.0 as JSON-LD"),
    inventory(Format::SpdxTagValue, "spdx@tag-value", ""),
    inventory(Format::Spdx3, "spdx@3.0", ""),
    inventory(Format::Syft, "syft", "the inventory as Syft's own JSON, for Grype and others that read it"),
    row(Format::Markdown, "markdown", "for pull requests and job summaries", false, true),
    row(Format::Html, "html", "one self-contained page", false, true),
    row(Format::Csv, "csv", "one line for each finding", false, true),
    row(Format::JUnit, "junit", "JUnit XML: what counts fails", false, true),
    row(
        Format::PolicyReport,
        "policy-report",
        "PolicyReport objects for a cluster, by namespace",
        false,
        true,
    ),
    row(Format::GitHub, "github", "GitHub dependency snapshot", true, false),
    row(Format::Asff, "asff", "AWS Security Hub findings, for BatchImportFindings", false, true),
    row(Format::GitLabContainer, "gitlab-container", "GitLab container scanning report 15", false, false),
    row(Format::GitLabDependency, "gitlab-dependency", "GitLab dependency scanning report 15", false, false),
    row(Format::OpenVex, "openvex", "OpenVEX 0.2.0 to fill in; what is known is stated", false, false),
    row(Format::CsafVex, "csaf-vex", "CSAF 2.0 VEX to fill in; what is known is stated", false, false),
    row(
        Format::CycloneDxVex,
        "cyclonedx-vex",
        "CycloneDX 1.6 VEX to fill in; what is known is stated",
        false,
        false,
    ),
    row(Format::VulnPredicate, "vuln-predicate", "predicate for `cosign attest --type vuln`", false, false),
    row(
        Format::SbomPredicate,
        "sbom-predicate",
        "in-toto statement around CycloneDX; @spdx for SPDX 2.3",
        true,
        false,
    ),
    row(Format::SbomPredicateSpdx, "sbom-predicate@spdx", "", true, false),
    row(Format::Template, "template", "what --template makes of the report (docs/templates.md)", true, true),
];

/// The formats with a few words each, one a line, for help.
pub fn help() -> String {
    let shown = || FORMATS.iter().filter(|row| !row.about.is_empty());
    let width = shown().map(|row| row.name.len()).max().unwrap_or_default();
    let lines: Vec<String> = shown().map(|row| format!("  {:width$}  {}\n", row.name, row.about)).collect();
    lines.concat()
}

/// The names of the formats that are wanted, with commas between.
pub fn names(wanted: impl Fn(&Row) -> bool) -> String {
    let rows = FORMATS.iter().filter(|row| wanted(row));
    rows.map(|row| row.name).collect::<Vec<_>>().join(", ")
}

impl Format {
    /// The name that users type.
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|row| row.format == self).map_or("", |row| row.name)
    }

    /// Does it make sense without findings?
    pub fn is_inventory(self) -> bool {
        FORMATS.iter().any(|row| row.format == self && row.inventory)
    }

    /// Can one document of it be about several targets?
    pub fn holds_many(self) -> bool {
        survey::FORMATS.contains(&self)
    }

    /// The end of names of files in this format.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Table | Format::Template => "txt",
            Format::Sarif | Format::SarifFindings => "sarif",
            Format::CycloneDx | Format::CycloneDx15 | Format::CycloneDx17 => "cdx.json",
            Format::CycloneDxXml => "cdx.xml",
            Format::CycloneDxVex => "vex.cdx.json",
            Format::Spdx => "spdx.json",
            Format::SpdxTagValue => "spdx",
            Format::Spdx3 => "spdx3.json",
            Format::Syft => "syft.json",
            Format::Markdown => "md",
            Format::Html => "html",
            Format::Csv => "csv",
            Format::JUnit => "xml",
            _ => "json",
        }
    }

    /// Has it a place for findings that are about files and configuration?
    pub fn is_about_files(self) -> bool {
        FORMATS.iter().any(|row| row.format == self && row.files)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = FORMATS.iter().find(|row| row.name == name).map(|row| row.format);
        found.ok_or_else(|| Error::UnknownFormat(text::clean(name).into_owned()))
    }
}

/// How a listing of findings is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// By advisory.
    Cve,
    /// By package.
    Package,
    /// By layer of the image.
    Layer,
    /// By whose move it is.
    Party,
}

impl FromStr for By {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "cve" => Ok(By::Cve),
            "package" => Ok(By::Package),
            "layer" => Ok(By::Layer),
            "party" => Ok(By::Party),
            _ => Err(Error::UnknownGrouping(text::clean(name).into_owned())),
        }
    }
}

/// How a report is shown. Documents for machines ignore what is for people, so that their bytes depend on the report
/// alone; what the last field says is part of one of them.
#[derive(Clone, Debug)]
pub struct View {
    /// Width of the terminal in columns; lines are at most 100 wide and at least 40.
    pub width: usize,
    /// Colours and bold, as ANSI escape sequences.
    pub color: bool,
    /// Links on advisory ids (OSC 8).
    pub links: bool,
    /// List every finding, below the changes.
    pub all: bool,
    /// Show the points of every finding in the order of work; lists every finding too.
    pub explain: bool,
    /// Group the list of findings; lists every finding too.
    pub by: Option<By>,
    /// List the findings that do not count, with why and who says so.
    pub suppressed: bool,
    /// The time by which ages are told; without it only dates are shown.
    pub now: Option<jiff::Timestamp>,
    /// The target as typed, for what to type next.
    pub command: String,
    /// The build that the run is part of, for [`Format::GitHub`].
    pub build: Option<Build>,
    /// The account that findings belong to, for [`Format::Asff`].
    pub aws: Option<AwsAccount>,
    /// The template of [`Format::Template`].
    pub template: Option<template::Template>,
}

impl Default for View {
    fn default() -> Self {
        View {
            width: 100,
            color: false,
            links: false,
            all: false,
            explain: false,
            by: None,
            suppressed: false,
            now: None,
            command: String::new(),
            build: None,
            aws: None,
            template: None,
        }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the name of a format.
    #[error("`{0}` is not an output format: expected one of {list}", list = names(|_| true))]
    UnknownFormat(String),
    /// Not the name of a form of plans.
    #[error("`{0}` is not a form of plans: expected table, json, markdown or renovate")]
    UnknownForm(String),
    /// Not the name of a grouping.
    #[error("`{0}` is not a way to group findings: expected cve, package, layer or party")]
    UnknownGrouping(String),
    /// The report does not turn into JSON.
    #[error("cannot write the report as JSON")]
    Json(#[from] serde_json::Error),
    /// A format that does not fit what is shown.
    #[error("`{format}` cannot show {of}: use {known}")]
    NotForThis {
        /// The format.
        format: &'static str,
        /// What was to be shown.
        of: &'static str,
        /// Formats that can.
        known: &'static str,
    },
    /// One document of it is about one target.
    #[error("`{0}` holds one target: use --output-dir DIR for a file of each, or one of {list}", list = survey::FORMATS.iter().map(|format| format.name()).collect::<Vec<_>>().join(", "))]
    NotForMany(&'static str),
    /// The page's template fails.
    #[error("cannot write the report as a page")]
    Page(#[from] askama::Error),
    /// The template fails.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// A statement is about something with a digest.
    #[error("`{0}` has no digest, and an attestation is about a digest: scan an image")]
    NoSubject(String),
}

/// Writes a report. The same report and view give the same bytes; the text ends with a line feed.
pub fn write(report: &Report, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table::write(report, view)),
        Format::Json => json::write(report),
        Format::Brief => brief::write(report),
        Format::Sarif => sarif::write(report, sarif::Unit::Step),
        Format::SarifFindings => sarif::write(report, sarif::Unit::Finding),
        Format::CycloneDx => sbom::cyclonedx::write(report, sbom::cyclonedx::VERSION),
        Format::CycloneDx15 => sbom::cyclonedx::write(report, "1.5"),
        Format::CycloneDx17 => sbom::cyclonedx::write(report, "1.7"),
        Format::CycloneDxXml => sbom::cyclonedx::write_xml(report),
        Format::CycloneDxVex => sbom::cyclonedx::write_vex(report),
        Format::Spdx => sbom::spdx::write(report),
        Format::SpdxTagValue => sbom::spdx::write_tag_value(report),
        Format::Spdx3 => sbom::spdx3::write(report),
        Format::Syft => sbom::syft::write(report),
        Format::Markdown => Ok(markdown::write(report, view)),
        Format::Html => html::write(report, view),
        Format::Csv => Ok(csv::write(report)),
        Format::JUnit => Ok(junit::write(report)),
        Format::PolicyReport => policy_report::write(report),
        Format::GitHub => github::write(report, view),
        Format::Asff => asff::write(report, view),
        Format::GitLabContainer => gitlab::write(report, gitlab::Kind::Container),
        Format::GitLabDependency => gitlab::write(report, gitlab::Kind::Dependency),
        Format::OpenVex => openvex::write(report),
        Format::CsafVex => csaf::write(report),
        Format::VulnPredicate => predicate::vulnerabilities(report),
        Format::SbomPredicate | Format::SbomPredicateSpdx => predicate::sbom(report, format),
        Format::Template => template::write(report, view.template.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_name() {
        for row in FORMATS {
            assert_eq!(row.name.parse::<Format>().unwrap(), row.format);
            let first = FORMATS.iter().find(|one| one.format == row.format).unwrap();
            assert_eq!(row.format.to_string(), first.name);
        }
        assert!(help().lines().all(|line| line.len() <= 100), "{}", help());
        assert!("pdf".parse::<Format>().is_err());
        assert!("severity".parse::<By>().is_err());
    }
}
