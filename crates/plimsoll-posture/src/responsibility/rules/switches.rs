//! How switches stand, where that is written apart from what they bring about: a field of an export, a setting of the account, an
//! object. A switch that is not here shows in its control alone.

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::InputKind;
use super::super::decision::Finding;
use super::super::evidence::{Answer, Cloud, Part, missing};
use super::support::few;
use super::{Scene, images, network, shown, text};

/// Longest life of a node of EKS Auto Mode, in hours: 21 days.
const LONGEST_LIFE: u64 = 504;

/// How a switch stands on a pool. `None` where only its control shows it.
pub(in crate::responsibility) fn seen(name: &str, scene: &Scene<'_, '_>) -> Option<Finding> {
    let finding = match name {
        "aks-network-policy" => network::aks_engine(scene),
        "aks-safeguards" => aks_safeguards(scene),
        "aks-sandboxing" => aks_sandboxing(scene),
        "eks-auto-network-policy" => network::auto_mode_switch(scene),
        "eks-compute" => Finding::from(
            scene.cloud().and_then(|cluster| cluster.bool("computeConfig.enabled")),
            "computeConfig.enabled is true",
            "computeConfig.enabled is false",
        ),
        "eks-expire-after" => eks_expire_after(scene),
        "eks-guardduty" => eks_guardduty(scene),
        "eks-network-policy" => network::eks_engine(scene),
        "eks-registry-scanning" => eks_registry_scanning(scene),
        "eks-storage-class" => eks_storage_class(scene),
        "eks-volumes" => Finding::from(
            setting(scene, Cloud::Eks, "EbsEncryptionByDefault", "aws ec2 get-ebs-encryption-by-default")
                .and_then(|account| account.bool("EbsEncryptionByDefault")),
            "new volumes of EBS are encrypted",
            "new volumes of EBS are not encrypted by themselves",
        ),
        "gke-access-approval" => gke_access_approval(scene),
        "gke-binary-authorization" => images::binary_authorization(scene),
        "gke-control-plane-keys" => named_key(
            scene
                .cloud()
                .and_then(|cluster| cluster.text("userManagedKeysConfig.controlPlaneDiskEncryptionKey")),
            "disks of the control plane have a key of your own",
            "userManagedKeysConfig.controlPlaneDiskEncryptionKey is empty",
        ),
        "gke-disk-key" => {
            named_key(gke_disk_key(scene), "boot disks have a key of your own", "bootDiskKmsKey is empty")
        }
        "gke-image-scanning" => gke_image_scanning(scene),
        "gke-network-policy" => network::gke_engine(scene),
        "gke-sandbox" => super::checks::gke_sandbox(scene),
        "gke-transit-encryption" => network::gke_transit(scene),
        "gke-volume-key" => super::checks::gke_volume_keys(scene),
        _ => return None,
    };
    Some(finding)
}

/// A document about the account or project that says this.
fn setting<'v>(scene: &Scene<'_, 'v>, cloud: Cloud, field: &str, command: &str) -> Answer<Part<'v>> {
    scene.evidence.exports.setting(cloud, field).ok_or_else(|| missing(cloud.input(), command))
}

fn named_key(key: Answer<&str>, yes: &str, no: &str) -> Finding {
    Finding::from(key.map(|key| !key.is_empty()), yes, no)
}

fn gke_disk_key<'v>(scene: &Scene<'_, 'v>) -> Answer<&'v str> {
    match scene.base() {
        super::Base::GkeAutopilot => {
            scene.cloud()?.text("autoscaling.autoprovisioningNodePoolDefaults.bootDiskKmsKey")
        }
        _ => scene.pool_export()?.text("config.bootDiskKmsKey"),
    }
}

/// Access Approval holds for all products that can have it, or for GKE.
fn gke_access_approval(scene: &Scene<'_, '_>) -> Finding {
    let services = setting(
        scene,
        Cloud::Gke,
        "enrolledServices",
        "gcloud access-approval settings get --project=PROJECT --format=json",
    )
    .and_then(|settings| settings.list("enrolledServices"));
    let enrolled = services.map(|services| {
        services.iter().any(|service| {
            matches!(
                text(service, &["cloudProduct"]),
                Some("all" | "GA" | "container.googleapis.com" | "Google Kubernetes Engine")
            )
        })
    });
    Finding::from(enrolled, "Access Approval holds for GKE", "Access Approval does not hold for GKE")
}

