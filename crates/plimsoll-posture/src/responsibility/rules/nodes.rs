//! Nodes: their images and patches, who gets in, what they may do.

use jiff::Timestamp;
use jiff::civil::Date;
use plimsoll_model::{Outcome, shortened};
use serde_json_borrow::Value;

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud, Part, missing};
use super::super::pools::name;
use super::control_plane::upgrade_channel;
use super::node_facts::{Setting, setting};
use super::support::{About, breaches, days, few, is_system_namespace};
use super::{Scene, checks, is_true, shown, text, versions};
use crate::kubernetes::{at, list};

/// Oldest node or node image that still counts as patched, in days: AKS supports node images for 90.
const OLDEST: i64 = 90;
/// What a node of EKS Auto Mode lives at most, in days, and what it may take to drain it.
const AUTO_MODE_LIFE: i64 = 22;
/// Minutes after which a node that is not ready should have been replaced.
const REPAIR_MINUTES: i64 = 60;

fn moment(value: &Value<'_>, path: &[&str]) -> Option<Timestamp> {
    text(value, path)?.parse().ok()
}

/// The day in `20261023` or `202611.02.0`.
fn day(text: &str) -> Option<Timestamp> {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(8).collect();
    if digits.len() != 8 {
        return None;
    }
    let date =
        Date::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
}

/// The age of each of the pool's nodes in days, the oldest first.
fn ages(scene: &Scene<'_, '_>) -> Answer<Vec<(i64, String)>> {
    let mut ages = Vec::new();
    for node in scene.nodes()? {
        let created = moment(node, &["metadata", "creationTimestamp"]).ok_or_else(|| {
            missing(
                InputKind::Kubernetes,
                format!("metadata.creationTimestamp of the node {}", shortened(name(node))),
            )
        })?;
        ages.push((days(created, scene.evidence.now), shortened(name(node))));
    }
    ages.sort_by(|one, other| other.cmp(one));
    Ok(ages)
}

fn oldest(scene: &Scene<'_, '_>, limit: i64) -> Finding {
    match ages(scene) {
        Err(missing) => Finding::unknown(missing),
        Ok(ages) => match ages.first() {
            Some((age, node)) if *age > limit => {
                let old = ages.iter().filter(|(age, _)| *age > limit).count();
                Finding::not_met(format!(
                    "{old} of {} nodes: older than {limit} days, {node} is {age}",
                    ages.len()
                ))
            }
            Some((age, _)) => Finding::met(format!("the oldest of {} nodes is {age} days old", ages.len())),
            None => Finding::unknown(missing(InputKind::Kubernetes, "a node of the pool")),
        },
    }
}

/// How old the node image is that the cloud or the nodes name.
fn image_age(scene: &Scene<'_, '_>, image: Answer<&str>, limit: i64) -> Finding {
    match image {
        Err(missing) => Finding::unknown(missing),
        Ok(image) => {
            // `AKSUbuntu-2204gen2containerd-202611.02.0`, `1.33.4-20261023`: the day stands behind the last dash.
            let tail = image.rsplit('-').next().unwrap_or(image);
            match day(tail) {
                None => Finding::unknown(missing(
                    InputKind::Kubernetes,
                    format!("a day in the name of the node image `{}`", shortened(image)),
                )),
                Some(made) => {
                    let age = days(made, scene.evidence.now);
                    let image = shortened(image);
                    if age > limit {
                        Finding::not_met(format!(
                            "node image {image} is {age} days old, and the limit is {limit}"
                        ))
                    } else {
                        Finding::met(format!("node image {image} is {age} days old"))
                    }
                }
            }
        }
    }
}

