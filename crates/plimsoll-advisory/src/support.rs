//! Support: releases and packages that get no more fixes, and the newest release of a distribution.
//!
//! Judged at the date of the database, not of the clock: the same database gives the same answer. Data are those of
//! distro-info-data, endoflife.date and debian-security-support.

use plimsoll_model::builder;
use plimsoll_model::product::support_of;
use plimsoll_model::{
    Effect, Evidence, Finding, FindingKind, FixStatus, Inventory, Level, Package, Party, Problem,
    ProblemKind, Release, Remedy, Risk, Severity, SourcePackage, Stream, Subject,
};

use crate::error::Error;
use crate::feed::{Cycle, Unsupported};
use crate::store::{Database, Source};

/// Distributions whose extended support comes without a contract, so that images profit from it by themselves.
const FREE_EXTENSION: &[&str] = &["debian"];

/// What is known about the support of what is in an inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Support {
    /// The release, and packages, that get no more fixes.
    pub findings: Vec<Finding>,
    /// Support that is limited, or runs under other conditions.
    pub problems: Vec<Problem>,
    /// The newest point release of the installed stream (`12.15`).
    pub newest: Option<String>,
}

/// Judges the support of the release and of its packages.
///
/// # Errors
/// When the database is damaged.
pub fn judge(database: &Database, inventory: &Inventory) -> Result<Support, Error> {
    let mut support = Support::default();
    let Some(today) = database.info().date.get(..10).map(str::to_owned) else { return Ok(support) };
    // What a distribution builds it supports for as long as itself.
    for package in inventory.packages.iter().filter(|package| package.owned_by.is_none()) {
        if let Some((product, version)) = support_of(package) {
            judge_product(&mut support, package, &version, &database.cycles(product)?, &today);
        }
    }
    let Some(release) = &inventory.release else { return Ok(support) };
    let (Some(distribution), Some(stream)) = (release.distribution(), release.stream()) else {
        return Ok(support);
    };
    if !distribution.support.is_empty() {
        let mut cycles = database.cycles(distribution.support)?;
        if distribution.support != distribution.key {
            cycles.extend(database.cycles(distribution.key)?);
        }
        judge_release(&mut support, release, &stream, &cycles, &today);
    }
    for entry in database.unsupported_of(stream.as_str())? {
        judge_package(&mut support, inventory, &stream, release, &entry, &today);
    }
    support.problems.sort();
    Ok(support)
}

/// Has a day passed? An end without a date is over.
fn is_over(end: &str, today: &str) -> bool {
    end == "ended" || (!end.is_empty() && end < today)
}

fn judge_release(support: &mut Support, release: &Release, stream: &Stream, cycles: &[Cycle], today: &str) {
    let Some(version) = stream.as_str().split_once(':').map(|(_, version)| version) else { return };
    // Several sources may know the cycle: the later end counts, for a source may lag behind an extension.
    let of_version = || cycles.iter().filter(|cycle| cycle.cycle == version);
    let latest =
        |field: fn(&Cycle) -> &String| of_version().map(field).filter(|text| !text.is_empty()).max().cloned();
    support.newest = latest(|cycle| &cycle.latest);
    let Some(end) = latest(|cycle| &cycle.end) else { return };
    if !is_over(&end, today) {
        return;
    }
    let extended = latest(|cycle| &cycle.extended_end).unwrap_or_default();
    let label = release.label();
    let extended_runs = !extended.is_empty() && !is_over(&extended, today);
    if extended_runs && FREE_EXTENSION.iter().any(|key| stream.as_str().starts_with(key)) {
        support.problems.push(Problem {
            kind: ProblemKind::StaleData,
            effect: Effect::Note,
            subject: stream.to_string(),
            detail: format!(
                "regular support of {label} ended on {end}; long-term support runs until {extended}"
            ),
            layer: None,
        });
        return;
    }
    let next = newest_supported(cycles, today);
    let name = release.distribution().map_or(release.id.as_str(), |distribution| distribution.name);
    let paid = if extended_runs { format!("; paid support until {extended}") } else { String::new() };
    support.findings.push(Finding {
        id: format!("EOL@{stream}"),
        kind: FindingKind::EndOfLife,
        advisory: format!("EOL-{stream}"),
        aliases: Vec::new(),
        title: format!("{label} gets no more security fixes since {end}{paid}"),
        subject: Subject::package(
            release.distribution().map_or(plimsoll_model::Ecosystem::Generic, |known| known.ecosystem),
            SourcePackage { name: release.id.clone(), version: release.version.clone() },
            Vec::new(),
        ),
        severity: Severity { level: Level::High, source: "eol".into(), ..Severity::default() },
        risk: Risk { fixable: next.is_some(), ..Risk::default() },
        status: FixStatus::EndOfLife,
        fixed_version: next.map(|cycle| format!("{name} {}", cycle.cycle)),
        party: Party::Unknown("not judged yet".into()),
        remedy: Remedy::default(),
        evidence: vec![Evidence {
            source: "eol".into(),
            record: format!("{stream}"),
            date: today.to_owned(),
            range: format!("supported until {end}"),
            compared: format!("the date of the database, {today}"),
            rule: "status".into(),
        }],
        object: None,
        suppressed_by: None,
    });
}

