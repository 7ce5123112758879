//! Whose findings are on a platform: through the cell of the control that each belongs to.

use std::sync::Arc;

use plimsoll_model::attack::{Attack, AttackCut, CutKind};
use plimsoll_model::audit::Audit;
use plimsoll_model::drift::{Drift, DriftArea, DriftItem};
use plimsoll_model::paths::Paths;
use plimsoll_model::pss::Pss;
use plimsoll_model::reach::{Exposure, Reach, ReachDiff};
use plimsoll_model::responsibility::{Belongs, Owner};
use plimsoll_model::rights::{Holder, WhoCan};
use plimsoll_model::suggestion::Suggestion;
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

    /// Says whose the ways in are, and the namespaces that no policy speaks of.
    pub fn tell_reach(&self, reach: &mut Reach) {
        self.tell_exposures(&mut reach.exposures);
        for namespace in &reach.namespaces_without_policy {
            if let Some(whose) = self.in_namespace(namespace, parties::CONNECTION, None) {
                reach.without_policy_whose.insert(namespace.clone(), whose);
            }
        }
    }

    /// Says whose everything is that came or went.
    pub fn tell_reach_diff(&self, diff: &mut ReachDiff) {
        self.tell_exposures(&mut diff.exposed);
        self.tell_exposures(&mut diff.closed);
        for change in &mut diff.changes {
            change.whose = self.of_connection(&change.from, &change.to);
        }
    }

    fn tell_exposures(&self, exposures: &mut [Exposure]) {
        for one in exposures {
            one.whose = self.of_workload(&one.workload, parties::WAY_IN, None);
        }
    }

    /// Says whose it is to take paths away, and the bindings that cut most.
    pub fn tell_paths(&self, paths: &mut Paths) {
        for path in &mut paths.paths {
            // One that several have is the platform's own only where all of them are.
            let own = !path.subjects.is_empty() && path.subjects.iter().all(is_of_system);
            let name = if own { parties::IMAGE_OF_PLATFORM } else { parties::ESCALATION };
            path.whose = self.belongs(name, Party::Platform);
        }
        for cut in &mut paths.cuts {
            cut.whose = self.belongs(parties::ESCALATION, Party::Platform);
        }
    }

    /// Says whose it is that somebody has a right.
    pub fn tell_who_can(&self, answer: &mut WhoCan) {
        for one in &mut answer.subjects {
            let own = is_of_system(&one.subject);
            let name = if own { parties::IMAGE_OF_PLATFORM } else { parties::RIGHT };
            one.whose = self.belongs(name, Party::Platform);
        }
    }

    /// Says whose every difference is.
    pub fn tell_drift(&self, drift: &mut Drift) {
        for item in drift.worse.iter_mut().chain(&mut drift.better) {
            item.whose = self.of_difference(item);
        }
    }

    fn of_difference(&self, item: &DriftItem) -> Option<Belongs> {
        match item.area {
            DriftArea::Exposure => self.of_workload(&item.about, parties::WAY_IN, None),
            DriftArea::Connection => match item.about.split_once(" => ") {
                Some((from, to)) => self.of_connection(from, to),
                None => self.of_workload(&item.about, parties::CONNECTION, None),
            },
            // Of a workload what would break, of a namespace its label.
            DriftArea::PodSecurity if item.about.contains('/') => {
                self.of_workload(&item.about, parties::POD_SECURITY, None)
            }
            DriftArea::PodSecurity => self.belongs("namespace-without-pod-security", Party::Platform),
            DriftArea::Right | DriftArea::Path => {
                let name = if item.area == DriftArea::Path { parties::ESCALATION } else { parties::RIGHT };
                let own = item.about.strip_prefix("ServiceAccount ").is_some_and(is_in_system);
                self.belongs(if own { parties::IMAGE_OF_PLATFORM } else { name }, Party::Platform)
            }
            DriftArea::Rule => {
                let rule = item.rule.as_deref()?;
                // `Deployment shop/web`.
                let own = item.about.split_once(' ').is_some_and(|(_, name)| is_in_system(name));
                let name = if own { parties::IMAGE_OF_PLATFORM } else { rule };
                self.belongs(name, Party::Application(None))
            }
        }
    }

    /// Says whose the changes are that cut routes. What the provider does is nobody's to change.
    pub fn tell_attack(&self, attack: &mut Attack) {
        for route in &mut attack.routes {
            for cut in route.cheapest.iter_mut().chain(&mut route.others) {
                cut.whose = self.of_cut(&route.workload, cut);
                let Some(whose) = &cut.whose else { continue };
                cut.party.clone_from(&whose.party);
                if whose.owner == Owner::Provider {
                    cut.action.clone_from(&whose.next);
                    cut.command = None;
                }
            }
        }
    }

    fn of_cut(&self, workload: &str, cut: &AttackCut) -> Option<Belongs> {
        let name = match cut.kind {
            CutKind::Binding => return self.belongs(parties::ESCALATION, cut.party.clone()),
            CutKind::Privilege => parties::POD_SECURITY,
            CutKind::Exposure => parties::WAY_IN,
            CutKind::Image => match cut.party {
                Party::BaseImage(_) | Party::Distribution(_) => parties::PACKAGE_OF_BASE,
                _ => parties::PACKAGE_OF_APPLICATION,
            },
        };
        self.of_workload(workload, name, Some(&cut.party))
    }

    /// Says whose the policies are that are proposed.
    pub fn tell_suggestion(&self, suggestion: &mut Suggestion) {
        for namespace in &mut suggestion.namespaces {
            namespace.whose = self.in_namespace(&namespace.name, parties::CONNECTION, None);
        }
    }

    /// Whose a connection is: of whoever lets it in, and of whoever lets it out where it ends at no workload.
    fn of_connection(&self, from: &str, to: &str) -> Option<Belongs> {
        let end = if namespace_of(to).is_some() { to } else { from };
        self.of_workload(end, parties::CONNECTION, None)
    }

    /// Whose something of a workload is, which is named `NAMESPACE/KIND/NAME`.
    fn of_workload(&self, workload: &str, name: &str, own: Option<&Party>) -> Option<Belongs> {
        if namespace_of(workload).is_some_and(is_system_namespace) {
            self.belongs(parties::IMAGE_OF_PLATFORM, Party::Platform)
        } else {
            self.belongs(name, own.cloned().unwrap_or(Party::Application(None)))
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

/// The namespace of `NAMESPACE/KIND/NAME`; blocks of addresses have a slash too, and none.
fn namespace_of(workload: &str) -> Option<&str> {
    let (namespace, rest) = workload.split_once('/')?;
    rest.contains('/').then_some(namespace)
}

/// Whether `NAMESPACE/NAME` is in one of the cluster's or provider's own namespaces.
fn is_in_system(name: &str) -> bool {
    name.split_once('/').is_some_and(|(namespace, _)| is_system_namespace(namespace))
}

/// Whether it is an account of the cluster's or provider's own.
fn is_of_system(holder: &Holder) -> bool {
    holder.kind == "ServiceAccount" && holder.namespace.as_deref().is_some_and(is_system_namespace)
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
        // What a cluster holds in such a namespace came with it; manifests of one's own did not.
        let of_platform = of_platform
            || target.kind == TargetKind::Cluster
                && finding.object.as_ref().is_some_and(|object| is_system_namespace(&object.namespace));
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
