//! One object by itself, as admission sees it: the rules that need no other object, by the acceptances and exceptions of a check.

use jiff::civil::Date;
use plimsoll_model::workload::Kinds;
use plimsoll_model::{Finding, Level, Target as TargetFacts, TargetKind};
use plimsoll_posture::frameworks::beside;
use plimsoll_posture::kubernetes::Objects;
use plimsoll_posture::kubernetes::acceptance::Acceptances;
use plimsoll_posture::{check_objects, find};
use serde_json_borrow::Value;

use super::manifests;
use crate::exceptions::Exceptions;

/// Which rules are asked of one object, and what is accepted.
#[derive(Clone, Debug)]
pub struct ObjectRules {
    /// Rules of this severity and above.
    pub from: Level,
    /// Exceptions of a file.
    pub exceptions: Exceptions,
}

/// What they say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// What was found, with what is accepted marked.
    pub findings: Vec<Finding>,
    /// Acceptances and exceptions that ended, and are about this.
    pub expired: Vec<String>,
    /// Annotations that cannot be taken, and parts of the object that cannot be read, which rules would have looked at.
    pub faults: Vec<String>,
    /// Parts of the object that cannot be read.
    pub unread: Vec<String>,
}

impl ObjectRules {
    /// Holds an object against the rules. Those whose answer rests on other objects are not asked: [`beside`] names them.
    pub fn judge(&self, object: &Value<'_>, kinds: &Kinds, today: Date) -> Said {
        let mut objects = Objects::default();
        let mut said = Said::default();
        if !objects.add(object, 0, kinds) {
            return said;
        }
        let day = today.to_string();
        for (object, judged) in objects.iter().zip(check_objects(&objects)) {
            said.unread.extend(object.unread().iter().map(ToString::to_string));
            let accepted = Acceptances::of(object.value(), &day);
            said.faults.extend(accepted.fault.iter().cloned());
            for breach in &judged.breaches {
                let Some(rule) = find(breach.rule) else { continue };
                if rule.severity < self.from || !beside(rule).is_empty() {
                    continue;
                }
                let mut finding = manifests::finding_of_object(object, breach);
                finding.suppressed_by =
                    accepted.covers(rule.id).map(|one| manifests::suppression(one, "annotation"));
                let over = accepted.expired.iter().find(|one| one.rules.contains(&rule.id));
                said.expired.extend(over.map(|one| {
                    format!("the acceptance of `{}` ended on {}, owner {}", rule.id, one.until, one.owner)
                }));
                said.findings.push(finding);
            }
        }
        let target = TargetFacts::named(TargetKind::Cluster, "admission");
        let applied = self.exceptions.apply(&mut said.findings, &[], &target, today);
        said.expired.extend(applied.expired);
        said
    }
}