/// A product outside of any distribution, by its release cycle: `3.8` of `3.8.19`.
fn judge_product(support: &mut Support, package: &Package, version: &str, cycles: &[Cycle], today: &str) {
    let is_of = |cycle: &&Cycle| {
        version
            .strip_prefix(cycle.cycle.as_str())
            .is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    let Some(cycle) = cycles.iter().filter(is_of).max_by_key(|cycle| cycle.cycle.len()) else { return };
    if !is_over(&cycle.end, today) {
        return;
    }
    let name = &package.name;
    let label = package.properties.get("distribution").unwrap_or(name);
    let since = if cycle.end == "ended" { "" } else { &format!(" since {}", cycle.end) };
    let paid = if !cycle.extended_end.is_empty() && !is_over(&cycle.extended_end, today) {
        format!("; paid support until {}", cycle.extended_end)
    } else {
        String::new()
    };
    let next = newest_supported(cycles, today);
    support.findings.push(Finding {
        id: format!("EOL@{name}/{}@{}", cycle.cycle, package.purl),
        kind: FindingKind::EndOfLife,
        advisory: format!("EOL-{}-{}", cycle.product, cycle.cycle),
        aliases: Vec::new(),
        title: format!("{label} {} gets no more security fixes{since}{paid}", cycle.cycle),
        subject: Subject::package(
            package.ecosystem,
            SourcePackage { name: name.clone(), version: package.version.clone() },
            vec![package.purl.clone()],
        ),
        severity: Severity { level: Level::High, source: "eol".into(), ..Severity::default() },
        risk: Risk { fixable: next.is_some(), ..Risk::default() },
        status: FixStatus::EndOfLife,
        fixed_version: next.map(|next| next.cycle.clone()),
        party: Party::Unknown("not judged yet".into()),
        remedy: Remedy::default(),
        evidence: vec![Evidence {
            source: "eol".into(),
            record: format!("{} {}", cycle.product, cycle.cycle),
            date: today.to_owned(),
            range: if cycle.end == "ended" {
                "ended".into()
            } else {
                format!("supported until {}", cycle.end)
            },
            compared: format!("{name} {version}, and the date of the database, {today}"),
            rule: "status".into(),
        }],
        object: None,
        suppressed_by: None,
    });
}

fn newest_supported<'a>(cycles: &'a [Cycle], today: &str) -> Option<&'a Cycle> {
    let key = |cycle: &Cycle| {
        cycle.cycle.split('.').map(|part| part.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>()
    };
    cycles
        .iter()
        .filter(|cycle| {
            !cycle.released.is_empty() && cycle.released.as_str() <= today && !is_over(&cycle.end, today)
        })
        .max_by_key(|cycle| key(cycle))
}