/// The age of the oldest image that nodes of AKS say they run.
fn aks_images(scene: &Scene<'_, '_>) -> Finding {
    let on_nodes = scene.nodes().map(|nodes| {
        Finding::all(nodes.iter().map(|node| {
            let image = text(node, &["metadata", "labels", "kubernetes.azure.com/node-image-version"]);
            let image = image.ok_or_else(|| {
                missing(
                    InputKind::Kubernetes,
                    format!("label node-image-version of {}", shortened(name(node))),
                )
            });
            image_age(scene, image, OLDEST)
        }))
    });
    let mut seen = on_nodes.unwrap_or_else(|error| {
        let told =
            image_age(scene, scene.pool_export().and_then(|pool| pool.text("nodeImageVersion")), OLDEST);
        // The pool has a new image, and a node that was not seen may still have an old one.
        Finding::all([told, Finding::unknown(error)])
    });
    seen.seen.dedup();
    seen
}

fn auto_upgrade(scene: &Scene<'_, '_>) -> Finding {
    Finding::from(
        scene.pool_export().and_then(|pool| pool.bool("management.autoUpgrade")),
        format!("auto-upgrade of {} is on", scene.pool.name),
        format!("auto-upgrade of {} is off", scene.pool.name),
    )
}

fn node_os_channel(scene: &Scene<'_, '_>) -> Finding {
    let channel = scene.cloud().and_then(|cluster| {
        // The field is written in two ways by two versions of the API.
        cluster
            .text("autoUpgradeProfile.nodeOsUpgradeChannel")
            .or_else(|error| cluster.text("autoUpgradeProfile.nodeOSUpgradeChannel").map_err(|_| error))
    });
    match channel {
        Err(missing) => Finding::unknown(missing),
        Ok(channel @ ("NodeImage" | "SecurityPatch")) => {
            Finding::met(format!("node OS upgrade channel {channel}"))
        }
        Ok(channel @ ("None" | "Unmanaged")) => {
            Finding::not_met(format!("autoUpgradeProfile.nodeOsUpgradeChannel is {channel}"))
        }
        Ok(other) => Finding::unknown(missing(
            InputKind::Aks,
            format!("a known value of nodeOsUpgradeChannel, not `{}`", shortened(other)),
        )),
    }
}

pub(super) fn patches(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::GkeStandard => Decision::both(auto_upgrade(scene), oldest(scene, OLDEST)),
        Base::GkeAutopilot | Base::EksFargate => Decision::effect(oldest(scene, OLDEST)),
        Base::EksAuto => Decision::effect(oldest(scene, AUTO_MODE_LIFE)),
        Base::EksManaged => {
            let release = scene.pool_export().and_then(|group| group.text("releaseVersion"));
            Decision::effect(Finding::all([image_age(scene, release, OLDEST), oldest(scene, OLDEST)]))
        }
        Base::AksStandard => Decision::both(node_os_channel(scene), aks_images(scene)),
        Base::AksAutomatic => Decision::effect(aks_images(scene)),
        // A node that is old may be patched in place: only a look into it says.
        Base::Kubeadm => Decision::effect(checks::no_restart_wanted(scene)),
    }
}

pub(super) fn image(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::EksManaged => {
            let toggle = match scene.pool_export().and_then(|group| group.text("amiType")) {
                Err(missing) => Finding::unknown(missing),
                Ok("CUSTOM") => Finding::not_met("amiType is CUSTOM: nobody but you patches this image"),
                Ok(kind) => Finding::met(format!("amiType {}", shortened(kind))),
            };
            let effect = match scene.nodes() {
                Err(missing) => Finding::unknown(missing),
                Ok(nodes) => Finding::all(nodes.iter().map(|node| {
                    let known = ["Amazon Linux", "Bottlerocket", "Ubuntu", "Windows"];
                    match text(node, &["status", "nodeInfo", "osImage"]) {
                        None => Finding::unknown(missing(
                            InputKind::Kubernetes,
                            "status.nodeInfo.osImage of nodes",
                        )),
                        Some(image) if known.iter().any(|start| image.starts_with(start)) => {
                            Finding::met(format!("nodes run {}", shortened(image)))
                        }
                        Some(image) => Finding::not_met(format!(
                            "{} runs {}, no family of AWS",
                            shortened(name(node)),
                            shortened(image)
                        )),
                    }
                })),
            };
            Decision::both(toggle, deduplicated(effect))
        }
        _ => Decision::effect(Finding::unknown(missing(
            InputKind::Node,
            "who builds and hardens the image of the nodes",
        ))),
    }
}

