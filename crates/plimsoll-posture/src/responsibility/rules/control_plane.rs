//! The control plane: its flags, its versions, its endpoint, its keys and its records.

use plimsoll_model::{Outcome, shortened};

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud, missing};
use super::support::{About, breaches, days};
use super::versions::{self, Support};
use super::{Scene, is_true, text};
use crate::kubernetes::{at, list, texts};

/// A CA that ends sooner than this many days is to be rotated now.
const AUTHORITY_DAYS: i64 = 180;

/// A component of the control plane as one of its static pods starts it: the node, where that is told, and its flags.
type Started<'v> = (Option<&'v str>, Answer<Vec<&'v str>>);

/// Every static pod of a component of the control plane; at least one.
fn started<'v>(scene: &Scene<'_, 'v>, component: &str) -> Answer<Vec<Started<'v>>> {
    let mut all = Vec::new();
    for pod in scene.kind("", "Pod")? {
        for container in list(at(pod, &["spec", "containers"])) {
            if text(container, &["name"]) != Some(component) {
                continue;
            }
            let flags: Vec<&str> =
                texts(at(container, &["command"])).chain(texts(at(container, &["args"]))).collect();
            let flags = if flags.is_empty() {
                Err(missing(
                    InputKind::Kubernetes,
                    format!(
                        "flags of {component} (a snapshot leaves commands out: give its static pod by --manifests)"
                    ),
                ))
            } else {
                Ok(flags)
            };
            all.push((text(pod, &["spec", "nodeName"]), flags));
        }
    }
    if all.is_empty() {
        return Err(missing(InputKind::Kubernetes, format!("the static pod of {component}")));
    }
    Ok(all)
}

/// What is said of the flags of each static pod of a component: all of them have to be so.
pub(super) fn each_started(
    scene: &Scene<'_, '_>,
    component: &str,
    judge: impl Fn(&[&str]) -> Finding,
) -> Finding {
    match started(scene, component) {
        Err(missing) => Finding::unknown(missing),
        Ok(all) => Finding::all(all.into_iter().map(|(_, flags)| match flags {
            Err(missing) => Finding::unknown(missing),
            Ok(flags) => judge(&flags),
        })),
    }
}

/// Whether a flag is set, and to what.
pub(super) fn flag<'f>(flags: &[&'f str], name: &str) -> Option<&'f str> {
    flags.iter().find_map(|flag| flag.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
}

pub(super) fn hardened(scene: &Scene<'_, '_>) -> Decision {
    if scene.base() != Base::Kubeadm {
        return Decision::effect(Finding::unknown(missing(InputKind::Attest, "the provider runs it")));
    }
    let components = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"];
    let seen = components.map(|component| {
        let met = format!("no rule speaks against the flags of {component}");
        each_started(scene, component, |_| Finding::met(met.clone()))
    });
    let starts = ["api-server-", "controller-manager-", "scheduler-", "etcd-"];
    let ids: Vec<&str> = crate::registry::RULES
        .iter()
        .map(|rule| rule.id)
        .filter(|id| starts.iter().any(|start| id.starts_with(start)))
        .collect();
    let wrong = match &scene.evidence.kubernetes {
        Some(kubernetes) => breaches(kubernetes, &ids, About::All),
        None => Vec::new(),
    };
    if !wrong.is_empty() {
        return Decision::effect(Finding::all_wrong(wrong));
    }
    Decision::effect(Finding::all(seen))
}