/// debian-security-support: support that ended early, or is limited to trusted content.
fn judge_package(
    support: &mut Support,
    inventory: &Inventory,
    stream: &Stream,
    release: &Release,
    entry: &Unsupported,
    today: &str,
) {
    let matching: Vec<_> = inventory
        .packages
        .iter()
        .filter(|package| {
            package.ecosystem.is_distribution()
                && names(&entry.package, package.source_or_self().0)
                && builder::other(release, package).is_none()
        })
        .collect();
    let Some(first) = matching.first() else { return };
    let (name, version) = first.source_or_self();
    let label = release.label();
    let over = is_over(&entry.ended, today);
    if !over {
        let detail = if entry.ended.is_empty() {
            format!("{label} supports it in part only: {}", entry.reason)
        } else {
            format!("{label} supports it until {}: {}", entry.ended, entry.reason)
        };
        support.problems.push(Problem::note(ProblemKind::NotCovered, name, detail));
        return;
    }
    let mut packages: Vec<String> = matching.iter().map(|package| package.purl.clone()).collect();
    packages.sort();
    support.findings.push(Finding {
        id: format!("EOL@{stream}/{name}"),
        kind: FindingKind::EndOfLife,
        advisory: format!("EOL-{stream}-{name}"),
        aliases: Vec::new(),
        title: format!("{label} gives no more security fixes for {name} since {}", entry.ended),
        subject: Subject::package(
            first.ecosystem,
            SourcePackage { name: name.to_owned(), version: version.to_owned() },
            packages,
        ),
        severity: Severity { level: Level::High, source: "eol".into(), ..Severity::default() },
        risk: Risk::default(),
        status: FixStatus::EndOfLife,
        fixed_version: None,
        party: Party::Unknown("not judged yet".into()),
        remedy: Remedy::default(),
        evidence: vec![Evidence {
            source: "eol".into(),
            record: format!("{stream} {}", entry.package),
            date: entry.ended.clone(),
            range: entry.reason.clone(),
            compared: format!("{name} {version} (source)"),
            rule: "status".into(),
        }],
        object: None,
        suppressed_by: None,
    });
}

/// The lists write `golang.*` for all packages that begin so.
fn names(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle(cycle: &str, released: &str, end: &str, extended_end: &str, latest: &str) -> Cycle {
        Cycle {
            product: "debian".into(),
            cycle: cycle.into(),
            codename: String::new(),
            released: released.into(),
            end: end.into(),
            extended_end: extended_end.into(),
            latest: latest.into(),
        }
    }

    fn check(id: &str, version: &str, today: &str) -> Support {
        let release = Release { id: id.into(), version: version.into(), ..Release::default() };
        let cycles = [
            cycle("10", "2019-07-06", "2022-09-10", "2024-06-30", "10.13"),
            cycle("12", "2023-06-10", "2026-07-11", "2028-06-30", "12.15"),
            cycle("13", "2025-08-09", "2028-08-09", "2030-06-30", "13.6"),
            cycle("14", "", "", "", ""),
        ];
        let mut support = Support::default();
        judge_release(&mut support, &release, &release.stream().unwrap(), &cycles, today);
        support
    }

    #[test]
    fn a_release_that_is_over_is_a_finding_with_a_next_release() {
        let support = check("debian", "10", "2026-11-01");
        assert_eq!(support.findings[0].fixed_version.as_deref(), Some("Debian 13"));
        assert_eq!(support.findings[0].kind, FindingKind::EndOfLife);
        assert_eq!(check("ubuntu", "12.04", "2026-11-01").findings, []);
    }

    #[test]
    fn long_term_support_is_a_note() {
        let support = check("debian", "12", "2026-11-01");
        assert_eq!((support.findings.len(), support.problems.len()), (0, 1));
        assert_eq!(support.newest.as_deref(), Some("12.15"));
        assert_eq!(check("debian", "13", "2026-11-01").problems, []);
    }

    #[test]
    fn products_by_their_cycle() {
        let cycles = [
            cycle("3", "2008-12-03", "ended", "", ""),
            cycle("3.1", "2009-06-27", "2012-04-09", "", ""),
            cycle("3.13", "2024-10-07", "2029-10-31", "", ""),
            cycle("3.14", "2025-10-07", "2030-10-31", "", ""),
            cycle("3.15", "", "", "", ""),
        ];
        let check = |version: &str| {
            let location = plimsoll_model::Location::new("usr/local/bin/python3".into());
            let package = Package::new(plimsoll_model::Ecosystem::Generic, "python", version, location);
            let mut support = Support::default();
            judge_product(&mut support, &package, version, &cycles, "2026-11-01");
            support.findings.into_iter().map(|finding| (finding.title, finding.fixed_version)).next()
        };
        let next = Some("3.14".to_owned());
        assert_eq!(
            check("3.1.5"),
            Some(("python 3.1 gets no more security fixes since 2012-04-09".into(), next.clone()))
        );
        assert_eq!(check("3.0.1"), Some(("python 3 gets no more security fixes".into(), next)));
        assert_eq!(check("3.13.2"), None);
        assert_eq!(check("2.7.18"), None, "a cycle that nobody names");
        assert_eq!(check(""), None);
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("golang.*", "golang-1.19", true),
            ("golang.*", "go", false),
            ("vte", "vte", true),
            ("vte", "vte2", false),
        ] {
            assert_eq!(names(pattern, name), expected, "{pattern} {name}");
        }
    }
}