fn deduplicated(mut finding: Finding) -> Finding {
    finding.seen.dedup();
    finding
}

pub(super) fn skew(scene: &Scene<'_, '_>) -> Decision {
    let server = scene.evidence.version(scene.base().family());
    let kubelets: Answer<Vec<(String, String)>> = scene.nodes().and_then(|nodes| {
        nodes
            .iter()
            .map(|node| {
                let version = text(node, &["status", "nodeInfo", "kubeletVersion"]).ok_or_else(|| {
                    missing(InputKind::Kubernetes, "status.nodeInfo.kubeletVersion of nodes")
                })?;
                Ok((shortened(name(node)), version.to_owned()))
            })
            .collect()
    });
    // Without nodes, the version of the pool that the cloud tells; a node that was not seen may have another.
    let unseen = kubelets.as_ref().err().cloned();
    let kubelets = kubelets.or_else(|error| {
        let field = match scene.base().family() {
            Some(Cloud::Aks) => "currentOrchestratorVersion",
            _ => "version",
        };
        let version = scene.pool_export().and_then(|pool| pool.text(field)).map_err(|_| error)?;
        Ok(vec![(format!("pool {}", scene.pool.name), version.to_owned())])
    });
    let effect = match (server, kubelets) {
        (Err(missing), _) | (_, Err(missing)) => Finding::unknown(missing),
        (Ok(server), Ok(kubelets)) => {
            let number = |version: &str| versions::minor(version).map(|(_, minor)| minor);
            match number(server) {
                None => Finding::unknown(missing(
                    InputKind::Kubernetes,
                    "a version of the API server that can be read",
                )),
                Some(minor) => {
                    deduplicated(Finding::all(kubelets.iter().map(|(node, kubelet)| match number(kubelet) {
                        None => Finding::unknown(missing(
                            InputKind::Kubernetes,
                            "kubelet versions that can be read",
                        )),
                        Some(own) if own > minor => Finding::not_met(format!(
                            "{node} runs {}, newer than the API server",
                            shortened(kubelet)
                        )),
                        Some(own) if minor - own > 3 => Finding::not_met(format!(
                            "{node} runs {}, {} minor versions behind",
                            shortened(kubelet),
                            minor - own
                        )),
                        Some(own) => {
                            Finding::met(format!("kubelets are {} minor versions behind", minor - own))
                        }
                    })))
                }
            }
        }
    };
    let effect = Finding::all([effect].into_iter().chain(unseen.map(Finding::unknown)));
    let toggle = match scene.base() {
        Base::GkeStandard => Some(auto_upgrade(scene)),
        Base::AksStandard => Some(upgrade_channel(scene).unwrap_or_else(Finding::unknown)),
        // Pods that are rolled out after the upgrade get new nodes: the effect is the switch.
        Base::EksFargate => Some(effect.clone()),
        _ => None,
    };
    Decision { toggle, effect }
}

