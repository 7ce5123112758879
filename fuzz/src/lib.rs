//! Bodies of the fuzz targets whose parsers have no body of their own in their crate.

#![forbid(unsafe_code)]

use plimsoll_advisory::feed::{Kept, osv as feed};
use plimsoll_advisory::vex;
use plimsoll_extract::Reader;
use plimsoll_extract::registry::EXTRACTORS;
use plimsoll_model::ImagePath;
use plimsoll_scan::base::BaseFlag;
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::verdict::Line;

/// Gives the bytes to the extractor that the first byte picks: a new line of the registry is fuzzed at once.
pub fn extractor(data: &[u8]) {
    let Some((first, content)) = data.split_first() else { return };
    let extractor = EXTRACTORS[usize::from(*first) % EXTRACTORS.len()];
    let path = ImagePath::from("srv/node_modules/a/file");
    let extraction = match extractor.read {
        Reader::Whole { limit, .. } if content.len() as u64 > limit => return,
        Reader::Whole { parse, .. } => parse(&path, content),
        Reader::Name { parse } => parse(&path),
        Reader::Stream { parse } => match parse(&path, &mut { content }) {
            Ok(extraction) => extraction,
            Err(_) => return,
        },
    };
    for package in &extraction.packages {
        assert!(!package.name.is_empty(), "{}: a package without a name", extractor.name);
        assert!(!package.locations.is_empty(), "{}: a package from nowhere", extractor.name);
    }
}

/// Reads an OSV record.
pub fn osv(data: &[u8]) {
    for folder in ["npm", "Debian", ""] {
        feed::parse(data, "fuzzed.json", folder, &mut Kept::default());
    }
}

/// Reads a VEX document, named and unnamed: OpenVEX, CSAF, CycloneDX.
pub fn vex(data: &[u8]) {
    let _ = vex::Document::parse(data);
    let _ = vex::Document::parse_named("fuzzed.json", data);
}

/// Reads exceptions in both forms.
pub fn exceptions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Exceptions::parse("fuzzed.toml", text);
    let _ = Exceptions::parse("fuzzed.yaml", text);
}

/// Reads what is typed as values of flags.
pub fn arguments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(line) = text.parse::<Line>() {
        let shown = line.to_string();
        let again = shown.trim_start_matches("--fail-on ").parse::<Line>();
        assert_eq!(again.as_ref(), Ok(&line), "a line reads as it was written");
    }
    let _ = text.parse::<BaseFlag>();
}
