//! What the matrix needs of a saved report, read without making the rest of it, which is most of it.

use plimsoll_model::{Digest, Effect, FindingKind, FixStatus, Party, Problem};
use plimsoll_posture::responsibility::Scanned;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::ScanError;

/// What tells a survey from a report.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    targets: Option<Vec<Surveyed>>,
}

#[derive(Deserialize)]
struct Surveyed {
    name: String,
    #[serde(default)]
    report: Option<Report>,
}

#[derive(Deserialize)]
struct Report {
    target: Target,
    database: Data,
    /// Counted only.
    packages: Vec<IgnoredAny>,
    findings: Vec<Finding>,
    problems: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    name: String,
    #[serde(default)]
    digest: Option<Digest>,
    #[serde(default)]
    image_id: Option<Digest>,
}

#[derive(Deserialize)]
struct Data {
    date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    id: String,
    kind: FindingKind,
    advisory: String,
    status: FixStatus,
    #[serde(default)]
    fixed_version: Option<IgnoredAny>,
    party: Party,
    #[serde(default)]
    suppressed_by: Option<IgnoredAny>,
}

/// What a file of a report or a survey says of each image, by the name of the target; nothing where its scan failed.
///
/// # Errors
/// When it is no such file.
pub(crate) fn read(path: &str, bytes: &[u8]) -> Result<Vec<(String, Option<Scanned>)>, ScanError> {
    let unread = |error: serde_json::Error| ScanError::SavedReport {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    let shape: Shape = serde_json::from_slice(bytes).map_err(unread)?;
    if let Some(targets) = shape.targets {
        let one = |surveyed: Surveyed| (surveyed.name, surveyed.report.map(Report::told));
        return Ok(targets.into_iter().map(one).collect());
    }
    let report: Report = serde_json::from_slice(bytes).map_err(unread)?;
    Ok(vec![(report.target.name.clone(), Some(report.told()))])
}

impl Report {
    fn told(self) -> Scanned {
        let digests = self.target.digest.iter().chain(&self.target.image_id);
        let mut scanned = Scanned {
            digests: digests.map(ToString::to_string).collect(),
            name: self.target.name,
            data_of: self.database.date.parse().ok(),
            packages: self.packages.len() as u64,
            complete: self.problems.iter().all(|problem| problem.effect != Effect::Incomplete),
            ..Scanned::default()
        };
        for finding in self.findings {
            if finding.suppressed_by.is_some() || finding.kind != FindingKind::Vulnerability {
                continue;
            }
            let own = (finding.advisory, finding.id);
            match (&finding.party, finding.status) {
                (_, status) if status != FixStatus::Fixed && finding.fixed_version.is_none() => {
                    scanned.unfixed += 1;
                }
                (Party::BaseImage(_), _) => scanned.base.push(own),
                _ => scanned.application.push(own),
            }
        }
        scanned
    }
}