pub(super) fn maintenance(scene: &Scene<'_, '_>) -> Decision {
    let finding = match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => gke_exclusions(scene),
        Base::AksStandard | Base::AksAutomatic => match scene.evidence.exports.maintenance() {
            Err(missing) => Finding::unknown(missing),
            Ok(list) => {
                let named = |wanted: &str| list.iter().any(|one| one.text("name") == Ok(wanted));
                let blocked: Vec<String> = list
                    .iter()
                    .flat_map(|one| {
                        let dates = one.list("maintenanceWindow.notAllowedDates").unwrap_or_default();
                        dates
                            .iter()
                            .filter_map(|dates| long_freeze(dates, "start", "end", scene.evidence.now))
                    })
                    .collect();
                if !blocked.is_empty() {
                    Finding::all_wrong(blocked)
                } else if named("aksManagedNodeOSUpgradeSchedule") || named("aksManagedAutoUpgradeSchedule") {
                    Finding::met("a maintenance window comes round, and nothing freezes it for long")
                } else {
                    Finding::unknown(missing(
                        InputKind::Aks,
                        "the maintenance configuration aksManagedNodeOSUpgradeSchedule",
                    ))
                }
            }
        },
        Base::EksAuto => match scene.kind("karpenter.sh", "NodePool") {
            Err(missing) => Finding::unknown(missing),
            Ok(pools) => Finding::all(pools.iter().map(|pool| {
                let budgets = list(at(pool, &["spec", "disruption", "budgets"]));
                let frozen = budgets.iter().any(|budget| {
                    matches!(text(budget, &["nodes"]), Some("0" | "0%"))
                        && text(budget, &["schedule"]).is_none()
                });
                if frozen {
                    Finding::not_met(format!("the budget of NodePool {} lets no node go, ever", shown(pool)))
                } else if budgets.is_empty() {
                    Finding::unknown(missing(
                        InputKind::Kubernetes,
                        format!("spec.disruption.budgets of NodePool {}", shown(pool)),
                    ))
                } else {
                    Finding::met(format!("the budget of NodePool {} lets nodes go", shown(pool)))
                }
            })),
        },
        _ => Finding::unknown(missing(InputKind::Attest, "the calendar by which nodes are patched")),
    };
    Decision::effect(finding)
}

/// A freeze that is on and lasts for more than a month.
fn long_freeze(value: &Value<'_>, start: &str, end: &str, now: Timestamp) -> Option<String> {
    let read = |key: &str| {
        let own = text(value, &[key])?;
        own.parse::<Timestamp>().ok().or_else(|| format!("{own}T00:00:00Z").parse().ok())
    };
    let (start, end) = (read(start)?, read(end)?);
    (start <= now && now < end && days(start, end) > 30)
        .then(|| format!("a freeze of {} days runs until {}", days(start, end), text_day(end)))
}

