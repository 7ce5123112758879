//! Functions that decide single ids of benchmarks, where no control asks the same.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_model::node::SecretEncryption;
use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::InputKind;
use super::super::decision::Finding;
use super::super::evidence::{Answer, Part, missing};
use super::rights::{RBAC, own_bindings};
use super::support::{About, is_system_namespace, judged, judged_workloads};
use super::{Scene, control_plane, images, network, shown, text};
use crate::kubernetes::{at, list};

/// Decides one id.
type Probe = fn(&Scene<'_, '_>) -> Finding;

/// All of them by name.
pub(in crate::responsibility) const PROBES: &[(&str, Probe)] = &[
    ("aks-audit-log", |scene| control_plane::aks_diagnostics(scene, &["kube-audit", "kube-audit-admin"])),
    ("aks-images-scanned", aks_images_scanned),
    ("aks-network-plugin", aks_network_plugin),
    ("default-accounts", default_accounts),
    ("eks-all-logs", |scene| {
        control_plane::eks_logs(scene, &["api", "audit", "authenticator", "controllerManager", "scheduler"])
    }),
    ("eks-private-endpoint", eks_private_endpoint),
    ("gke-auditd", gke_auditd),
    ("gke-flow-logs", gke_flow_logs),
    ("gke-logging", gke_logging),
    ("gke-managed-certificates", gke_managed_certificates),
    ("gke-no-alpha", gke_no_alpha),
    ("gke-private-endpoint", gke_private_endpoint),
    ("gke-sandbox", gke_sandbox),
    ("gke-volume-keys", gke_volume_keys),
    ("namespaces-have-policies", namespaces_have_policies),
    ("namespaces-part-workloads", namespaces_part_workloads),
    ("no-anonymous", |scene| no_subject(scene, "system:anonymous")),
    ("no-authenticated", |scene| no_subject(scene, "system:authenticated")),
    ("no-masters", no_masters),
    ("no-unauthenticated", |scene| no_subject(scene, "system:unauthenticated")),
    ("policies-enforced", policies_enforced),
];

/// What rules for objects say of rights: roles and bindings that the cluster does not bring.
pub(in crate::responsibility) fn of_rights(scene: &Scene<'_, '_>, ids: &[&str]) -> Finding {
    let kinds = [(RBAC, "ClusterRole"), (RBAC, "Role"), (RBAC, "ClusterRoleBinding"), (RBAC, "RoleBinding")];
    Finding::none_of(judged(scene, &kinds, ids, About::Rights), "no role or binding of yours does")
}

/// What rules for objects say of what runs.
pub(in crate::responsibility) fn of_workloads(scene: &Scene<'_, '_>, ids: &[&str]) -> Finding {
    Finding::none_of(judged_workloads(scene, ids), "no workload of an application does")
}

/// Text, number or truth value of a field.
pub(in crate::responsibility) fn scalar(part: Part<'_>, path: &str) -> Answer<String> {
    match part.get(path)? {
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(value) => Ok(value.to_string()),
        Value::Str(value) => Ok(value.to_string()),
        _ => Err(missing(part.input, format!("{}{path} (it is neither text nor number)", part.prefix))),
    }
}

/// Namespaces of applications.
fn application_namespaces(scene: &Scene<'_, '_>) -> Answer<BTreeSet<String>> {
    let namespaces = scene.kind("", "Namespace")?;
    Ok(namespaces
        .iter()
        .filter_map(|one| text(one, &["metadata", "name"]))
        .filter(|name| !is_system_namespace(name) && *name != "default")
        .map(str::to_owned)
        .collect())
}