pub(super) fn minor_version(scene: &Scene<'_, '_>) -> Decision {
    let effect = match scene.evidence.version(scene.base().family()) {
        Err(missing) => Finding::unknown(missing),
        Ok(version) => {
            let provider = scene.base().family();
            let eks = provider == Some(Cloud::Eks);
            let shown = shortened(version);
            match versions::minor(version)
                .map(|minor| versions::support(minor, eks, provider.is_some(), scene.evidence.now))
            {
                Some(Support::Runs(day)) => Finding::met(format!("version {shown} is supported until {day}")),
                Some(Support::Ended(day)) => {
                    Finding::not_met(format!("support of version {shown} ended on {day}"))
                }
                Some(Support::Perhaps(day)) => Finding::unknown(missing(
                    InputKind::Attest,
                    format!("whether the provider still fixes {shown}: upstream ended it on {day}"),
                )),
                _ => Finding::unknown(missing(
                    InputKind::Attest,
                    format!("dates of support of version {shown}, which this program does not know"),
                )),
            }
        }
    };
    let toggle = match scene.base() {
        Base::GkeStandard => {
            Some(scene.cloud().and_then(|cluster| cluster.text("releaseChannel.channel")).map(|channel| {
                match channel {
                    "UNSPECIFIED" => Finding::not_met("releaseChannel.channel is UNSPECIFIED"),
                    channel => Finding::met(format!("release channel {}", shortened(channel))),
                }
            }))
        }
        Base::EksManaged | Base::EksAuto | Base::EksFargate => {
            Some(scene.cloud().and_then(|cluster| cluster.text("upgradePolicy.supportType")).map(|kind| {
                match kind {
                    "STANDARD" => Finding::met("upgradePolicy.supportType is STANDARD"),
                    kind => Finding::not_met(format!("upgradePolicy.supportType is {}", shortened(kind))),
                }
            }))
        }
        Base::AksStandard => Some(upgrade_channel(scene)),
        _ => None,
    };
    Decision { toggle: toggle.map(|toggle| toggle.unwrap_or_else(Finding::unknown)), effect }
}

/// Whether AKS upgrades the cluster by itself.
pub(super) fn upgrade_channel(scene: &Scene<'_, '_>) -> Answer<Finding> {
    let channel = scene.cloud()?.text("autoUpgradeProfile.upgradeChannel")?;
    Ok(match channel {
        "none" => Finding::not_met("autoUpgradeProfile.upgradeChannel is none"),
        "patch" | "stable" | "rapid" | "node-image" => Finding::met(format!("upgrade channel {channel}")),
        other => Finding::unknown(missing(
            InputKind::Aks,
            format!("a known value of autoUpgradeProfile.upgradeChannel, not `{}`", shortened(other)),
        )),
    })
}

pub(super) fn patch_release(scene: &Scene<'_, '_>) -> Decision {
    // No list of patch releases is shipped: what is newest changes every month.
    let effect = match scene.evidence.version(scene.base().family()) {
        Ok(version) => Finding::unknown(missing(
            InputKind::Attest,
            format!("whether {} is the newest patch release of its minor version", shortened(version)),
        )),
        Err(missing) => Finding::unknown(missing),
    };
    let toggle =
        (scene.base() == Base::AksStandard).then(|| upgrade_channel(scene).unwrap_or_else(Finding::unknown));
    // Node image upgrades alone leave the control plane as it is.
    let toggle = toggle.map(|toggle| {
        if toggle.seen.iter().any(|seen| seen == "upgrade channel node-image") {
            Finding::not_met("the upgrade channel node-image leaves the control plane as it is")
        } else {
            toggle
        }
    });
    Decision { toggle, effect }
}

/// Whether a list of address ranges lets in the whole internet.
fn is_open(range: &str) -> bool {
    range.trim().ends_with("/0")
}

