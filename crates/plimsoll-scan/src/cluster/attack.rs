//! What reports of scans say of flaws by which somebody gets in.

use std::collections::HashMap;

use plimsoll_model::attack::AttackFlaw;
use plimsoll_model::functions::Reach;
use plimsoll_model::report::Coverage;
use plimsoll_model::{Change, Effect, Finding, FindingKind, Level, Party, Report};
use plimsoll_posture::cluster::attack::{Flaw, ImageFlaws};

use crate::ScanError;

/// Reads saved reports: of `plimsoll scan --format json`, one image or many.
///
/// # Errors
/// When a file cannot be read, or is no report.
pub fn image_flaws(paths: &[String]) -> Result<Vec<ImageFlaws>, ScanError> {
    let mut all = Vec::new();
    for path in paths {
        for surveyed in crate::plan::read(path)? {
            // A target whose scan failed is one without a report.
            all.extend(surveyed.report.as_ref().map(of_report));
        }
    }
    Ok(all)
}

/// What one report says.
fn of_report(report: &Report) -> ImageFlaws {
    let target = &report.target;
    let mut names = vec![target.name.clone()];
    names.extend(target.reference.clone());
    let mut digests: Vec<String> =
        target.digest.iter().chain(&target.image_id).map(ToString::to_string).collect();
    for known in target.origin.iter().flat_map(|origin| &origin.digests) {
        digests.extend(known.rsplit_once('@').map(|(_, digest)| digest.to_owned()));
    }
    let incomplete = report.problems.iter().find(|problem| problem.effect == Effect::Incomplete);
    let unknown = match (report.database.coverage, incomplete) {
        (Coverage::Database, None) => None,
        (Coverage::Database, Some(problem)) => {
            Some(format!("the report is not whole: {}: {}", problem.subject, problem.detail))
        }
        _ => Some("the report was made without a database of advisories".to_owned()),
    };
    let mut changes: HashMap<&str, &Change> = HashMap::new();
    for change in &report.changes {
        for id in &change.removes {
            changes.entry(id.as_str()).or_insert(change);
        }
    }
    let flaws = report.findings.iter().filter(|finding| lets_in(finding)).map(|finding| {
        let change = changes.get(finding.id.as_str());
        let severity = match finding.severity.level {
            Level::Critical => "critical",
            Level::High => "high",
            Level::Medium => "medium",
            Level::Low | Level::Negligible => "low",
            Level::Unknown => "unknown",
        };
        Flaw {
            flaw: AttackFlaw {
                exploited: finding.risk.kev.is_some() || finding.kind == FindingKind::Malware,
                severity: severity.to_owned(),
                advisory: finding.advisory.clone(),
                package: format!("{} {}", finding.subject.name(), finding.subject.version())
                    .trim_end()
                    .to_owned(),
                fixable: finding.risk.fixable || finding.fixed_version.is_some(),
            },
            party: change.map_or(&finding.party, |change| &change.party).clone(),
            action: change.map_or(&finding.remedy.action, |change| &change.action).clone(),
            command: change.map_or(&finding.remedy.command, |change| &change.command).clone(),
        }
    });
    let flaws = flaws.collect();
    ImageFlaws { names, digests, unknown, flaws }
}

/// Whether a finding is one by which somebody gets in over the network: critical, high or known to be exploited; not one for
/// which one has to be on the machine already; not in what does not run.
fn lets_in(finding: &Finding) -> bool {
    let counts = matches!(finding.kind, FindingKind::Vulnerability | FindingKind::Malware)
        && finding.suppressed_by.is_none()
        && !matches!(finding.party, Party::Nobody(_))
        && !finding.risk.not_run
        && !finding.risk.development
        && finding.risk.reach != Some(Reach::NotLinked);
    let grave = finding.kind == FindingKind::Malware
        || finding.risk.kev.is_some()
        || matches!(finding.severity.level, Level::Critical | Level::High);
    counts && grave && over_network(finding.severity.vector.as_deref())
}

/// Whether a CVSS vector says that the network is enough, or says nothing about it (versions 2 to 4: `AV:N`, `AV:A`).
fn over_network(vector: Option<&str>) -> bool {
    let value = vector.and_then(|vector| vector.split('/').find_map(|part| part.strip_prefix("AV:")));
    !matches!(value, Some("L" | "P"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lets_somebody_in_counts() {
        let sample = |level, vector: Option<&str>| {
            let mut finding = Finding::sample("CVE-1", level, true);
            finding.severity.vector = vector.map(str::to_owned);
            finding
        };
        let local = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H";
        let network = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
        assert!(lets_in(&sample(Level::Critical, None)));
        assert!(lets_in(&sample(Level::High, Some(network))));
        assert!(!lets_in(&sample(Level::Critical, Some(local))));
        assert!(!lets_in(&sample(Level::Medium, Some(network))));
        for change in [
            (|finding| finding.risk.not_run = true) as fn(&mut Finding),
            |finding| finding.risk.reach = Some(Reach::NotLinked),
            |finding| finding.party = Party::Nobody("it is accepted".into()),
        ] {
            let mut finding = sample(Level::Critical, None);
            change(&mut finding);
            assert!(!lets_in(&finding));
        }
    }
}