fn default_accounts(scene: &Scene<'_, '_>) -> Finding {
    let used = Finding::none_of(
        judged_workloads(scene, &["default-service-account"]),
        "no pod uses a default account",
    );
    let mounts = application_namespaces(scene).and_then(|namespaces| {
        let accounts = scene.kind("", "ServiceAccount")?;
        let mut wrong = Vec::new();
        for namespace in namespaces {
            // Every namespace has one: the cluster makes it.
            let account = accounts.iter().find(|account| {
                text(account, &["metadata", "name"]) == Some("default")
                    && text(account, &["metadata", "namespace"]) == Some(namespace.as_str())
            });
            let place = shortened(&namespace);
            let account = account.ok_or_else(|| {
                missing(InputKind::Kubernetes, format!("the service account {place}/default"))
            })?;
            if at(account, &["automountServiceAccountToken"]).and_then(Value::as_bool) != Some(false) {
                wrong.push(format!("the account {place}/default mounts its token"));
            }
        }
        Ok(wrong)
    });
    Finding::all([used, Finding::none_of(mounts, "default accounts mount no token")])
}

/// Bindings of one user or group, without what the cluster brings.
fn no_subject(scene: &Scene<'_, '_>, wanted: &str) -> Finding {
    let brought = ["system:basic-user", "system:discovery", "system:public-info-viewer"];
    let found = own_bindings(scene).map(|bindings| {
        bindings
            .into_iter()
            .filter(|object| !brought.contains(&object.name.name))
            .filter(|object| {
                list(at(object.value, &["subjects"]))
                    .iter()
                    .any(|subject| text(subject, &["name"]) == Some(wanted))
            })
            .map(|object| format!("{} is for {wanted}", object.shown()))
            .collect()
    });
    Finding::none_of(found, format!("no binding of yours is for {wanted}"))
}

fn no_masters(scene: &Scene<'_, '_>) -> Finding {
    let requests = scene.evidence.objects().and_then(|objects| {
        let requests = objects.optional("certificates.k8s.io", "CertificateSigningRequest")?;
        let mut unread = None;
        let mut wrong = Vec::new();
        for request in requests {
            match asks_for_masters(request) {
                Some(true) => {
                    wrong.push(format!("signing request {} asks for system:masters", shown(request)));
                }
                Some(false) => {}
                None => unread = unread.or(Some(request)),
            }
        }
        match unread {
            Some(request) if wrong.is_empty() => Err(missing(
                InputKind::Kubernetes,
                format!("spec.request of the signing request {} as PEM", shown(request)),
            )),
            _ => Ok(wrong),
        }
    });
    Finding::all([
        no_subject(scene, "system:masters"),
        Finding::none_of(requests, "no signing request asks for system:masters"),
    ])
}

/// Whether a signing request names the group of administrators; absent where it cannot be read.
fn asks_for_masters(request: &Value<'_>) -> Option<bool> {
    let pem = String::from_utf8(STANDARD.decode(text(request, &["spec", "request"])?).ok()?).ok()?;
    let body = pem.split_once("-----BEGIN CERTIFICATE REQUEST-----")?.1;
    let body = body.split_once("-----END CERTIFICATE REQUEST-----")?.0;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    // It begins as a sequence, and names stand in the clear within: as UTF-8 or, in a BMPString, in words of two bytes.
    if der.first() != Some(&0x30) {
        return None;
    }
    let wanted = "system:masters";
    let wide: Vec<u8> = wanted.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let has = |wanted: &[u8]| der.windows(wanted.len()).any(|part| part == wanted);
    Some(has(wanted.as_bytes()) || has(&wide))
}

fn namespaces_have_policies(scene: &Scene<'_, '_>) -> Finding {
    let without = application_namespaces(scene).and_then(|namespaces| {
        let policies = scene.kind("networking.k8s.io", "NetworkPolicy")?;
        let with: BTreeSet<&str> =
            policies.iter().filter_map(|policy| text(policy, &["metadata", "namespace"])).collect();
        Ok(namespaces
            .iter()
            .filter(|namespace| !with.contains(namespace.as_str()))
            .map(|namespace| format!("namespace {} has no network policy", shortened(namespace)))
            .collect())
    });
    Finding::none_of(without, "each namespace of an application has a network policy")
}