fn text_day(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

fn gke_exclusions(scene: &Scene<'_, '_>) -> Finding {
    let cluster = match scene.cloud() {
        Ok(cluster) => cluster,
        Err(missing) => return Finding::unknown(missing),
    };
    let path = "maintenancePolicy.window.maintenanceExclusions";
    match cluster.get(path).map(|value| value.as_object()) {
        Err(mut missing) => {
            missing.detail.push_str(" (exports leave it out when there is none, and so prove nothing)");
            Finding::unknown(missing)
        }
        Ok(None) => Finding::unknown(missing(InputKind::Gke, format!("{path} (it is no map)"))),
        Ok(Some(exclusions)) => Finding::all(exclusions.iter().map(|(exclusion, value)| {
            let frozen = long_freeze(value, "startTime", "endTime", scene.evidence.now);
            let scope = text(value, &["maintenanceExclusionOptions", "scope"]);
            match (text(value, &["startTime"]), text(value, &["endTime"]), frozen) {
                (Some(_), Some(_), Some(frozen)) => Finding::not_met(format!(
                    "exclusion {}: {frozen}{}",
                    shortened(exclusion),
                    scope.map(|scope| format!(", {}", shortened(scope))).unwrap_or_default()
                )),
                (Some(_), Some(_), None) => {
                    Finding::met(format!("exclusion {} is over or short", shortened(exclusion)))
                }
                _ => Finding::unknown(missing(InputKind::Gke, format!("startTime and endTime of {path}"))),
            }
        })),
    }
}

pub(super) fn repair(scene: &Scene<'_, '_>) -> Decision {
    let sick = scene.nodes().and_then(|nodes| {
        let mut sick = Vec::new();
        for node in nodes {
            let ready = list(at(node, &["status", "conditions"]))
                .iter()
                .find(|condition| text(condition, &["type"]) == Some("Ready"))
                .ok_or_else(|| missing(InputKind::Kubernetes, "the condition Ready of nodes"))?;
            if text(ready, &["status"]) == Some("True") {
                continue;
            }
            let since = moment(ready, &["lastTransitionTime"]);
            let minutes = since.map(|since| (scene.evidence.now.as_second() - since.as_second()) / 60);
            match minutes {
                Some(minutes) if minutes <= REPAIR_MINUTES => {}
                Some(minutes) => {
                    sick.push(format!("{} is not ready for {} h", shortened(name(node)), minutes / 60));
                }
                None => sick.push(format!("{} is not ready", shortened(name(node)))),
            }
        }
        Ok(sick)
    });
    let effect = Finding::none_of(sick, "no node was long not ready");
    match scene.base() {
        Base::GkeStandard => Decision::both(
            Finding::from(
                scene.pool_export().and_then(|pool| pool.bool("management.autoRepair")),
                "auto-repair is on",
                "auto-repair is off",
            ),
            effect,
        ),
        Base::EksManaged => Decision::both(
            Finding::from(
                scene.pool_export().and_then(|group| group.bool("nodeRepairConfig.enabled")),
                "node auto repair is on",
                "node auto repair is off",
            ),
            effect,
        ),
        Base::Kubeadm if effect.answer != Outcome::NotMet => {
            let checks =
                scene.kind("cluster.x-k8s.io", "MachineHealthCheck").map(|checks| !checks.is_empty());
            let something = Finding::from(
                checks,
                "MachineHealthChecks replace machines",
                "nothing replaces machines by itself",
            );
            Decision::effect(Finding::all([something, effect]))
        }
        _ => Decision::effect(effect),
    }
}

pub(super) fn kubelet(scene: &Scene<'_, '_>) -> Decision {
    let flags = scene.evidence.kubernetes.as_ref().map(|kubernetes| {
        let ids: Vec<&str> = crate::registry::RULES
            .iter()
            .map(|rule| rule.id)
            .filter(|id| id.starts_with("kubelet-"))
            .collect();
        breaches(kubernetes, &ids, About::All)
    });
    if let Some(wrong) = flags.filter(|wrong| !wrong.is_empty()) {
        return Decision::effect(Finding::all_wrong(wrong));
    }
    let asked = |flag, field, judge: fn(&str) -> bool| setting(scene, Setting { flag, field }, judge);
    let effect = Finding::all([
        asked("anonymous-auth", "authentication.anonymous.enabled", |value| value == "false"),
        asked("authorization-mode", "authorization.mode", |value| value == "Webhook"),
        asked("read-only-port", "readOnlyPort", |value| value == "0"),
    ]);
    match scene.base() {
        Base::GkeStandard => {
            let port = scene.pool_export().and_then(|pool| {
                pool.bool("config.kubeletConfig.insecureKubeletReadonlyPortEnabled").or_else(|error| {
                    pool.bool("config.effectiveKubeletConfig.insecureKubeletReadonlyPortEnabled")
                        .map_err(|_| error)
                })
            });
            let toggle = Finding::from(
                port.map(|open| !open),
                "the read-only port is closed",
                "the read-only port is open",
            );
            Decision::both(toggle, effect)
        }
        _ => Decision::effect(effect),
    }
}

pub(super) fn kubelet_certificates(scene: &Scene<'_, '_>) -> Decision {
    let requests = scene.kind("certificates.k8s.io", "CertificateSigningRequest").map(|requests| {
        requests
            .iter()
            .filter(|request| {
                let signer = text(request, &["spec", "signerName"]).unwrap_or_default();
                let decided = list(at(request, &["status", "conditions"]))
                    .iter()
                    .any(|condition| matches!(text(condition, &["type"]), Some("Approved" | "Denied")));
                signer.starts_with("kubernetes.io/kube") && signer.contains("kubelet") && !decided
            })
            .map(|request| format!("signing request {} waits", shown(request)))
            .collect()
    });
    let rotates =
        setting(scene, Setting { flag: "rotate-certificates", field: "rotateCertificates" }, |value| {
            value == "true"
        });
    let mut parts = vec![Finding::none_of(requests, "no signing request waits"), rotates];
    if !scene.evidence.nodes.is_empty() {
        parts.push(checks::certificates_run(scene));
    }
    Decision::effect(Finding::all(parts))
}

pub(super) fn runtime(scene: &Scene<'_, '_>) -> Decision {
    let effect = match scene.nodes() {
        Err(missing) => Finding::unknown(missing),
        Ok(nodes) => deduplicated(Finding::all(nodes.iter().map(|node| {
            match text(node, &["status", "nodeInfo", "containerRuntimeVersion"]) {
                None => Finding::unknown(missing(
                    InputKind::Kubernetes,
                    "status.nodeInfo.containerRuntimeVersion of nodes",
                )),
                Some(version) => match versions::is_old_runtime(version) {
                    Some(true) => Finding::not_met(format!(
                        "{} runs {}, which has known ways out of a container",
                        shortened(name(node)),
                        shortened(version)
                    )),
                    Some(false) => Finding::met(format!("nodes run {}", shortened(version))),
                    None => Finding::unknown(missing(
                        InputKind::Node,
                        format!("advisories about the runtime {}", shortened(version)),
                    )),
                },
            }
        }))),
    };
    // runc comes with the node image and shows itself nowhere: an image that is old may hold an old one.
    let patched = patches(scene);
    match scene.base() {
        Base::GkeStandard => Decision::both(auto_upgrade(scene), Finding::all([effect, patched.effect])),
        Base::EksManaged => Decision::effect(Finding::all([effect, patched.effect])),
        _ => Decision::effect(effect),
    }
}

pub(super) fn boot(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::GkeStandard => {
            let toggle = Finding::from(
                scene.cloud().and_then(|cluster| cluster.bool("shieldedNodes.enabled")),
                "shielded nodes are on",
                "shielded nodes are off",
            );
            let of = |field: &str| {
                scene
                    .pool_export()
                    .and_then(|pool| pool.bool(&format!("config.shieldedInstanceConfig.{field}")))
            };
            let effect = Finding::all([
                Finding::from(of("enableSecureBoot"), "secure boot is on", "secure boot is off"),
                Finding::from(
                    of("enableIntegrityMonitoring"),
                    "integrity monitoring is on",
                    "integrity monitoring is off",
                ),
            ]);
            Decision::both(toggle, effect)
        }
        Base::AksStandard | Base::AksAutomatic => {
            let of = |field: &str| {
                scene.pool_export().and_then(|pool| pool.bool(&format!("securityProfile.{field}")))
            };
            Decision::effect(Finding::all([
                Finding::from(of("enableSecureBoot"), "secure boot is on", "secure boot is off"),
                Finding::from(of("enableVtpm"), "vTPM is on", "vTPM is off"),
            ]))
        }
        _ => Decision::effect(checks::secure_boot(scene)),
    }
}