pub(super) fn endpoint(scene: &Scene<'_, '_>) -> Decision {
    let finding = match scene.base().family() {
        Some(Cloud::Gke) => scene.cloud().map(|cluster| {
            let private = ["privateClusterConfig.enablePrivateEndpoint"]
                .iter()
                .any(|path| cluster.bool(path) == Ok(true))
                || cluster.bool("controlPlaneEndpointsConfig.ipEndpointsConfig.enablePublicEndpoint")
                    == Ok(false)
                || cluster.bool("controlPlaneEndpointsConfig.ipEndpointsConfig.enabled") == Ok(false);
            let outside = cluster.bool("controlPlaneEndpointsConfig.dnsEndpointConfig.allowExternalTraffic");
            let addresses = if private {
                Finding::met("the endpoint has no public address")
            } else {
                let at = |root: &str, field: &str| format!("{root}.{field}");
                let root = "masterAuthorizedNetworksConfig";
                let nested = "controlPlaneEndpointsConfig.ipEndpointsConfig.authorizedNetworksConfig";
                let root = if cluster.get(nested).is_ok() { nested } else { root };
                match (cluster.bool(&at(root, "enabled")), cluster.list(&at(root, "cidrBlocks"))) {
                    (Ok(true), Ok(blocks))
                        if blocks.iter().any(|block| text(block, &["cidrBlock"]).is_none_or(is_open)) =>
                    {
                        Finding::not_met("authorised networks hold a range of everything")
                    }
                    (Ok(true), Ok(blocks)) => Finding::met(format!("{} authorised networks", blocks.len())),
                    (Ok(true), Err(missing)) | (Err(missing), _) => Finding::unknown(missing),
                    (Ok(false), _) => Finding::not_met("authorised networks are off"),
                }
            };
            // The DNS endpoint is guarded by IAM only: it counts where it is open to the outside.
            match outside {
                Ok(true) => Finding::all([
                    addresses,
                    Finding::not_met("the DNS endpoint takes traffic from everywhere"),
                ]),
                Ok(false) => addresses,
                Err(missing) => Finding::all([addresses, Finding::unknown(missing)]),
            }
        }),
        Some(Cloud::Eks) => scene.cloud().map(|cluster| {
            match (
                cluster.bool("resourcesVpcConfig.endpointPublicAccess"),
                cluster.texts("resourcesVpcConfig.publicAccessCidrs"),
            ) {
                (Ok(false), _) => Finding::met("endpointPublicAccess is false"),
                (Err(missing), _) | (Ok(true), Err(missing)) => Finding::unknown(missing),
                (Ok(true), Ok(ranges)) if ranges.iter().any(|range| is_open(range)) => {
                    Finding::not_met("endpointPublicAccess is true, and publicAccessCidrs lets everybody in")
                }
                (Ok(true), Ok(ranges)) if ranges.is_empty() => Finding::unknown(missing(
                    InputKind::Eks,
                    "a range in resourcesVpcConfig.publicAccessCidrs",
                )),
                (Ok(true), Ok(ranges)) => Finding::met(format!("public, from {} ranges", ranges.len())),
            }
        }),
        Some(Cloud::Aks) => scene.cloud().map(|cluster| {
            let private = Finding::from(
                cluster.bool("apiServerAccessProfile.enablePrivateCluster"),
                "it is a private cluster",
                "it is no private cluster",
            );
            let ranges = match cluster.texts("apiServerAccessProfile.authorizedIpRanges") {
                Ok(ranges) if ranges.is_empty() => Finding::not_met("no authorised address range is set"),
                Ok(ranges) if ranges.iter().any(|range| is_open(range)) => {
                    Finding::not_met("authorised address ranges hold a range of everything")
                }
                Ok(ranges) => Finding::met(format!("{} authorised address ranges", ranges.len())),
                Err(missing) => Finding::unknown(missing),
            };
            Finding::any([private, ranges])
        }),
        None => Ok(Finding::unknown(missing(
            InputKind::Attest,
            "which networks reach the API server: firewall in front of the control plane nodes",
        ))),
    };
    Decision::effect(finding.unwrap_or_else(Finding::unknown))
}