fn namespaces_part_workloads(scene: &Scene<'_, '_>) -> Finding {
    let kubernetes = match scene.workloads() {
        Ok(kubernetes) => kubernetes,
        Err(missing) => return Finding::unknown(missing),
    };
    let used: BTreeSet<&str> = kubernetes
        .objects()
        .iter()
        .filter(|object| !object.pods.is_empty() && !is_system_namespace(object.name.namespace))
        .map(|object| if object.name.namespace.is_empty() { "default" } else { object.name.namespace })
        .collect();
    if used.is_empty() {
        return Finding::unknown(missing(InputKind::Kubernetes, "a workload of an application"));
    }
    if used.contains("default") {
        return Finding::not_met("workloads stand in the namespace default");
    }
    Finding::met(format!("workloads stand in {} namespaces of their own", used.len()))
}

fn policies_enforced(scene: &Scene<'_, '_>) -> Finding {
    Finding::all([network::engine(scene).joined(), network::isolated(scene).joined()])
}

fn eks_private_endpoint(scene: &Scene<'_, '_>) -> Finding {
    let of = |path: &str| scene.cloud().and_then(|cluster| cluster.bool(path));
    Finding::all([
        Finding::from(
            of("resourcesVpcConfig.endpointPrivateAccess"),
            "endpointPrivateAccess is true",
            "endpointPrivateAccess is false",
        ),
        Finding::from(
            of("resourcesVpcConfig.endpointPublicAccess").map(|public| !public),
            "endpointPublicAccess is false",
            "endpointPublicAccess is true",
        ),
    ])
}

fn aks_images_scanned(scene: &Scene<'_, '_>) -> Finding {
    let path = "securityProfile.defender.securityMonitoring.enabled";
    let on = scene.cloud().and_then(|cluster| cluster.bool(path));
    Finding::any([
        Finding::from(on, "Defender scans images", "Defender is off"),
        images::scanned(scene).effect,
    ])
}

/// AKS brings its plugin with the cluster's release.
fn aks_network_plugin(scene: &Scene<'_, '_>) -> Finding {
    let plugin = match scene.cloud().and_then(|cluster| cluster.text("networkProfile.networkPlugin")) {
        Err(missing) => Finding::unknown(missing),
        Ok("azure") => Finding::met("networkProfile.networkPlugin is azure, which comes with the release"),
        Ok("kubenet") => {
            Finding::not_met("networkProfile.networkPlugin is kubenet, which gets no more features")
        }
        Ok(other) => Finding::unknown(missing(
            InputKind::Attest,
            format!("that the network plugin `{}` is current", shortened(other)),
        )),
    };
    Finding::all([plugin, control_plane::upgrade_channel(scene).unwrap_or_else(Finding::unknown)])
}

fn gke_private_endpoint(scene: &Scene<'_, '_>) -> Finding {
    let cluster = match scene.cloud() {
        Ok(cluster) => cluster,
        Err(missing) => return Finding::unknown(missing),
    };
    let public = cluster
        .bool("controlPlaneEndpointsConfig.ipEndpointsConfig.enablePublicEndpoint")
        .map(|public| !public)
        .or_else(|_| cluster.bool("privateClusterConfig.enablePrivateEndpoint"));
    Finding::from(public, "the endpoint has no public address", "the endpoint has a public address")
}

fn gke_logging(scene: &Scene<'_, '_>) -> Finding {
    let of = |field: &str| control_plane::gke_log_components(scene, field, &["SYSTEM_COMPONENTS"]);
    Finding::all([
        of("loggingConfig.componentConfig.enableComponents"),
        of("monitoringConfig.componentConfig.enableComponents"),
    ])
}

fn gke_flow_logs(scene: &Scene<'_, '_>) -> Finding {
    let inside = scene.cloud().and_then(|cluster| cluster.bool("networkConfig.enableIntraNodeVisibility"));
    let flows = gke_subnets(scene).and_then(|wanted| Ok((wanted, scene.evidence.exports.subnets()?)));
    let flows = match flows {
        Err(missing) => Finding::unknown(missing),
        // Another network's subnetwork says nothing of this cluster, whichever way it is set.
        Ok((wanted, subnets)) => Finding::all(wanted.into_iter().map(|name| {
            let own: Vec<_> = subnets.iter().filter(|subnet| subnet.text("name") == Ok(name)).collect();
            if own.is_empty() {
                return Finding::unknown(missing(
                    InputKind::Gke,
                    format!(
                        "gcloud compute networks subnets describe {} --region REGION --format=json",
                        shortened(name)
                    ),
                ));
            }
            Finding::all(own.into_iter().map(|subnet| {
                let on = subnet.bool("logConfig.enable").or_else(|_| subnet.bool("enableFlowLogs"));
                Finding::from(
                    on,
                    "flow logs are on",
                    format!("flow logs of the subnetwork {} are off", shortened(name)),
                )
            }))
        })),
    };
    Finding::all([Finding::from(inside, "intranode visibility is on", "intranode visibility is off"), flows])
}

