//! One module per document format, reading and writing. Pure: values in, text out.
//!
//! A report goes out as text for people ([`table`](Format::Table), Markdown, HTML) or as a document for machines (JSON,
//! SARIF, CycloneDX, SPDX); [`sbom`] reads the inventories back. What the formats for people show is computed once, in
//! [`summary`], so that a count is the same everywhere. Nothing here reads a file, a clock, or the environment.
//!
//! A new output format is its file, one variant of [`Format`] with its line in [`FORMATS`], and a snapshot.

#![forbid(unsafe_code)]

pub mod diff;
mod html;
mod json;
mod markdown;
mod sarif;
pub mod sbom;
pub mod summary;
mod table;
mod text;

pub use text::{clean, clean_lines};

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
    /// SARIF 2.1.0 (OASIS), for code scanning.
    Sarif,
    /// CycloneDX 1.6 as JSON.
    CycloneDx,
    /// SPDX 2.3 as JSON.
    Spdx,
    /// Markdown for pull requests and job summaries.
    Markdown,
    /// One self-contained page.
    Html,
}

/// All formats with the names that users type, in the order in which help shows them.
pub static FORMATS: &[(Format, &str)] = &[
    (Format::Table, "table"),
    (Format::Json, "json"),
    (Format::Sarif, "sarif"),
    (Format::CycloneDx, "cyclonedx"),
    (Format::Spdx, "spdx"),
    (Format::Markdown, "markdown"),
    (Format::Html, "html"),
];

impl Format {
    /// The name that users type.
    pub fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
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
        let found = FORMATS.iter().find(|(_, known)| *known == name).map(|(format, _)| *format);
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

/// How a report is shown. Documents for machines ignore it, so that their bytes depend on the report alone.
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
    /// Group the list of findings; lists every finding too.
    pub by: Option<By>,
    /// The time by which ages are told; without it only dates are shown.
    pub now: Option<jiff::Timestamp>,
    /// The target as typed, for what to type next.
    pub command: String,
}

impl Default for View {
    fn default() -> Self {
        View {
            width: 100,
            color: false,
            links: false,
            all: false,
            by: None,
            now: None,
            command: String::new(),
        }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the name of a format.
    #[error("`{0}` is not an output format: expected table, json, sarif, cyclonedx, spdx, markdown or html")]
    UnknownFormat(String),
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
    /// The page's template fails.
    #[error("cannot write the report as a page")]
    Template(#[from] askama::Error),
}

/// Writes a report. The same report and view give the same bytes; the text ends with a line feed.
pub fn write(report: &Report, format: Format, view: &View) -> Result<String, Error> {
    match format {
        Format::Table => Ok(table::write(report, view)),
        Format::Json => json::write(report),
        Format::Sarif => sarif::write(report),
        Format::CycloneDx => sbom::cyclonedx::write(report),
        Format::Spdx => sbom::spdx::write(report),
        Format::Markdown => Ok(markdown::write(report, view)),
        Format::Html => html::write(report, view),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_name() {
        for (format, name) in FORMATS {
            assert_eq!(name.parse::<Format>().unwrap(), *format);
            assert_eq!(format.to_string(), *name);
        }
        assert!("pdf".parse::<Format>().is_err());
        assert!("severity".parse::<By>().is_err());
    }
}