fn gke_image_scanning(scene: &Scene<'_, '_>) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.text("securityPostureConfig.vulnerabilityMode")) {
        Err(missing) => Finding::unknown(missing),
        Ok("VULNERABILITY_DISABLED") => Finding::not_met("workload vulnerability scanning is off"),
        Ok(mode @ ("VULNERABILITY_BASIC" | "VULNERABILITY_ENTERPRISE")) => {
            Finding::met(format!("workload vulnerability scanning: {mode}"))
        }
        Ok(other) => Finding::unknown(missing(
            InputKind::Gke,
            format!("a known value of securityPostureConfig.vulnerabilityMode, not `{}`", shortened(other)),
        )),
    }
}

fn eks_registry_scanning(scene: &Scene<'_, '_>) -> Finding {
    let command = "aws ecr get-registry-scanning-configuration";
    let account = match setting(scene, Cloud::Eks, "scanningConfiguration", command) {
        Err(missing) => return Finding::unknown(missing),
        Ok(account) => account,
    };
    match (account.text("scanningConfiguration.scanType"), account.list("scanningConfiguration.rules")) {
        (Err(missing), _) | (_, Err(missing)) => Finding::unknown(missing),
        (Ok(kind), Ok(rules)) => {
            let by_itself = |rule: &Value<'_>| {
                matches!(text(rule, &["scanFrequency"]), Some("SCAN_ON_PUSH" | "CONTINUOUS_SCAN"))
            };
            if rules.iter().any(by_itself) {
                Finding::met(format!("ECR scans images by itself: {}", shortened(kind)))
            } else {
                Finding::not_met("no rule of ECR scans images by itself")
            }
        }
    }
}

/// The detector of GuardDuty says it; its agent says it too.
fn eks_guardduty(scene: &Scene<'_, '_>) -> Finding {
    let command = "aws guardduty get-detector --detector-id ID";
    let told = setting(scene, Cloud::Eks, "Features", command).and_then(|detector| {
        let status = detector.text("Status")?;
        let feature = detector.list("Features")?.iter().find(|feature| {
            matches!(text(feature, &["Name"]), Some("RUNTIME_MONITORING" | "EKS_RUNTIME_MONITORING"))
                && text(feature, &["Status"]).is_some()
        });
        let feature = feature.ok_or_else(|| {
            missing(InputKind::Eks, "RUNTIME_MONITORING in Features of the GuardDuty detector")
        })?;
        Ok(status == "ENABLED" && text(feature, &["Status"]) == Some("ENABLED"))
    });
    let told =
        Finding::from(told, "GuardDuty runtime monitoring is on", "GuardDuty runtime monitoring is off");
    let agent = scene.kind("apps", "DaemonSet").ok().and_then(|sets| {
        sets.into_iter()
            .find(|set| text(set, &["metadata", "name"]).is_some_and(|name| name.contains("guardduty-agent")))
            .map(shown)
    });
    match agent {
        // The detector goes before an agent that it left behind.
        Some(agent) if told.answer == plimsoll_model::Outcome::Unknown => {
            Finding::met(format!("DaemonSet {agent} is the agent of GuardDuty"))
        }
        _ => told,
    }
}

fn eks_storage_class(scene: &Scene<'_, '_>) -> Finding {
    let classes = match scene.kind("storage.k8s.io", "StorageClass") {
        Err(missing) => return Finding::unknown(missing),
        Ok(classes) => classes,
    };
    let ebs: Vec<_> = classes
        .iter()
        .filter(|class| {
            text(class, &["provisioner"])
                .is_some_and(|name| crate::kubernetes::rules::storage_class_unencrypted::EBS.contains(&name))
        })
        .collect();
    if ebs.is_empty() {
        return Finding::unknown(missing(InputKind::Kubernetes, "a StorageClass of EBS"));
    }
    let without: Vec<String> = ebs
        .iter()
        .filter(|class| text(class, &["parameters", "encrypted"]) != Some("true"))
        .map(|class| format!("StorageClass {} does not say encrypted", shown(class)))
        .collect();
    Finding::none_of(Ok(without), "every StorageClass of EBS says encrypted")
}