pub(super) fn authority(scene: &Scene<'_, '_>) -> Decision {
    let exported = match scene.base().family() {
        Some(Cloud::Gke) => scene.cloud().and_then(|cluster| cluster.text("masterAuth.clusterCaCertificate")),
        Some(Cloud::Eks) => scene.cloud().and_then(|cluster| cluster.text("certificateAuthority.data")),
        _ => Err(missing(InputKind::Kubernetes, "the ConfigMap kube-root-ca.crt")),
    };
    let certificate = exported.or_else(|error| {
        let maps = scene.kind("", "ConfigMap").map_err(|_| error.clone())?;
        maps.iter()
            .find(|map| text(map, &["metadata", "name"]) == Some("kube-root-ca.crt"))
            .and_then(|map| text(map, &["data", "ca.crt"]))
            .ok_or(error)
    });
    let effect = match certificate {
        Err(missing) => Finding::unknown(missing),
        Ok(text) => match super::super::certificate::end(text) {
            None => {
                Finding::unknown(missing(InputKind::Kubernetes, "a certificate authority that can be read"))
            }
            Some(end) => {
                let left = days(scene.evidence.now, end);
                let day = end.to_string();
                let day = day.split('T').next().unwrap_or_default();
                if left < AUTHORITY_DAYS {
                    Finding::not_met(format!("the authority ends on {day}, in {left} days"))
                } else {
                    Finding::met(format!("the authority ends on {day}"))
                }
            }
        },
    };
    // Rotation is an operation, not a setting: that the authority has long to go is all that can be seen of it.
    let toggle = effect.clone();
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot | Base::AksStandard | Base::AksAutomatic => {
            Decision::both(toggle, effect)
        }
        _ => Decision::effect(effect),
    }
}

pub(super) fn secrets_encrypted(scene: &Scene<'_, '_>) -> Decision {
    match scene.base().family() {
        Some(Cloud::Gke) => Decision::effect(match scene.cloud() {
            Err(missing) => Finding::unknown(missing),
            Ok(cluster) => {
                match (cluster.text("databaseEncryption.state"), cluster.text("databaseEncryption.keyName")) {
                    (Ok("ENCRYPTED"), Ok(_)) => {
                        Finding::met("databaseEncryption.state is ENCRYPTED, with a key of your own")
                    }
                    (Ok("ENCRYPTED"), Err(missing)) | (Err(missing), _) => Finding::unknown(missing),
                    (Ok(state), _) => {
                        Finding::not_met(format!("databaseEncryption.state is {}", shortened(state)))
                    }
                }
            }
        }),
        Some(Cloud::Eks) => {
            let keys = scene.cloud().and_then(|cluster| cluster.list("encryptionConfig"));
            let finding = match keys {
                Err(mut missing) => {
                    missing.detail.push_str(
                        " (from 1.28 on, EKS encrypts with a key of AWS; a key of your own was not seen)",
                    );
                    Finding::unknown(missing)
                }
                Ok(list) => {
                    let key = list
                        .iter()
                        .any(|one| text(one, &["provider", "keyArn"]).is_some_and(|key| !key.is_empty()));
                    if key {
                        Finding::met("encryptionConfig names a key")
                    } else {
                        Finding::unknown(missing(InputKind::Eks, "encryptionConfig[].provider.keyArn"))
                    }
                }
            };
            // The cluster reports the key that is in use: it is switch and effect in one.
            Decision::both(finding.clone(), finding)
        }
        Some(Cloud::Aks) => Decision::effect(Finding::from(
            scene.cloud().and_then(|cluster| cluster.bool("securityProfile.azureKeyVaultKms.enabled")),
            "encryption with Key Vault is on",
            "encryption with Key Vault is off",
        )),
        None => Decision::effect(match started(scene, "kube-apiserver") {
            Err(missing) => Finding::unknown(missing),
            Ok(all) => Finding::all(all.into_iter().map(|(node, flags)| match flags {
                Err(missing) => Finding::unknown(missing),
                Ok(flags) => match flag(&flags, "encryption-provider-config") {
                    None => Finding::not_met("kube-apiserver runs without --encryption-provider-config"),
                    Some(_) => super::checks::secrets_by_file(scene, node),
                },
            })),
        }),
    }
}