pub(super) fn access(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::EksManaged => Decision::effect(match scene.pool_export() {
            Err(missing) => Finding::unknown(missing),
            Ok(group) => match group.text("remoteAccess.ec2SshKey") {
                Ok(key) => Finding::not_met(format!("the SSH key {} opens the nodes", shortened(key))),
                // Exports leave it out when there is none, and launch templates may hold one: the nodes say.
                Err(_) => checks::no_remote_access(scene),
            },
        }),
        Base::AksStandard | Base::AksAutomatic => {
            let finding = match scene.pool_export().and_then(|pool| pool.text("securityProfile.sshAccess")) {
                Err(missing) => Finding::unknown(missing),
                Ok("Disabled") => Finding::met("securityProfile.sshAccess is Disabled"),
                Ok(other) => Finding::not_met(format!("securityProfile.sshAccess is {}", shortened(other))),
            };
            // The pool reports how its nodes are set: it is switch and effect in one.
            Decision::both(finding.clone(), finding)
        }
        _ => Decision::effect(checks::no_remote_access(scene)),
    }
}

pub(super) fn identity(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::GkeStandard => {
            Decision::effect(match scene.pool_export().and_then(|pool| pool.text("config.serviceAccount")) {
                Err(missing) => Finding::unknown(missing),
                Ok(account)
                    if account == "default"
                        || account.ends_with("-compute@developer.gserviceaccount.com") =>
                {
                    Finding::not_met("the pool runs as the project's default service account")
                }
                Ok(account) => Finding::met(format!("the pool runs as {}", shortened(account))),
            })
        }
        Base::GkeAutopilot => {
            let path = "autoscaling.autoprovisioningNodePoolDefaults.serviceAccount";
            Decision::effect(match scene.cloud().and_then(|cluster| cluster.text(path)) {
                Err(missing) => Finding::unknown(missing),
                Ok("default") => Finding::not_met("nodes run as the project's default service account"),
                Ok(account) => Finding::met(format!("nodes run as {}", shortened(account))),
            })
        }
        Base::EksManaged => {
            Decision::effect(match scene.pool_export().and_then(|group| group.text("nodeRole")) {
                Err(missing) => Finding::unknown(missing),
                Ok(role) => Finding::unknown(missing(
                    InputKind::Eks,
                    format!("policies of the role {}", shortened(role.rsplit('/').next().unwrap_or(role))),
                )),
            })
        }
        _ => Decision::effect(Finding::unknown(missing(
            InputKind::Attest,
            "roles that are assigned to the nodes' identity",
        ))),
    }
}