/// Names of the subnetworks that the cluster's nodes are in: the cluster's own, and those of pools that have another.
fn gke_subnets<'v>(scene: &Scene<'v, '_>) -> Answer<BTreeSet<&'v str>> {
    let cluster = scene.cloud()?;
    let own = cluster
        .text("networkConfig.subnetwork")
        .or_else(|error| cluster.text("subnetwork").map_err(|_| error))?;
    let mut wanted = BTreeSet::from([own]);
    for value in cluster.list("nodePools").unwrap_or_default() {
        let pool = Part { value, ..cluster };
        wanted.extend(pool.text("networkConfig.subnetwork").ok());
    }
    Ok(wanted.into_iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect())
}

/// Objects that auditd's logs are delivered by are named so in Google's own example.
fn gke_auditd(scene: &Scene<'_, '_>) -> Finding {
    let found = scene.kind("apps", "DaemonSet").map(|sets| {
        sets.iter()
            .find(|set| text(set, &["metadata", "name"]).is_some_and(|name| name.contains("auditd")))
            .map(|set| shown(set))
    });
    match found {
        Err(missing) => Finding::unknown(missing),
        Ok(Some(set)) => Finding::met(format!("DaemonSet {set} delivers auditd's log")),
        Ok(None) => Finding::not_met("no DaemonSet delivers auditd's log of the nodes"),
    }
}

fn gke_managed_certificates(scene: &Scene<'_, '_>) -> Finding {
    let annotation = "networking.gke.io/managed-certificates";
    let wrong = scene.kind("networking.k8s.io", "Ingress").and_then(|ingresses| {
        let kubernetes = scene.evidence.objects()?;
        let services = kubernetes.of("", "Service")?;
        let certificates = kubernetes.optional("networking.gke.io", "ManagedCertificate")?;
        let there: BTreeSet<(&str, &str)> = certificates
            .iter()
            .filter_map(|one| {
                Some((text(one, &["metadata", "namespace"])?, text(one, &["metadata", "name"])?))
            })
            .collect();
        let mut wrong = Vec::new();
        for service in services {
            let namespace = text(service, &["metadata", "namespace"]).unwrap_or_default();
            if text(service, &["spec", "type"]) == Some("LoadBalancer") && !is_system_namespace(namespace) {
                wrong.push(format!("Service {} is a load balancer of its own", shown(service)));
            }
        }
        for ingress in ingresses {
            let namespace = text(ingress, &["metadata", "namespace"]).unwrap_or_default();
            let named = text(ingress, &["metadata", "annotations", annotation]).unwrap_or_default();
            let names: Vec<&str> = named.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            if names.is_empty() {
                wrong.push(format!("Ingress {} names no managed certificate", shown(ingress)));
            }
            for name in names.into_iter().filter(|name| !there.contains(&(namespace, *name))) {
                wrong.push(format!(
                    "Ingress {} names the managed certificate {}, which there is not",
                    shown(ingress),
                    shortened(name)
                ));
            }
        }
        Ok(wrong)
    });
    Finding::none_of(wrong, "every Ingress has managed certificates, and no Service is a load balancer")
}