/// Which of these components the control plane of GKE sends logs of.
pub(super) fn gke_log_components(scene: &Scene<'_, '_>, field: &str, wanted: &[&str]) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.texts(field)) {
        Err(missing) => Finding::unknown(missing),
        Ok(list) => {
            let without: Vec<&str> = wanted.iter().copied().filter(|one| !list.contains(one)).collect();
            if without.is_empty() {
                Finding::met(format!("{field} holds {}", wanted.join(", ")))
            } else {
                Finding::not_met(format!("{field} lacks {}", without.join(", ")))
            }
        }
    }
}

/// Whether EKS writes all these kinds of logs.
pub(super) fn eks_logs(scene: &Scene<'_, '_>, wanted: &[&str]) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.list("logging.clusterLogging")) {
        Err(missing) => Finding::unknown(missing),
        Ok(list) => Finding::all(wanted.iter().map(|kind| {
            let of = |enabled: bool| {
                list.iter().any(|one| {
                    at(one, &["enabled"]).and_then(serde_json_borrow::Value::as_bool) == Some(enabled)
                        && texts(at(one, &["types"])).any(|own| own == *kind)
                })
            };
            if of(true) {
                Finding::met(format!("{kind} logs are on"))
            } else if of(false) {
                Finding::not_met(format!("{kind} logs are off"))
            } else {
                Finding::unknown(missing(InputKind::Eks, format!("{kind} in logging.clusterLogging")))
            }
        })),
    }
}

/// Whether a diagnostic setting of AKS sends one of these categories.
pub(super) fn aks_diagnostics(scene: &Scene<'_, '_>, wanted: &[&str]) -> Finding {
    match scene.evidence.exports.diagnostics() {
        Err(missing) => Finding::unknown(missing),
        Ok(settings) => {
            let on = settings.iter().any(|setting| {
                list(at(setting.value, &["logs"])).iter().any(|log| {
                    let category = text(log, &["category"]).or_else(|| text(log, &["categoryGroup"]));
                    is_true(log, &["enabled"])
                        && category.is_some_and(|category| {
                            wanted.contains(&category) || ["allLogs", "audit"].contains(&category)
                        })
                })
            });
            if on {
                Finding::met("a diagnostic setting delivers it")
            } else {
                Finding::not_met("no diagnostic setting delivers it")
            }
        }
    }
}

pub(super) fn audit_log(scene: &Scene<'_, '_>) -> Decision {
    // A switch alone is no log: that an entry arrived is for a person to say.
    let arrived = |toggle: &Finding| match toggle.answer {
        Outcome::NotMet => toggle.clone(),
        _ => Finding::unknown(missing(
            InputKind::Attest,
            "that an entry of the audit log was seen where it is kept",
        )),
    };
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => {
            let field = "loggingConfig.componentConfig.enableComponents";
            let toggle = gke_log_components(scene, field, &["SYSTEM_COMPONENTS", "APISERVER"]);
            let effect = arrived(&toggle);
            Decision::both(toggle, effect)
        }
        Base::EksManaged | Base::EksFargate => Decision::effect(eks_logs(scene, &["audit", "authenticator"])),
        Base::EksAuto => {
            let toggle = eks_logs(scene, &["audit", "authenticator"]);
            let effect = arrived(&toggle);
            Decision::both(toggle, effect)
        }
        Base::AksStandard | Base::AksAutomatic => {
            let toggle = aks_diagnostics(scene, &["kube-audit", "kube-audit-admin"]);
            let effect = arrived(&toggle);
            Decision::both(toggle, effect)
        }
        Base::Kubeadm => Decision::effect(each_started(scene, "kube-apiserver", |flags| {
            Finding::all([
                match flag(flags, "audit-policy-file") {
                    Some(_) => Finding::met("--audit-policy-file is set"),
                    None => Finding::not_met("kube-apiserver runs without --audit-policy-file"),
                },
                match flag(flags, "audit-log-path").or_else(|| flag(flags, "audit-webhook-config-file")) {
                    Some(_) => Finding::met("the audit log has a place"),
                    None => Finding::not_met("kube-apiserver runs without --audit-log-path"),
                },
            ])
        })),
    }
}
