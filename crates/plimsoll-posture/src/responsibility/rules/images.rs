//! Images: whether they are known, scanned, patched, and where they come from.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud, Kubernetes, Scanned, missing};
use super::support::{days, few, is_system_namespace, judged_workloads};
use super::{Scene, shown, text};
use crate::kubernetes::{at, list};

/// Days after which a scan is too old to speak for an image.
const SCAN_DAYS: i64 = 7;
/// Words in names of images of controllers and operators that people install.
const CONTROLLERS: [&str; 16] = [
    "argocd",
    "cert-manager",
    "cilium",
    "controller",
    "envoy",
    "external-dns",
    "external-secrets",
    "flux",
    "gatekeeper",
    "ingress",
    "istio",
    "kyverno",
    "linkerd",
    "operator",
    "traefik",
    "vault",
];

/// An image that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::responsibility) struct ImageInUse {
    /// As the pod names it.
    reference: String,
    /// Digests that the cluster tells of it.
    digests: BTreeSet<String>,
    /// Those of them that containers run with, where its name does not pin it: each is an image of its own.
    apart: BTreeSet<String>,
    /// In a namespace of the system.
    system: bool,
}

/// The digest at the end of an image's name.
pub(in crate::responsibility) fn digest_in(text: &str) -> Option<&str> {
    let at = text.rfind("sha256:")?;
    text.get(at..at + "sha256:".len() + 64)
}

/// All images of what was given, by reference.
fn running<'a>(scene: &Scene<'a, '_>) -> Answer<&'a [ImageInUse]> {
    let kubernetes = scene.workloads()?;
    Ok(kubernetes.images.get_or_init(|| collected(kubernetes)))
}

fn collected(kubernetes: &Kubernetes<'_>) -> Vec<ImageInUse> {
    let mut all: BTreeMap<(String, bool), BTreeSet<String>> = BTreeMap::new();
    for object in kubernetes.objects().iter() {
        let system = is_system_namespace(object.name.namespace);
        for container in object.pods.iter().flat_map(|pod| &pod.containers) {
            let Some(reference) = container.image else { continue };
            let digests = all.entry((reference.to_owned(), system)).or_default();
            digests.extend(digest_in(reference).map(str::to_owned));
        }
        for key in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
            for status in list(at(object.value(), &["status", key])) {
                let id = text(status, &["imageID"]).and_then(digest_in);
                let name = text(status, &["name"]).unwrap_or_default();
                let reference =
                    object.pods.iter().flat_map(|pod| &pod.containers).find(|one| one.name == name);
                if let (Some(id), Some(reference)) = (id, reference.and_then(|container| container.image)) {
                    all.entry((reference.to_owned(), system)).or_default().insert(id.to_owned());
                }
            }
        }
    }
    let image = |((reference, system), digests): ((String, bool), BTreeSet<String>)| {
        let apart = if digest_in(&reference).is_some() { BTreeSet::new() } else { digests.clone() };
        ImageInUse { reference, digests, apart, system }
    };
    all.into_iter().map(image).collect()
}

/// What reports say of the images that `wanted` chooses: a line for each that `wrong` speaks of. Missing where one has no
/// report, or one that could not read everything.
fn reported(
    scene: &Scene<'_, '_>,
    what: &str,
    wanted: impl Fn(&ImageInUse) -> bool,
    wrong: impl Fn(&ImageInUse, &Scanned) -> Option<String>,
) -> Finding {
    if scene.evidence.reports.is_empty() {
        return Finding::unknown(missing(
            InputKind::Reports,
            "--report REPORT.json of each image that runs (plimsoll scan IMAGE --format json)",
        ));
    }
    let images = match running(scene) {
        Err(missing) => return Finding::unknown(missing),
        Ok(images) => images.iter().filter(|image| wanted(image)).collect::<Vec<_>>(),
    };
    if images.is_empty() {
        return Finding::unknown(missing(InputKind::Kubernetes, format!("an image of {what}")));
    }
    let mut unscanned = Vec::new();
    let mut others = Vec::new();
    let mut partial = Vec::new();
    let mut lines = Vec::new();
    for image in images.iter().copied() {
        let told = scene.evidence.reports.about(&image.reference, &image.digests, &image.apart);
        match told.other {
            // Its name is the same, and it is another image.
            Some(digest) => others.push(format!("{} as it runs: {digest}", shortened(&image.reference))),
            None if told.reports.is_empty() => unscanned.push(image.reference.clone()),
            None => {}
        }
        if told.reports.iter().any(|report| !report.complete) {
            partial.push(image.reference.clone());
        }
        lines.extend(told.reports.into_iter().filter_map(|report| wrong(image, report)));
    }
    if !lines.is_empty() {
        return Finding::all_wrong(lines);
    }
    let mut parts = vec![Finding::met(format!(
        "reports about {} images of {what}",
        images.len() - unscanned.len() - others.len()
    ))];
    if !unscanned.is_empty() {
        parts.push(Finding::unknown(missing(
            InputKind::Reports,
            format!("a report about {}", few(&unscanned)),
        )));
    }
    if !others.is_empty() {
        parts.push(Finding::unknown(missing(
            InputKind::Reports,
            format!("a report about {} (that of this name is about another digest)", few(&others)),
        )));
    }
    if !partial.is_empty() {
        parts.push(Finding::unknown(missing(
            InputKind::Reports,
            format!("a whole report about {}", few(&partial)),
        )));
    }
    Finding::all(parts)
}

