//! Reports that are kept, so that the same question is answered once.
//!
//! A second scan of a known image by the same database, with the same options, on the same day gives the same report to
//! the byte. It is kept beside the inventory of the image, under a name made of everything that decides what it says; where
//! something decides that is not in the name, nothing is kept. Only what reads back as it was is kept.

use plimsoll_advisory::Database;
use plimsoll_format::{Format, View};
use plimsoll_model::functions::Functions;
use plimsoll_model::{Origin, Outcome, Report};
use sha2::{Digest as _, Sha256};

use crate::Options;
use crate::cache::{Cache, Key};

/// What a scan says, in the form in which it is at hand.
#[derive(Debug)]
pub enum Answer {
    /// The report.
    Report(Box<Report>),
    /// The report as `--format json` writes it, and its verdict.
    Text {
        /// JSON with a final line feed.
        json: String,
        /// The answer in it.
        outcome: Outcome,
    },
}

/// The name of the answer about the image `known` of `origin`; `None` where something else decides too.
///
/// `stale` is what is missing for the age of the advisories.
pub(crate) fn name(
    known: &Key,
    origin: Option<&Origin>,
    database: Option<&Database>,
    stale: Option<&str>,
    options: &Options,
) -> Option<Key> {
    if !decides_all(options) {
        return None;
    }
    let Options { vex, exceptions, line, scanners, licenses, .. } = options;
    let database = match database {
        Some(database) => database.digest()?.to_string(),
        None => String::new(),
    };
    let origin = serde_json::to_vec(&origin).ok()?;
    let vex: Vec<(&str, [u8; 32])> =
        vex.iter().map(|(name, content)| (name.as_str(), Sha256::digest(content).into())).collect();
    let set =
        format!("{vex:?} {exceptions:?} {line:?} {scanners:?} {licenses:?} {stale:?} {}", options.today());
    Some(Key::of([known.as_bytes(), origin.as_slice(), database.as_bytes(), set.as_bytes()]))
}

/// Whether what [`name`] knows is all that decides about an answer.
pub(crate) fn decides_all(options: &Options) -> bool {
    // Every option is named, so that nobody adds one without thinking of its place here. Those that are not looked at are part
    // of the name, or decide where and how something is read, which the name of the image tells.
    let Options {
        platform: _,
        base: _,
        database: _,
        java_index,
        max_database_age: _,
        supply: _,
        vex: _,
        attached_vex,
        attached_sbom,
        vex_hubs,
        exceptions: _,
        line: _,
        now: _,
        threads: _,
        registries: _,
        daemons: _,
        from: _,
        git: _,
        tracked_only: _,
        cache: _,
        inventory_only,
        scanners: _,
        licenses: _,
        dockerfile,
        contents,
        in_use,
        whose,
    } = options;
    let others = java_index.is_some()
        || attached_vex.is_some()
        || attached_sbom.is_some()
        || !vex_hubs.is_empty()
        || dockerfile.is_some()
        || *inventory_only
        || *contents
        || !in_use.is_empty()
        || whose.is_some();
    !others
}

/// What was answered before, as text. Whatever is wrong with it, it is as if it were not there.
pub(crate) fn text(cache: &Cache, name: &Key) -> Option<Answer> {
    let (about, json) = cache.report(name)?;
    Some(Answer::Text { json, outcome: outcome(about)? })
}

/// What was answered before, as a report.
pub(crate) fn report(cache: &Cache, name: &Key) -> Option<Report> {
    serde_json::from_str(&cache.report(name)?.1).ok()
}

/// Keeps an answer, if it reads back as it is, and returns its text.
pub(crate) fn keep(cache: &Cache, name: &Key, report: &mut Report) -> Option<String> {
    let json = plimsoll_format::write(report, Format::Json, &View::default()).ok()?;
    // They served their purpose, and no document has them.
    for package in &mut report.packages {
        package.functions = Functions::default();
    }
    if serde_json::from_str::<Report>(&json).ok()? == *report {
        cache.put_report(name, report.verdict.outcome.exit_code(), &json);
    }
    Some(json)
}

fn outcome(code: u8) -> Option<Outcome> {
    [Outcome::Met, Outcome::NotMet, Outcome::Unknown].into_iter().find(|outcome| outcome.exit_code() == code)
}
