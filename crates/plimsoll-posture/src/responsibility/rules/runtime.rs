//! What runs: its confinement, who watches, what can be brought back.

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Cloud, missing};
use super::control_plane::{aks_diagnostics, eks_logs, gke_log_components};
use super::support::{days, is_system_namespace, judged_workloads};
use super::{Scene, shown, text};
use crate::kubernetes::rules::storage_class_unencrypted::EBS;
use crate::kubernetes::{at, list};

/// Names of DaemonSets that watch what runs on a node.
const SENSORS: [&str; 10] = [
    "aws-guardduty-agent",
    "container-watcher",
    "falco",
    "kubearmor",
    "microsoft-defender",
    "node-agent",
    "plimsoll-sensor",
    "sysdig",
    "tetragon",
    "tracee",
];
/// Names of DaemonSets that collect logs.
const LOG_AGENTS: [&str; 9] =
    ["alloy", "ama-logs", "fluent-bit", "fluentbit", "fluentd", "omsagent", "otel", "promtail", "vector"];
/// Days after which a backup is too old.
const BACKUP_DAYS: i64 = 7;

/// Whether a DaemonSet of one of these names is ready on every node that wants it.
fn on_every_node(scene: &Scene<'_, '_>, names: &[&str], what: &str) -> Finding {
    let found = scene.kind("apps", "DaemonSet").map(|sets| {
        sets.into_iter()
            .filter(|set| {
                let name = text(set, &["metadata", "name"]).unwrap_or_default();
                names.iter().any(|own| name.contains(own))
            })
            .collect::<Vec<_>>()
    });
    let sets = match found {
        Err(missing) => return Finding::unknown(missing),
        Ok(sets) => sets,
    };
    let Some(set) = sets.first() else {
        return Finding::not_met(format!("no DaemonSet of a known {what} runs"));
    };
    let number = |key: &str| at(set, &["status", key]).and_then(Value::as_i64);
    match (number("numberReady"), number("desiredNumberScheduled"), scene.kind("", "Node")) {
        (Some(ready), Some(wanted), _) if ready < wanted => {
            Finding::not_met(format!("DaemonSet {} is ready on {ready} of {wanted} nodes", shown(set)))
        }
        (Some(ready), Some(_), Ok(nodes)) => {
            let nodes = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
            if ready < nodes {
                Finding::not_met(format!("DaemonSet {} runs on {ready} of {nodes} nodes", shown(set)))
            } else {
                Finding::met(format!("DaemonSet {} is ready on all {nodes} nodes", shown(set)))
            }
        }
        (_, _, Err(missing)) => Finding::unknown(missing),
        _ => Finding::unknown(missing(
            InputKind::Kubernetes,
            format!("the status of DaemonSet {}", shown(set)),
        )),
    }
}

pub(super) fn sensor(scene: &Scene<'_, '_>) -> Decision {
    let running = on_every_node(scene, &SENSORS, "sensor");
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot | Base::EksAuto => {
            // The agent is put there by the switch of the cloud: that it runs is the only trace of it in a cluster.
            Decision::both(running.clone(), running)
        }
        Base::EksFargate => Decision::effect(Finding::unknown(missing(
            InputKind::Attest,
            "that something watches pods on Fargate, where no DaemonSet runs",
        ))),
        Base::AksStandard | Base::AksAutomatic => {
            let on = scene
                .cloud()
                .and_then(|cluster| cluster.bool("securityProfile.defender.securityMonitoring.enabled"));
            let defender = Finding::from(on, "Defender's sensor is on", "Defender's sensor is off");
            Decision::effect(Finding::any([running, defender]))
        }
        _ => Decision::effect(running),
    }
}