fn fixable(image: &ImageInUse, findings: &[(String, String)]) -> Option<String> {
    let mut ids: Vec<String> = findings.iter().map(|(id, _)| id.clone()).collect();
    ids.sort();
    ids.dedup();
    (!ids.is_empty())
        .then(|| format!("{}: {} findings with a fix, {}", shortened(&image.reference), ids.len(), few(&ids)))
}

fn all_fixable(image: &ImageInUse, report: &Scanned) -> Option<String> {
    let all: Vec<(String, String)> = report.application.iter().chain(&report.base).cloned().collect();
    fixable(image, &all)
}

/// Images of the system in their namespaces.
pub(super) fn system_findings(scene: &Scene<'_, '_>) -> Finding {
    reported(scene, "system namespaces", |image| image.system, all_fixable)
}

pub(super) fn system(scene: &Scene<'_, '_>) -> Decision {
    let effect = system_findings(scene);
    match scene.base() {
        Base::EksManaged => Decision::both(add_on_health(scene), effect),
        _ => Decision::effect(effect),
    }
}

fn add_on_health(scene: &Scene<'_, '_>) -> Finding {
    let mut parts: Vec<Finding> = Vec::new();
    for name in ["vpc-cni", "coredns", "kube-proxy"] {
        let add_on = match scene.evidence.exports.add_on(name) {
            Ok(add_on) => add_on,
            Err(missing) => {
                parts.push(Finding::unknown(missing));
                continue;
            }
        };
        parts.push(match add_on.text("status") {
            Ok("ACTIVE") => Finding::met(format!(
                "add-on {name} {} is active",
                shortened(add_on.text("addonVersion").unwrap_or_default())
            )),
            Ok(status) => Finding::not_met(format!("add-on {name} is {}", shortened(status))),
            Err(missing) => Finding::unknown(missing),
        });
        parts.push(match add_on.list("health.issues") {
            Ok([]) => Finding::met(format!("add-on {name} has no health issue")),
            Ok(issues) => Finding::not_met(format!("add-on {name} has {} health issues", issues.len())),
            Err(missing) => Finding::unknown(missing),
        });
    }
    Finding::all(parts)
}

pub(super) fn add_ons(scene: &Scene<'_, '_>) -> Decision {
    let effect = system_findings(scene);
    match scene.base() {
        Base::GkeStandard => {
            Decision::both(super::nodes::patches(scene).toggle.unwrap_or_else(|| effect.clone()), effect)
        }
        Base::EksManaged | Base::EksFargate | Base::EksAuto => Decision::both(add_on_health(scene), effect),
        Base::AksStandard => {
            Decision::both(super::nodes::patches(scene).toggle.unwrap_or_else(|| effect.clone()), effect)
        }
        _ => Decision::effect(effect),
    }
}

pub(super) fn controllers(scene: &Scene<'_, '_>) -> Decision {
    let is =
        |image: &ImageInUse| !image.system && CONTROLLERS.iter().any(|word| image.reference.contains(word));
    Decision::effect(reported(scene, "controllers and operators", is, all_fixable))
}

