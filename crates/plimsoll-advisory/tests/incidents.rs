//! Every incident of the embedded pack against the feeds that hold the same id.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeSet;

use common::{all, inventory, on, package};
use plimsoll_advisory::incidents::{Incident, Incidents, Together};
use plimsoll_advisory::range::{Decision, decide};
use plimsoll_advisory::record::{Affected, Event};
use plimsoll_advisory::{Database, MatchOptions, Source, matches};
use plimsoll_model::{Coverage, Ecosystem, FindingKind, ProblemKind};

/// All versions that either side names as a bound or lists.
fn named(entries: &[&Affected]) -> BTreeSet<String> {
    let bounds = entries.iter().flat_map(|entry| {
        entry.ranges.iter().flatten().map(Event::version).chain(entry.versions.iter().map(String::as_str))
    });
    bounds.map(str::to_owned).collect()
}

/// Affected or not, and the fix, for one version by a set of entries.
fn say(entries: &[&Affected], version: &str) -> (bool, Option<String>) {
    let scheme = entries[0].target.ecosystem().scheme();
    let mut result = (false, None);
    for entry in entries {
        if let Decision::Applies { fixed, .. } = decide(scheme, entry, version) {
            result = (true, result.1.or(fixed));
        }
    }
    result
}

/// Why one record of a feed disagrees with the pack about one package; `None` when it agrees.
///
/// They agree when they give the same answer at every version that one of them names, and the same fix wherever the feed
/// names one.
fn difference(ours: &[&Affected], theirs: &[&Affected]) -> Option<String> {
    let mut versions = named(ours);
    versions.extend(named(theirs));
    for version in versions.iter().filter(|version| *version != "0") {
        let (our, our_fix) = say(ours, version);
        let (their, their_fix) = say(theirs, version);
        if our != their {
            return Some(format!("{version}: the pack says {our}, the feed says {their}"));
        }
        if our && their_fix.is_some() && our_fix.is_some() && our_fix != their_fix {
            return Some(format!("{version}: the pack says fixed in {our_fix:?}, the feed in {their_fix:?}"));
        }
    }
    None
}

/// Compares one incident with all feeds; gives the number of packages that a feed could be asked about.
fn check(database: &Database, incident: &Incident, mistakes: &mut Vec<String>) -> usize {
    let id = &incident.record.id;
    let ids: BTreeSet<&String> = incident.record.aliases.iter().chain([id]).collect();
    let mut packages: Vec<(String, String)> = Vec::new();
    for entry in &incident.record.affected {
        let key = (entry.target.key(), entry.target.normalise(&entry.name).into_owned());
        if !packages.contains(&key) {
            packages.push(key);
        }
    }
    let mut compared = 0;
    for (target, name) in packages {
        let ours: Vec<&Affected> = incident
            .record
            .affected
            .iter()
            .filter(|entry| {
                entry.target.key() == target && entry.target.normalise(&entry.name) == name.as_str()
            })
            .collect();
        let entries = database.entries(&ours[0].target, &name).unwrap();
        let numbers: BTreeSet<u32> = entries.iter().map(|(number, _)| *number).collect();
        let mut differences = Vec::new();
        let mut agrees = false;
        for number in numbers {
            let record = database.record(number).unwrap().record;
            let mut theirs_ids = record.aliases.iter().chain(&record.upstream).chain([&record.id]);
            if !theirs_ids.any(|id| ids.contains(id)) {
                continue;
            }
            let theirs: Vec<&Affected> =
                entries.iter().filter(|(of, _)| *of == number).map(|(_, entry)| entry).collect();
            match difference(&ours, &theirs) {
                None => agrees = true,
                Some(difference) => differences.push(format!("{}: {difference}", record.id)),
            }
        }
        compared += usize::from(agrees || !differences.is_empty());
        // Feeds contradict each other; one that agrees is enough.
        if !agrees && !differences.is_empty() {
            mistakes.push(format!("{id}: {target} {name}: {}", differences.join("; ")));
        }
    }
    compared
}

#[test]
fn every_incident_agrees_with_a_feed_or_says_that_none_was_asked() {
    let Some(all) = all() else { return };
    let database = all.open();
    let mut mistakes = Vec::new();
    for incident in Incidents::embedded().unwrap().all() {
        let compared = check(&database, incident, &mut mistakes);
        if incident.checked != (compared > 0) {
            mistakes.push(format!(
                "{}: {compared} of its packages stand in a feed with this id, so `checked` must be {}",
                incident.record.id,
                compared > 0
            ));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_pack_alone_is_never_the_whole_answer() {
    let pack = Incidents::embedded().unwrap();
    assert_eq!(pack.info().coverage, Coverage::IncidentPack);
    let packages =
        vec![package(Ecosystem::Npm, "event-stream", "3.3.6"), package(Ecosystem::Npm, "left-pad", "1.3.0")];
    let found = matches(&pack, &inventory(packages), &MatchOptions::default()).unwrap();
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].kind, FindingKind::Malware);
    assert_eq!(found.findings[0].evidence[0].source, "incidents");
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].kind, ProblemKind::NotCovered);
    // An entry that no feed confirmed says so; one that was confirmed does not.
    let found = matches(
        &pack,
        &on(
            "alpine",
            "edge",
            vec![
                package(Ecosystem::Apk, "xz", "5.6.1-r0"),
                package(Ecosystem::Npm, "@solana/web3.js", "1.95.7"),
            ],
        ),
        &MatchOptions::default(),
    )
    .unwrap();
    let [xz, solana] = found.findings.as_slice() else { panic!("{:?}", found.findings) };
    assert_eq!(
        (solana.advisory.as_str(), solana.fixed_version.as_deref()),
        ("CVE-2024-54134", Some("1.95.8"))
    );
    assert!(solana.evidence[0].range.contains("not checked against a feed"));
    assert_eq!((xz.advisory.as_str(), xz.fixed_version.as_deref()), ("CVE-2024-3094", Some("5.6.1-r2")));
    assert!(!xz.evidence[0].range.contains("not checked"));
}

#[test]
fn a_database_and_the_pack_together() {
    let Some(all) = all() else { return };
    let database = all.open();
    let pack = Incidents::embedded().unwrap();
    let together = Together { database: &database, incidents: &pack };
    assert_eq!(together.info().coverage, Coverage::Database);
    let found = matches(
        &together,
        &inventory(vec![package(Ecosystem::Npm, "ua-parser-js", "1.0.0")]),
        &MatchOptions::default(),
    )
    .unwrap();
    let malware: Vec<_> =
        found.findings.iter().filter(|finding| finding.kind == FindingKind::Malware).collect();
    assert_eq!(malware.len(), 1, "the feed's record and the pack's are one finding");
    let sources: Vec<&str> = malware[0].evidence.iter().map(|evidence| evidence.source.as_str()).collect();
    assert_eq!(sources, ["incidents", "osv/npm", "retirejs"]);
    assert_eq!(found.problems, []);
}