pub(super) fn sandbox(scene: &Scene<'_, '_>) -> Decision {
    let sandboxed = ["gvisor", "kata", "firecracker"];
    let classes = scene.kind("node.k8s.io", "RuntimeClass").map(|classes| {
        classes
            .iter()
            .filter(|class| {
                text(class, &["handler"])
                    .is_some_and(|handler| sandboxed.iter().any(|word| handler.contains(word)))
            })
            .map(|class| shown(class))
            .collect::<Vec<_>>()
    });
    let mut open = Finding::unknown(missing(
        InputKind::Attest,
        "which workloads are not trusted, and that they run in a sandbox",
    ));
    open.seen = match classes {
        Ok(classes) if classes.is_empty() => vec!["no RuntimeClass of a sandbox".into()],
        Ok(classes) => vec![format!("sandboxes: {}", classes.join(", "))],
        Err(_) => Vec::new(),
    };
    Decision::effect(open)
}

pub(super) fn seccomp(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(scene, &["seccomp-unconfined"]);
    Decision::effect(Finding::none_of(wrong, "every container of an application has a seccomp profile"))
}

pub(super) fn security_module(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(scene, &["apparmor-unconfined", "privileged-container"]);
    Decision::effect(Finding::none_of(
        wrong,
        "no container of an application is taken out of its confinement",
    ))
}

pub(super) fn security_context(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(
        scene,
        &[
            "privileged-container",
            "host-pid",
            "host-ipc",
            "host-network",
            "host-process",
            "sensitive-host-path",
            "dangerous-capability",
            "privilege-escalation-allowed",
            "container-user-root",
            "container-may-run-as-root",
            "capabilities-kept",
            "proc-unmasked",
            "unsafe-sysctl",
            "root-filesystem-writable",
        ],
    );
    Decision::effect(Finding::none_of(wrong, "every workload of an application has the least rights"))
}

pub(super) fn backed_up(scene: &Scene<'_, '_>) -> Decision {
    let claims = match scene.kind("", "PersistentVolumeClaim") {
        Err(missing) => return Decision::effect(Finding::unknown(missing)),
        Ok(claims) => claims,
    };
    let of_applications = claims
        .iter()
        .filter(|claim| !is_system_namespace(text(claim, &["metadata", "namespace"]).unwrap_or_default()))
        .count();
    if of_applications == 0 {
        return Decision::effect(Finding::met("applications keep no data in volumes"));
    }
    let schedules = scene.kind("velero.io", "Schedule").map(|schedules| {
        schedules
            .iter()
            .any(|schedule| at(schedule, &["spec", "paused"]).and_then(Value::as_bool) != Some(true))
    });
    let snapshots =
        scene.kind("snapshot.storage.k8s.io", "VolumeSnapshot").map(|snapshots| !snapshots.is_empty());
    let plans = scene.kind("gkebackup.gke.io", "ProtectedApplication").map(|plans| !plans.is_empty());
    Decision::effect(Finding::any([
        Finding::from(
            schedules,
            "Velero backs up on a schedule",
            format!("{of_applications} volumes, and no schedule of Velero"),
        ),
        Finding::from(snapshots, "VolumeSnapshots are made", "no VolumeSnapshot"),
        Finding::from(plans, "Backup for GKE protects applications", "no ProtectedApplication"),
    ]))
}

pub(super) fn volumes(scene: &Scene<'_, '_>) -> Decision {
    let plain = scene.kind("storage.k8s.io", "StorageClass").map(|classes| {
        let any = !classes.is_empty();
        let mut open = Vec::new();
        let mut unsaid = Vec::new();
        for class in classes {
            let provisioner = text(class, &["provisioner"]).unwrap_or_default();
            let parameter = |key: &str| text(class, &["parameters", key]);
            match provisioner {
                ebs if EBS.contains(&ebs) => match parameter("encrypted") {
                    Some("true") => {}
                    Some(_) => open.push(format!("StorageClass {} does not encrypt", shown(class))),
                    None => unsaid.push(shown(class)),
                },
                "pd.csi.storage.gke.io"
                | "disk.csi.azure.com"
                | "file.csi.azure.com"
                | "filestore.csi.storage.gke.io" => {}
                _ => unsaid.push(shown(class)),
            }
        }
        (any, open, unsaid)
    });
    Decision::effect(match plain {
        Err(missing) => Finding::unknown(missing),
        // How volumes are made by hand is not looked at.
        Ok((false, ..)) => Finding::unknown(missing(InputKind::Kubernetes, "a StorageClass")),
        Ok((_, open, _)) if !open.is_empty() => Finding::all_wrong(open),
        Ok((_, _, unsaid)) if unsaid.is_empty() => {
            Finding::met("every StorageClass encrypts, or its provider does")
        }
        Ok((_, _, unsaid)) => Finding::unknown(missing(
            InputKind::Kubernetes,
            format!("parameters.encrypted of the StorageClass {}", shortened(&unsaid.join(", "))),
        )),
    })
}