fn eks_expire_after(scene: &Scene<'_, '_>) -> Finding {
    let pools = match scene.kind("karpenter.sh", "NodePool") {
        Err(missing) => return Finding::unknown(missing),
        Ok(pools) => pools,
    };
    let name = scene.pool.name.as_str();
    let Some(pool) = pools.iter().find(|pool| text(pool, &["metadata", "name"]) == Some(name)) else {
        return Finding::unknown(missing(InputKind::Kubernetes, format!("the NodePool {}", shortened(name))));
    };
    match text(pool, &["spec", "template", "spec", "expireAfter"]) {
        None => Finding::unknown(missing(
            InputKind::Kubernetes,
            format!("spec.template.spec.expireAfter of the NodePool {}", shortened(name)),
        )),
        Some(life) => match hours(life) {
            Some(hours) if hours <= LONGEST_LIFE => {
                Finding::met(format!("nodes of {} live {hours} hours at most", shortened(name)))
            }
            _ => Finding::not_met(format!("expireAfter of {} is {}", shortened(name), shortened(life))),
        },
    }
}

/// Whole hours of a duration such as `336h` or `336h30m`, rounded up. `None` for `Never` and what cannot be read.
fn hours(text: &str) -> Option<u64> {
    let (hours, rest) = text.split_once('h')?;
    let hours: u64 = hours.parse().ok()?;
    match rest {
        "" | "0m" | "0m0s" => Some(hours),
        _ => hours.checked_add(1),
    }
}

fn aks_safeguards(scene: &Scene<'_, '_>) -> Finding {
    let command = "az aks safeguards show --resource-group GROUP --name CLUSTER";
    let level = setting(scene, Cloud::Aks, "level", command)
        .and_then(|safeguards| safeguards.text("level"))
        .or_else(|error| {
            let nested = scene.evidence.exports.setting(Cloud::Aks, "properties.level");
            nested.ok_or(error).and_then(|safeguards| safeguards.text("properties.level"))
        });
    match level {
        Err(missing) => Finding::unknown(missing),
        Ok("Enforce" | "Enforcement") => Finding::met("deployment safeguards enforce"),
        Ok(level) => Finding::not_met(format!("the level of deployment safeguards is {}", shortened(level))),
    }
}

/// One pool whose pods run in virtual machines is enough.
fn aks_sandboxing(scene: &Scene<'_, '_>) -> Finding {
    let pools = match scene.cloud().and_then(|cluster| cluster.list("agentPoolProfiles")) {
        Err(missing) => return Finding::unknown(missing),
        Ok(pools) => pools,
    };
    let runtime = |pool: &Value<'_>| text(pool, &["workloadRuntime"]).map(str::to_owned);
    let name = |pool: &Value<'_>| text(pool, &["name"]).unwrap_or_default().to_owned();
    if let Some(pool) =
        pools.iter().find(|pool| runtime(pool).is_some_and(|runtime| runtime.starts_with("Kata")))
    {
        return Finding::met(format!("node pool {} runs pods in virtual machines", shortened(&name(pool))));
    }
    let unsaid: Vec<String> = pools.iter().filter(|pool| runtime(pool).is_none()).map(name).collect();
    if pools.is_empty() || !unsaid.is_empty() {
        return Finding::unknown(missing(
            InputKind::Aks,
            format!("agentPoolProfiles[].workloadRuntime {}", few(&unsaid)).trim_end().to_owned(),
        ));
    }
    Finding::not_met("no node pool runs pods in virtual machines")
}

#[cfg(test)]
mod tests {
    use super::hours;

    #[test]
    fn a_life_of_nodes_is_read_in_hours() {
        assert_eq!(hours("336h"), Some(336));
        assert_eq!(hours("336h0m0s"), Some(336));
        assert_eq!(hours("504h30m"), Some(505), "half an hour too long is too long");
        assert_eq!(hours("Never"), None);
        assert_eq!(hours(""), None);
        assert_eq!(hours("-1h"), None);
    }
}