pub(super) fn scanned(scene: &Scene<'_, '_>) -> Decision {
    let now = scene.evidence.now;
    let effect = reported(
        scene,
        "applications",
        |image| !image.system,
        |image, report| match report.data_of {
            Some(of) if days(of, now) > SCAN_DAYS => Some(format!(
                "{} was scanned with advisories that are {} days old",
                shortened(&image.reference),
                days(of, now)
            )),
            Some(_) => None,
            None => Some(format!("{} was scanned without advisories", shortened(&image.reference))),
        },
    );
    match scene.base().family() {
        Some(Cloud::Aks) => {
            let on = scene
                .cloud()
                .and_then(|cluster| cluster.bool("securityProfile.defender.securityMonitoring.enabled"));
            Decision::both(Finding::from(on, "Defender is on", "Defender is off"), effect)
        }
        _ => Decision::effect(effect),
    }
}

pub(super) fn rebuilt(scene: &Scene<'_, '_>) -> Decision {
    Decision::effect(reported(scene, "applications", |image| !image.system, all_fixable))
}

pub(super) fn base(scene: &Scene<'_, '_>) -> Decision {
    Decision::effect(reported(
        scene,
        "applications",
        |image| !image.system,
        |image, report| fixable(image, &report.base),
    ))
}

pub(super) fn application(scene: &Scene<'_, '_>) -> Decision {
    Decision::effect(reported(
        scene,
        "applications",
        |image| !image.system,
        |image, report| fixable(image, &report.application),
    ))
}

pub(super) fn inventory(scene: &Scene<'_, '_>) -> Decision {
    Decision::effect(reported(
        scene,
        "everything that runs",
        |_| true,
        |image, report| {
            (report.packages == 0)
                .then(|| format!("the report about {} names no package", shortened(&image.reference)))
        },
    ))
}

/// Whether Binary Authorization stands before images.
pub(super) fn binary_authorization(scene: &Scene<'_, '_>) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.text("binaryAuthorization.evaluationMode")) {
        Err(missing) => Finding::unknown(missing),
        Ok("DISABLED" | "EVALUATION_MODE_UNSPECIFIED") => Finding::not_met("Binary Authorization is off"),
        Ok(
            mode @ ("PROJECT_SINGLETON_POLICY_ENFORCE"
            | "POLICY_BINDINGS"
            | "POLICY_BINDINGS_AND_PROJECT_SINGLETON_POLICY_ENFORCE"),
        ) => Finding::met(format!("Binary Authorization: {mode}")),
        Ok(other) => Finding::unknown(missing(
            InputKind::Gke,
            format!("a known value of binaryAuthorization.evaluationMode, not `{}`", shortened(other)),
        )),
    }
}

/// Policies of others that verify images.
fn verifying_policies(scene: &Scene<'_, '_>) -> Finding {
    let kinds = [
        ("policy.sigstore.dev", "ClusterImagePolicy"),
        ("policies.kyverno.io", "ImageValidatingPolicy"),
        ("config.ratify.deislabs.io", "Verifier"),
        ("plimsoll.dev", "ImagePolicy"),
    ];
    let kyverno = scene.kind("kyverno.io", "ClusterPolicy").map(|policies| {
        policies.iter().any(|policy| {
            let enforce = [["spec", "validationFailureAction"], ["spec", "failureAction"]];
            let enforce = enforce
                .iter()
                .any(|path| text(policy, path).is_some_and(|action| action.eq_ignore_ascii_case("enforce")));
            enforce
                && list(at(policy, &["spec", "rules"]))
                    .iter()
                    .any(|rule| at(rule, &["verifyImages"]).is_some())
        })
    });
    Finding::any(
        kinds
            .map(|(group, kind)| {
                let found = scene.kind(group, kind).map(|found| !found.is_empty());
                Finding::from(found, format!("{kind} objects verify images"), format!("no {kind}"))
            })
            .into_iter()
            .chain([Finding::from(
                kyverno,
                "a Kyverno policy verifies images",
                "no Kyverno policy verifies images",
            )]),
    )
}

pub(super) fn origin(scene: &Scene<'_, '_>) -> Decision {
    let mut ways = vec![verifying_policies(scene)];
    match scene.base().family() {
        Some(Cloud::Gke) => ways.insert(0, binary_authorization(scene)),
        Some(Cloud::Aks) => {
            let on = scene.cloud().and_then(|cluster| cluster.bool("securityProfile.imageIntegrity.enabled"));
            ways.push(Finding::from(on, "image integrity is on", "image integrity is off"));
        }
        _ => {}
    }
    Decision::effect(Finding::any(ways))
}

/// The registry of a reference.
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}