pub(super) fn gke_volume_keys(scene: &Scene<'_, '_>) -> Finding {
    let classes = match scene.kind("storage.k8s.io", "StorageClass") {
        Ok(classes) => classes,
        Err(missing) => return Finding::unknown(missing),
    };
    let disks: Vec<_> = classes
        .iter()
        .filter(|class| {
            matches!(text(class, &["provisioner"]), Some("pd.csi.storage.gke.io" | "kubernetes.io/gce-pd"))
        })
        .collect();
    if disks.is_empty() {
        return Finding::unknown(missing(InputKind::Kubernetes, "a StorageClass of persistent disks"));
    }
    let without: Vec<String> = disks
        .iter()
        .filter(|class| text(class, &["parameters", "disk-encryption-kms-key"]).is_none_or(str::is_empty))
        .map(|class| format!("StorageClass {} names no key", shown(class)))
        .collect();
    Finding::none_of(Ok(without), "every StorageClass of persistent disks names a key")
}

/// Alpha clusters are made without auto-upgrade, which they do not have; exports leave the field out where it is off.
fn gke_no_alpha(scene: &Scene<'_, '_>) -> Finding {
    match scene.cloud().and_then(|cluster| cluster.bool("enableKubernetesAlpha")) {
        Ok(true) => Finding::not_met("enableKubernetesAlpha is true"),
        Ok(false) => Finding::met("enableKubernetesAlpha is false"),
        Err(error) => match scene.pool_export().and_then(|pool| pool.bool("management.autoUpgrade")) {
            Ok(true) => {
                Finding::met("its nodes are upgraded by themselves, which alpha clusters cannot have")
            }
            _ => Finding::unknown(error),
        },
    }
}

/// One pool that runs a sandbox is enough: it is asked of the cluster, not of each pool.
pub(super) fn gke_sandbox(scene: &Scene<'_, '_>) -> Finding {
    let pools = scene.cloud().and_then(|cluster| cluster.list("nodePools"));
    match pools {
        Err(missing) => Finding::unknown(missing),
        Ok([]) => Finding::unknown(missing(InputKind::Gke, "nodePools")),
        Ok(pools) => {
            let with = pools.iter().find(|pool| {
                matches!(text(pool, &["config", "sandboxConfig", "type"]), Some("GVISOR" | "gvisor"))
            });
            match with {
                Some(pool) => Finding::met(format!(
                    "node pool {} runs GKE Sandbox",
                    shortened(text(pool, &["name"]).unwrap_or_default())
                )),
                None => Finding::not_met("no node pool runs GKE Sandbox"),
            }
        }
    }
}

/// Whether nobody signs in to a node from outside.
pub(super) fn no_remote_access(scene: &Scene<'_, '_>) -> Finding {
    super::node_facts::each(scene, |facts| {
        let node = shortened(&facts.node);
        let access = facts.remote_access.as_ref();
        match access.and_then(|access| access.listens) {
            None => Finding::unknown(missing(InputKind::Node, format!("what listens on port 22 of {node}"))),
            Some(true) => Finding::not_met(format!("port 22 of {node} is open to the outside")),
            Some(false) => Finding::met("port 22 is closed on the nodes"),
        }
    })
}

/// Whether the disks that hold what containers write are encrypted, as nodes see it.
pub(super) fn disks_encrypted(scene: &Scene<'_, '_>) -> Finding {
    super::node_facts::each(scene, |facts| {
        let node = shortened(&facts.node);
        if facts.disks.is_empty() {
            return Finding::unknown(missing(InputKind::Node, format!("disks of {node}")));
        }
        Finding::all(facts.disks.iter().map(|disk| match disk.encrypted {
            None => Finding::unknown(missing(
                InputKind::Node,
                format!("whether {} of {node} is encrypted", shortened(&disk.device)),
            )),
            Some(true) => Finding::met(format!("{} is encrypted", shortened(&disk.mount))),
            // What is below the node, a hypervisor or a disk that encrypts itself, shows nowhere on it.
            Some(false) => Finding::unknown(missing(
                InputKind::Attest,
                format!(
                    "whether the disk under {} of {node} is encrypted: the node itself does not encrypt it",
                    shortened(&disk.mount)
                ),
            )),
        }))
    })
}

/// Whether nodes were started with secure boot.
pub(super) fn secure_boot(scene: &Scene<'_, '_>) -> Finding {
    super::node_facts::each(scene, |facts| {
        let node = shortened(&facts.node);
        match facts.secure_boot {
            None => {
                Finding::unknown(missing(InputKind::Node, format!("whether {node} boots with secure boot")))
            }
            Some(true) => Finding::met("nodes boot with secure boot"),
            Some(false) => Finding::not_met(format!("{node} boots without secure boot")),
        }
    })
}