pub(super) fn alerts(scene: &Scene<'_, '_>) -> Decision {
    let rules = scene.kind("monitoring.coreos.com", "PrometheusRule").map(|rules| {
        rules
            .iter()
            .flat_map(|rule| list(at(rule, &["spec", "groups"])))
            .flat_map(|group| list(at(group, &["rules"])))
            .any(|rule| text(rule, &["alert"]).is_some())
    });
    let written = Finding::from(rules, "alerts are written", "no PrometheusRule alerts");
    // That somebody is called is for a person to say.
    let called = Finding::unknown(missing(InputKind::Attest, "who is called when an alert fires"));
    Decision::effect(Finding::all([written, called]))
}

pub(super) fn platform_logs(scene: &Scene<'_, '_>) -> Decision {
    let agent = || on_every_node(scene, &LOG_AGENTS, "log agent");
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => {
            let logs = gke_log_components(
                scene,
                "loggingConfig.componentConfig.enableComponents",
                &["SYSTEM_COMPONENTS"],
            );
            let metrics = gke_log_components(
                scene,
                "monitoringConfig.componentConfig.enableComponents",
                &["SYSTEM_COMPONENTS"],
            );
            Decision::both(Finding::all([logs, metrics]), agent())
        }
        Base::EksManaged | Base::EksFargate => Decision::effect(eks_logs(
            scene,
            &["api", "audit", "authenticator", "controllerManager", "scheduler"],
        )),
        Base::EksAuto => {
            let logs = eks_logs(scene, &["api", "audit", "authenticator", "controllerManager", "scheduler"]);
            Decision::both(logs, agent())
        }
        Base::AksStandard | Base::AksAutomatic => Decision::both(
            aks_diagnostics(
                scene,
                &["kube-apiserver", "kube-audit", "kube-audit-admin", "kube-controller-manager"],
            ),
            agent(),
        ),
        Base::Kubeadm => Decision::effect(Finding::all([
            agent(),
            Finding::unknown(missing(InputKind::Attest, "where logs of the control plane go")),
        ])),
    }
}

pub(super) fn restorable(scene: &Scene<'_, '_>) -> Decision {
    let now = scene.evidence.now;
    let backups = scene.kind("velero.io", "Backup").map(|backups| {
        backups.iter().any(|backup| {
            let done = text(backup, &["status", "completionTimestamp"]).and_then(|time| time.parse().ok());
            text(backup, &["status", "phase"]) == Some("Completed")
                && done.is_some_and(|done| days(done, now) <= BACKUP_DAYS)
        })
    });
    let made = Finding::from(
        backups,
        "a backup of Velero was completed in the last week",
        "no backup of Velero was completed in the last week",
    );
    let restored = Finding::unknown(missing(InputKind::Attest, "that a restore was practised"));
    Decision::effect(Finding::all([made, restored]))
}

pub(super) fn bulletins(scene: &Scene<'_, '_>) -> Decision {
    let read = Finding::unknown(missing(InputKind::Attest, "who reads the bulletins, and how fast they act"));
    match scene.base().family() {
        Some(Cloud::Gke) => {
            let on = scene.cloud().and_then(|cluster| cluster.bool("notificationConfig.pubsub.enabled"));
            Decision::both(Finding::from(on, "notifications go to Pub/Sub", "notifications are off"), read)
        }
        _ => Decision::effect(read),
    }
}
