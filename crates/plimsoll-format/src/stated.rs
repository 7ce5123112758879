//! What a report knows of exploitability, in the words of VEX: what statements, exceptions and sources said.

use plimsoll_model::{Finding, FindingKind, FixStatus};

/// Justifications of OpenVEX 0.2.0; CSAF's flags have the same words.
pub(crate) const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// One answer about one finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    /// It does not affect the target.
    NotAffected {
        /// In OpenVEX's words.
        justification: Option<&'static str>,
        /// In words; may be empty when there is a justification.
        impact: String,
    },
    /// A fix is in.
    Fixed(String),
    /// It affects the target, and somebody decided what to do.
    Affected(String),
    /// Nobody has said; what the sources know.
    Open(String),
}

/// Is it something that VEX speaks of?
pub(crate) fn is_vulnerability(finding: &Finding) -> bool {
    finding.subject.as_package().is_some()
        && matches!(finding.kind, FindingKind::Vulnerability | FindingKind::Malware)
}

/// What is known of one finding.
pub(crate) fn of(finding: &Finding) -> Stated {
    if let Some(suppression) = &finding.suppressed_by {
        let said = format!("{} ({})", suppression.reason, suppression.source);
        let mut words = suppression.reason.split(": ");
        let first = words.next().unwrap_or_default();
        let justification = suppression
            .reason
            .split(": ")
            .find_map(|word| JUSTIFICATIONS.into_iter().find(|justification| *justification == word));
        return match suppression.by.as_str() {
            // An exception is somebody's decision to live with it, which is not the same as not being affected.
            "exception" => Stated::Affected(format!("accepted: {said}")),
            "vex" if first == "fixed" => Stated::Fixed(said),
            _ => Stated::NotAffected { justification, impact: said },
        };
    }
    let fix = crate::summary::fix(finding);
    match finding.status {
        FixStatus::NotAffected => {
            let source = finding.evidence.first().map_or("a source", |evidence| evidence.source.as_str());
            Stated::NotAffected {
                justification: None,
                impact: format!("{source} says that it is not affected"),
            }
        }
        _ => Stated::Open(fix),
    }
}