pub(super) fn metadata(scene: &Scene<'_, '_>) -> Decision {
    match scene.base() {
        Base::GkeStandard => {
            let mode = scene.pool_export().and_then(|pool| pool.text("config.workloadMetadataConfig.mode"));
            let finding = match mode {
                Err(missing) => Finding::unknown(missing),
                Ok("GKE_METADATA") => Finding::met("pods see the GKE metadata server"),
                Ok(other) => Finding::not_met(format!("workloadMetadataConfig.mode is {}", shortened(other))),
            };
            // Pods on the host's network pass by the metadata server.
            let host = host_network(scene);
            Decision::both(finding.clone(), Finding::all([finding, host]))
        }
        Base::EksManaged => Decision::effect(match scene.evidence.exports.launch_templates() {
            Err(missing) => Finding::unknown(missing),
            Ok(templates) => Finding::all(templates.iter().map(|template| {
                let options = "LaunchTemplateData.MetadataOptions";
                Finding::all([
                    Finding::from(
                        template.text(&format!("{options}.HttpTokens")).map(|tokens| tokens == "required"),
                        "IMDSv2 is required",
                        "IMDSv1 still answers",
                    ),
                    match template.get(&format!("{options}.HttpPutResponseHopLimit")).map(Value::as_i64) {
                        Ok(Some(1)) => Finding::met("one hop"),
                        Ok(_) => Finding::not_met("the hop limit lets pods reach the node's credentials"),
                        Err(missing) => Finding::unknown(missing),
                    },
                ])
            })),
        }),
        _ => Decision::effect(super::network::metadata_reach(scene)),
    }
}

/// Pods of applications on the network of the host.
pub(super) fn host_network(scene: &Scene<'_, '_>) -> Finding {
    let wrong = super::support::judged_workloads(scene, &["host-network"]);
    Finding::none_of(wrong, "no pod of an application is on the host's network")
}