/// Whether the certificates of kubelets have days to go.
pub(super) fn certificates_run(scene: &Scene<'_, '_>) -> Finding {
    super::node_facts::each(scene, |facts| {
        let node = shortened(&facts.node);
        let all = || facts.certificates.iter().filter(|certificate| certificate.path.contains("kubelet"));
        // A kubelet that rotates keeps what it had before beside what it uses, to which a link leads.
        let is_left = |path: &str| {
            let dated = path.rsplit_once("-20").filter(|(_, day)| day.ends_with(".pem"));
            dated.is_some_and(|(name, _)| all().any(|other| other.path == format!("{name}-current.pem")))
        };
        let own: Vec<_> = all().filter(|certificate| !is_left(&certificate.path)).collect();
        if own.is_empty() {
            return Finding::unknown(missing(
                InputKind::Node,
                format!("the kubelet's certificates of {node}"),
            ));
        }
        Finding::all(own.into_iter().map(|certificate| {
            let path = shortened(&certificate.path);
            let until = certificate.until.as_deref().and_then(|until| until.parse::<jiff::Timestamp>().ok());
            match until {
                None => Finding::unknown(missing(InputKind::Node, format!("the end of {path} of {node}"))),
                Some(until) if until <= scene.evidence.now => {
                    Finding::not_met(format!("{path} of {node} has ended"))
                }
                Some(_) => Finding::met("certificates of kubelets run"),
            }
        }))
    })
}

/// How Secrets are encrypted, by the file on the node of an API server; on all of them where it is not known which node that
/// is.
pub(super) fn secrets_by_file(scene: &Scene<'_, '_>, node: Option<&str>) -> Finding {
    let file_on = |node: &str| {
        missing(
            InputKind::Node,
            format!(
                "the file of --encryption-provider-config on {}: `plimsoll node` there, given by --node",
                shortened(node)
            ),
        )
    };
    if let Some(node) = node {
        let own = scene.evidence.nodes.iter().find(|facts| facts.node == node);
        return match own.and_then(|facts| facts.secret_encryption.as_ref()) {
            Some(file) => secrets_in(node, file),
            None => Finding::unknown(file_on(node)),
        };
    }
    let (facts, gone) = super::node_facts::facts(scene);
    let told = facts.iter().filter_map(|facts| Some((facts, facts.secret_encryption.as_ref()?)));
    let mut all: Vec<Finding> = told.map(|(facts, file)| secrets_in(&facts.node, file)).collect();
    if all.is_empty() {
        return Finding::unknown(file_on("the control plane"));
    }
    // Any of the nodes that were not looked at may be one of the control plane.
    all.extend(gone.map(Finding::unknown));
    Finding::all(all)
}

fn secrets_in(node: &str, file: &SecretEncryption) -> Finding {
    let path = shortened(&file.path);
    match file.first_provider.as_deref() {
        None => Finding::unknown(missing(InputKind::Node, format!("the first provider in {path}"))),
        Some("identity") => Finding::not_met(format!(
            "{path} on {} begins with identity: Secrets are written in the clear",
            shortened(node)
        )),
        Some("kms") => Finding::met("Secrets are encrypted with a key service"),
        Some(provider) => Finding::not_met(format!(
            "{path} encrypts with {}, whose key lies beside the data: no key service",
            shortened(provider)
        )),
    }
}

/// Restarts that nodes wait for.
pub(super) fn no_restart_wanted(scene: &Scene<'_, '_>) -> Finding {
    let (facts, _) = super::node_facts::facts(scene);
    let wait: Vec<String> = facts
        .iter()
        .filter(|facts| facts.restart_wanted == Some(true))
        .map(|facts| format!("{} waits for a restart, to run what was updated", shortened(&facts.node)))
        .collect();
    if wait.is_empty() {
        return Finding::unknown(missing(
            InputKind::Node,
            "package updates and pending restarts of each node",
        ));
    }
    Finding::all_wrong(wait)
}