pub(super) fn registries(scene: &Scene<'_, '_>) -> Decision {
    let images = match running(scene) {
        Ok(images) => images,
        Err(missing) => return Decision::effect(Finding::unknown(missing)),
    };
    let hosts: BTreeSet<&str> =
        images.iter().filter(|image| !image.system).map(|image| registry(&image.reference)).collect();
    let hosts: Vec<String> = hosts.into_iter().map(str::to_owned).collect();
    // Which of them are approved is for a person to say.
    let mut open = Finding::unknown(missing(
        InputKind::Attest,
        format!("that these registries are approved: {}", few(&hosts)),
    ));
    open.seen = vec![format!("images come from {}", few(&hosts))];
    Decision::effect(open)
}

pub(super) fn pinned(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(scene, &["image-without-digest"]);
    Decision::effect(Finding::none_of(wrong, "every image of an application is named by digest"))
}

pub(super) fn sources(scene: &Scene<'_, '_>) -> Decision {
    let argo = scene.kind("argoproj.io", "Application").map(|all| {
        all.iter()
            .filter(|one| {
                let sources = list(at(one, &["spec", "sources"])).iter().chain(at(one, &["spec", "source"]));
                sources.into_iter().any(|source| moves(text(source, &["targetRevision"])))
            })
            .map(|one| format!("Application {} follows a branch", shown(one)))
            .collect()
    });
    let flux = scene.kind("source.toolkit.fluxcd.io", "GitRepository").map(|all| {
        all.iter()
            .filter(|one| {
                let reference = at(one, &["spec", "ref"]);
                let pinned = ["commit", "tag", "semver"]
                    .iter()
                    .any(|key| reference.is_some_and(|value| at(value, &[key]).is_some()));
                !pinned
            })
            .map(|one| format!("GitRepository {} follows a branch", shown(one)))
            .collect()
    });
    let parts = [
        Finding::none_of(argo, "sources of Argo CD are pinned"),
        Finding::none_of(flux, "sources of Flux are pinned"),
    ];
    Decision::effect(Finding::all(parts))
}

/// Whether a revision moves: a branch, or none. Commits and versions do not.
fn moves(revision: Option<&str>) -> bool {
    let Some(revision) = revision else { return true };
    let commit = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    let version = revision
        .trim_start_matches('v')
        .split('.')
        .all(|part| !part.is_empty() && part.starts_with(|first: char| first.is_ascii_digit()));
    !(commit || version)
}

pub(super) fn unused(scene: &Scene<'_, '_>) -> Decision {
    if scene.base().family() == Some(Cloud::Aks) {
        let on = scene.cloud().and_then(|cluster| cluster.bool("securityProfile.imageCleaner.enabled"));
        return Decision::effect(Finding::from(on, "the image cleaner is on", "the image cleaner is off"));
    }
    let held = scene.nodes().and_then(|nodes| {
        let mut held: BTreeSet<&str> = BTreeSet::new();
        for node in nodes {
            let images = at(node, &["status", "images"])
                .ok_or_else(|| missing(InputKind::Kubernetes, "status.images of nodes"))?;
            for image in list(Some(images)) {
                held.extend(
                    list(at(image, &["names"])).iter().filter_map(Value::as_str).filter_map(digest_in),
                );
            }
        }
        Ok(held.into_iter().map(str::to_owned).collect::<BTreeSet<String>>())
    });
    let finding = match (held, running(scene)) {
        (Err(missing), _) | (_, Err(missing)) => Finding::unknown(missing),
        (Ok(held), Ok(images)) => {
            let used: BTreeSet<&String> = images.iter().flat_map(|image| &image.digests).collect();
            let unused = held.iter().filter(|digest| !used.contains(digest)).count();
            if unused == 0 {
                Finding::met("every image on the nodes is in use")
            } else {
                // Only those with known holes count, and nodes tell fifty images at most.
                let mut open = Finding::unknown(missing(
                    InputKind::Reports,
                    format!("reports about {unused} images on nodes that nothing uses"),
                ));
                open.seen = vec![format!("{unused} images on nodes are not in use")];
                open
            }
        }
    };
    Decision::effect(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_cut_where_characters_end() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(digest_in(&format!("example.org/a@{digest}")), Some(digest.as_str()));
        assert_eq!(digest_in("example.org/a@sha256:abc"), None);
        assert_eq!(digest_in(&format!("a@sha256:{}\u{e9}", "a".repeat(63))), None);
    }
}
