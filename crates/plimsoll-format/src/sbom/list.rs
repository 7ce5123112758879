//! Lists of package URLs: text, one on a line. What follows a blank is a remark, and so is a line that begins with `#`.

use plimsoll_model::purl::Purl;
use plimsoll_model::{Target, TargetKind};

use super::SbomDocument;
use super::facts::Facts;
use super::foreign::{Collector, Draft};

/// Lines that are named when they cannot be read; the rest is counted.
const NAMED: usize = 20;

/// The lines that say something, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().zip(1..).map(|(line, number)| (number, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Reads the list. Lines that are no package URL are problems, and so are packages without a version.
pub(super) fn read(text: &str) -> SbomDocument {
    let mut collector = Collector::default();
    let mut wrong = 0_usize;
    for (number, line) in lines(text) {
        let word = line.split_whitespace().next().unwrap_or_default();
        let detail = match Purl::parse_lenient(word) {
            Ok(purl) => {
                let draft = Draft {
                    name: purl.name().to_owned(),
                    version: purl.version().map(str::to_owned),
                    purl: Some(word.to_owned()),
                    facts: Facts::new(),
                    is_package: true,
                };
                let package = collector.package(draft);
                collector.packages.extend(package);
                if purl.version().is_some_and(|version| !version.is_empty()) {
                    continue;
                }
                "the package URL has no version: it cannot be held against advisories".to_owned()
            }
            Err(error) => format!("is no package URL: {error}"),
        };
        wrong += 1;
        if wrong <= NAMED {
            collector.broken(&format!("line {number}"), format!("`{}`: {detail}", shorten(word)));
        }
    }
    if wrong > NAMED {
        let rest = crate::text::count(wrong - NAMED, "line", "lines");
        collector.broken("the list", format!("{rest} more cannot be read, or name no version"));
    }
    collector.finish("list of package URLs".into(), Target::named(TargetKind::Sbom, ""))
}

fn shorten(word: &str) -> String {
    let short: String = word.chars().take(100).collect();
    crate::clean(&short).into_owned()
}
