//! Whose findings are on a platform: through the cell of the control that each belongs to.

use std::sync::Arc;

use plimsoll_model::audit::Audit;
use plimsoll_model::pss::Pss;
use plimsoll_model::responsibility::{Belongs, Owner};
use plimsoll_model::{Evidence, Finding, FindingKind, Outcome, Party, Target, TargetKind};
use plimsoll_posture::responsibility::Matrix;
pub use plimsoll_posture::responsibility::is_system_namespace;
use plimsoll_posture::responsibility::parties;
pub use plimsoll_posture::responsibility::parties::{ATTACK, ATTACK_ON_NODE};

/// A platform by which findings show whose they are.
#[derive(Clone, Debug)]
pub struct OnPlatform {
    matrix: Arc<Matrix>,
    key: String,
}

impl OnPlatform {
    /// The platform with this key.
    ///
    /// # Errors
    /// When there is none; the keys that there are.
    pub fn named(matrix: Arc<Matrix>, key: &str) -> Result<Self, Vec<String>> {
        if matrix.platform(key).is_none() {
            return Err(matrix.platforms.iter().map(|(key, _)| key.clone()).collect());
        }
        Ok(OnPlatform { matrix, key: key.to_owned() })
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whose it is what a rule, or one of [`parties::FOUND`], names; `own` is whose it is when it is the application's.
    pub fn belongs(&self, name: &str, own: Party) -> Option<Belongs> {
        parties::belongs(&self.matrix, &self.key, name, own)
    }

    /// Says whose everything in an audit is: workloads with their images, objects that rules speak of, and what is trusted for its place.
    pub fn tell_audit(&self, audit: &mut Audit) {
        for result in &mut audit.results {
            let brought = parties::is_of_platform(&self.matrix, &self.key, &result.decision.image);
            let name = if brought { parties::IMAGE_OF_PLATFORM } else { parties::IMAGE };
            for used in &mut result.uses {
                used.whose = self.in_namespace(&used.namespace, name, used.owner.as_deref());
            }
        }
        for used in audit.rules.iter_mut().flat_map(|rule| &mut rule.objects) {
            used.whose = self.in_namespace(&used.namespace, parties::RULE, used.owner.as_deref());
        }
        for one in &mut audit.placed {
            let questions = [
                (&one.provenance, parties::ORIGIN),
                (&one.identity, parties::IDENTITY),
                (&one.network, parties::CONNECTION),
            ];
            // The first that is not so.
            let open = questions.iter().find(|(standing, _)| standing.answer != Outcome::Met);
            let name = open.map_or(parties::ORIGIN, |(_, name)| name);
            one.whose = self.in_namespace(&one.namespace, name, one.owner.as_deref());
        }
    }

    /// Says whose everything is that would break by a level of the Pod Security Standards.
    pub fn tell_pss(&self, pss: &mut Pss) {
        for namespace in &mut pss.namespaces {
            let own = namespace.levels.iter_mut().chain(&mut namespace.enforced);
            for one in own.flat_map(|standing| &mut standing.breaks) {
                one.whose = self.in_namespace(&namespace.name, parties::POD_SECURITY, None);
            }
        }
    }

    /// The same of something in a namespace: what is in one of the cluster's or provider's own is of the platform.
    pub fn in_namespace(&self, namespace: &str, name: &str, owner: Option<&str>) -> Option<Belongs> {
        if is_system_namespace(namespace) {
            self.belongs(parties::IMAGE_OF_PLATFORM, Party::Platform)
        } else {
            self.belongs(name, Party::Application(owner.map(str::to_owned)))
        }
    }
}

/// What a finding of a scan or a check is, as the table of parties names it.
fn name_of(finding: &Finding, of_platform: bool, of_node: bool) -> Option<&str> {
    if of_platform {
        return Some(parties::IMAGE_OF_PLATFORM);
    }
    let system = finding.subject.as_package().is_some_and(|package| package.ecosystem.is_distribution());
    Some(match finding.kind {
        FindingKind::Misconfiguration => &finding.advisory,
        FindingKind::Secret => parties::SECRET,
        FindingKind::License | FindingKind::Informational => return None,
        _ if of_node && (system || finding.party == Party::Platform) => parties::PACKAGE_OF_NODE,
        FindingKind::Malware => parties::MALWARE,
        FindingKind::EndOfLife => parties::END_OF_LIFE,
        FindingKind::Vulnerability => match finding.party {
            Party::BaseImage(_) | Party::Distribution(_) => parties::PACKAGE_OF_BASE,
            _ => parties::PACKAGE_OF_APPLICATION,
        },
    })
}

/// Sets the party of findings, with the control that says so.
pub(crate) fn apply(findings: &mut [Finding], target: &Target, on: Option<&OnPlatform>) {
    let Some(on) = on else { return };
    let names = [Some(target.name.as_str()), target.reference.as_deref()];
    let of_platform =
        names.into_iter().flatten().any(|reference| parties::is_of_platform(&on.matrix, &on.key, reference));
    let of_node = target.kind == TargetKind::Directory;
    for finding in findings {
        let Some(name) = name_of(finding, of_platform, of_node) else { continue };
        let own = finding.party.clone();
        let Some(belongs) = on.belongs(name, own) else { continue };
        set(finding, belongs);
    }
}

fn set(finding: &mut Finding, belongs: Belongs) {
    let recalled = if belongs.recalled { ", recalled" } else { "" };
    finding.evidence.push(Evidence {
        source: "plimsoll/responsibility".to_owned(),
        record: belongs.control,
        date: String::new(),
        range: format!("on {} it is {}{recalled}", belongs.platform_name, belongs.owner.word()),
        compared: belongs.title,
        rule: "matrix".to_owned(),
    });
    match belongs.owner {
        Owner::Provider => {
            finding.remedy.action = belongs.next;
            finding.remedy.command = None;
        }
        Owner::Shared if !belongs.next.is_empty() && !matches!(belongs.party, Party::Nobody(_)) => {
            finding.remedy.action = format!("{}; or {}", finding.remedy.action, belongs.next);
            if finding.remedy.command.is_none() {
                finding.remedy.command = belongs.command;
            }
        }
        _ => {}
    }
    finding.party = belongs.party;
}
