//! Two targets side by side: packages that came, went or moved, findings that came or went.
//!
//! Findings are compared by advisory and package (or place), not by version: a flaw that an upgrade does not mend is still
//! the same flaw. Only what the second target brings is held against the line.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use plimsoll_model::diff::{Diff, PackageChange, PackageChangeKind, Side};
use plimsoll_model::report::SCHEMA_VERSION;
use plimsoll_model::{Ecosystem, Effect, Finding, Package, Report, version};

use crate::scan::{Options, scan};
use crate::verdict;
use crate::{Progress, ScanError, saved};

/// Scans both and compares. Each may also be a report that `--format json` wrote.
///
/// # Errors
/// When one of them cannot be scanned.
pub fn diff(
    before: &str,
    after: &str,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Diff, ScanError> {
    let first = report(before, options, stdin, progress)?;
    let second = report(after, options, stdin, progress)?;
    Ok(compare(&first, &second, options))
}

fn report(
    typed: &str,
    options: &Options,
    stdin: &mut dyn Read,
    progress: &dyn Progress,
) -> Result<Report, ScanError> {
    match saved(typed)? {
        Some(report) => Ok(report),
        None => scan(typed, options, stdin, progress),
    }
}

/// The report that a file holds, when it is one of ours.
fn saved(typed: &str) -> Result<Option<Report>, ScanError> {
    let path = Path::new(typed);
    if !path.is_file() || !saved::is_ours(path)? {
        return Ok(None);
    }
    let bytes = saved::read(typed)?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| ScanError::SavedReport { path: typed.to_owned(), detail: error.to_string() })
}

/// Compares two reports.
pub fn compare(before: &Report, after: &Report, options: &Options) -> Diff {
    let key = |finding: &Finding| {
        (
            finding.advisory.clone(),
            finding.subject.ecosystem().map(Ecosystem::name),
            finding.subject.name().into_owned(),
        )
    };
    let counts = |finding: &&Finding| finding.suppressed_by.is_none();
    let keys = |report: &Report| report.findings.iter().filter(counts).map(key).collect::<BTreeSet<_>>();
    let (old, new) = (keys(before), keys(after));
    let only = |report: &Report, other: &BTreeSet<_>| -> Vec<Finding> {
        report
            .findings
            .iter()
            .filter(counts)
            .filter(|finding| !other.contains(&key(finding)))
            .cloned()
            .collect()
    };
    let introduced = only(after, &old);
    let fixed = only(before, &new);
    let mut problems: Vec<_> = before.problems.iter().chain(&after.problems).cloned().collect();
    problems.sort();
    problems.dedup();
    let mut verdict = verdict::judge(options.line, &introduced, &after.problems, Some(&after.database), None);
    let unseen = before.problems.iter().filter(|problem| problem.effect == Effect::Incomplete).count();
    if unseen > 0 {
        let those = if unseen == 1 { "1 thing" } else { &format!("{unseen} things") };
        verdict.reasons.push(format!(
            "{those} of {} could not be seen: what was there already may be told as new",
            before.target.name
        ));
    }
    Diff {
        schema_version: SCHEMA_VERSION.to_owned(),
        plimsoll: env!("CARGO_PKG_VERSION").to_owned(),
        before: side(before),
        after: side(after),
        database: after.database.clone(),
        verdict,
        packages: packages(&before.packages, &after.packages),
        introduced,
        fixed,
        remaining: old.intersection(&new).count() as u64,
        problems,
    }
}

fn side(report: &Report) -> Side {
    Side {
        name: report.target.name.clone(),
        digest: report.target.digest.clone(),
        release: report.target.release.as_ref().map(plimsoll_model::Release::label),
        packages: report.packages.len() as u64,
        findings: report.findings.iter().filter(|finding| finding.suppressed_by.is_none()).count() as u64,
    }
}

fn packages(before: &[Package], after: &[Package]) -> Vec<PackageChange> {
    let by_name = |packages: &[Package]| {
        let mut versions: BTreeMap<(&'static str, Ecosystem, String), BTreeSet<String>> = BTreeMap::new();
        for package in packages {
            let key = (package.ecosystem.name(), package.ecosystem, package.name.clone());
            versions.entry(key).or_default().insert(package.version.clone());
        }
        versions
    };
    let (old, new) = (by_name(before), by_name(after));
    let nothing = BTreeSet::new();
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in names {
        let (_, ecosystem, name) = key;
        let (had, has) = (old.get(key).unwrap_or(&nothing), new.get(key).unwrap_or(&nothing));
        let from: Vec<String> = had.difference(has).cloned().collect();
        let to: Vec<String> = has.difference(had).cloned().collect();
        let kind = match (from.as_slice(), to.as_slice()) {
            ([], []) => continue,
            ([], _) => PackageChangeKind::Added,
            (_, []) => PackageChangeKind::Removed,
            ([from], [to]) => match version::compare(ecosystem.scheme(), from, to) {
                Ok(Ordering::Less) => PackageChangeKind::Upgraded,
                Ok(Ordering::Greater) => PackageChangeKind::Downgraded,
                Ok(Ordering::Equal) | Err(_) => PackageChangeKind::Changed,
            },
            _ => PackageChangeKind::Changed,
        };
        changes.push(PackageChange { kind, ecosystem: *ecosystem, name: name.clone(), from, to });
    }
    changes
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{ImagePath, Location};

    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package::new(Ecosystem::Npm, name, version, Location::new(ImagePath::from("package-lock.json")))
    }

    #[test]
    fn what_became_of_packages() {
        let before = [
            package("a", "1.0.0"),
            package("b", "2.0.0"),
            package("c", "1.0.0"),
            package("d", "1.0.0"),
            package("d", "2.0.0"),
        ];
        let after = [
            package("a", "1.1.0"),
            package("b", "1.9.0"),
            package("d", "2.0.0"),
            package("e", "1.0.0"),
            package("c", "one"),
        ];
        let told: Vec<String> = packages(&before, &after)
            .iter()
            .map(|change| format!("{} {} {:?} {:?}", change.name, change.kind.word(), change.from, change.to))
            .collect();
        assert_eq!(
            told,
            [
                r#"a upgraded ["1.0.0"] ["1.1.0"]"#,
                r#"b downgraded ["2.0.0"] ["1.9.0"]"#,
                r#"c changed ["1.0.0"] ["one"]"#,
                r#"d removed ["1.0.0"] []"#,
                r#"e added [] ["1.0.0"]"#,
            ]
        );
    }
}