pub(super) fn private(scene: &Scene<'_, '_>) -> Decision {
    let on_nodes = scene.nodes().and_then(|nodes| {
        let mut public = Vec::new();
        for node in nodes {
            let addresses = list(at(node, &["status", "addresses"]));
            if addresses.is_empty() {
                return Err(missing(InputKind::Kubernetes, "status.addresses of nodes"));
            }
            let mut outside = false;
            for address in addresses {
                let (Some(kind), Some(_)) = (text(address, &["type"]), text(address, &["address"])) else {
                    return Err(missing(InputKind::Kubernetes, "types of addresses of nodes"));
                };
                outside |= kind == "ExternalIP";
            }
            if outside {
                public.push(shortened(name(node)));
            }
        }
        Ok(if public.is_empty() {
            Vec::new()
        } else {
            vec![format!("{} nodes have public addresses: {}", public.len(), few(&public))]
        })
    });
    let seen = Finding::none_of(on_nodes, "no node has a public address");
    let exported = match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => Some(Finding::from(
            scene.cloud().and_then(|cluster| {
                cluster.bool("networkConfig.defaultEnablePrivateNodes").or_else(|error| {
                    cluster.bool("privateClusterConfig.enablePrivateNodes").map_err(|_| error)
                })
            }),
            "private nodes are on",
            "private nodes are off",
        )),
        Base::AksStandard | Base::AksAutomatic => Some(Finding::from(
            scene.pool_export().and_then(|pool| {
                pool.bool("enableNodePublicIp")
                    .or_else(|error| pool.bool("enableNodePublicIP").map_err(|_| error))
                    .map(|public| !public)
            }),
            "node public addresses are off",
            "enableNodePublicIp is true",
        )),
        _ => None,
    };
    // Both have to say so: with one of them gone, what it would have said against it is gone too.
    Decision::effect(Finding::all(exported.into_iter().chain([seen])))
}

pub(super) fn disks(scene: &Scene<'_, '_>) -> Decision {
    if scene.base() != Base::EksManaged {
        return Decision::effect(checks::disks_encrypted(scene));
    }
    Decision::effect(match scene.evidence.exports.launch_templates() {
        Err(missing) => Finding::unknown(missing),
        Ok(templates) => Finding::all(templates.iter().map(|template| {
            match template.list("LaunchTemplateData.BlockDeviceMappings") {
                Err(missing) => Finding::unknown(missing),
                Ok(devices) => Finding::all(devices.iter().map(|device| {
                    let device = Part { input: InputKind::Eks, prefix: "launch template ", value: device };
                    Finding::from(
                        device.bool("Ebs.Encrypted"),
                        "volumes are encrypted",
                        "a volume is not encrypted",
                    )
                })),
            }
        })),
    })
}

/// DaemonSets of applications that are privileged and mount the node's files to write.
pub(super) fn unchanged(scene: &Scene<'_, '_>) -> Decision {
    let writers = scene.kind("apps", "DaemonSet").map(|sets| {
        sets.iter()
            .filter(|set| {
                let spec = at(set, &["spec", "template", "spec"]);
                let privileged = list(spec.and_then(|spec| at(spec, &["containers"])))
                    .iter()
                    .any(|container| is_true(container, &["securityContext", "privileged"]));
                let mounts = list(spec.and_then(|spec| at(spec, &["volumes"]))).iter().any(|volume| {
                    matches!(
                        text(volume, &["hostPath", "path"]),
                        Some("/" | "/etc" | "/usr" | "/var" | "/opt" | "/bin")
                    )
                });
                privileged
                    && mounts
                    && !is_system_namespace(text(set, &["metadata", "namespace"]).unwrap_or_default())
            })
            .map(|set| format!("DaemonSet {} is privileged and mounts the node's files", shown(set)))
            .collect()
    });
    let writers = Finding::none_of(writers, "no privileged DaemonSet of yours mounts the node's files");
    let effect = match scene.base() {
        Base::AksStandard => {
            let locked = scene
                .cloud()
                .and_then(|cluster| cluster.text("nodeResourceGroupProfile.restrictionLevel"))
                .map(|level| level == "ReadOnly");
            Finding::all([
                Finding::from(
                    locked,
                    "the node resource group is locked",
                    "the node resource group may be changed by hand",
                ),
                writers,
            ])
        }
        // What was changed on a node by hand shows only on the node.
        Base::GkeStandard | Base::EksManaged | Base::Kubeadm if writers.answer == Outcome::Met => {
            Finding::all([
                writers,
                Finding::unknown(missing(
                    InputKind::Node,
                    "a comparison of the nodes' files with their image",
                )),
            ])
        }
        _ => writers,
    };
    Decision::effect(effect)
}
