//! The cases of other checkers, held against our rules: they agree, or the difference stands in a table with its reason.
//!
//! A case is what a peer's own test says: this check, over these files, finds something or does not (kube-linter: finds so
//! much). Which rule of ours answers a check is told by the rule's references, by the tables here where a check is spread over
//! several, and for kubescape's rules, which have no ids, by name. Checks that no rule of ours answers are listed with the
//! reason. `docs/status.md` has the counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plimsoll_model::audit::ClusterInfo;
use plimsoll_model::paths::Goal;
use plimsoll_model::workload::Kinds;
use plimsoll_posture::cluster::rbac::{PathsAsked, Rbac, paths};
use plimsoll_posture::cluster::{Builder, Origin};
use plimsoll_posture::kubernetes::{Objects, edit, repair, yaml};
use plimsoll_posture::{RULES, check_objects};
use serde_json::Value;

/// Suites, each once unpacked.
fn suite(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let archive = plimsoll_testing::shared(&format!("fixtures/posture/{name}.tar.zst"))?;
    let folder = plimsoll_testing::unpack(&archive);
    let root = folder.path().join(name);
    Some((folder, root))
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("the suite is whole").path())
        .collect();
    all.sort();
    all
}

fn name(path: &Path) -> String {
    path.file_name().expect("the suite is whole").to_string_lossy().into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("the suite is whole"))
        .expect("the suite is whole")
}

/// How often each rule speaks about texts that are looked at together.
fn judged(texts: &[String]) -> BTreeMap<&'static str, usize> {
    let streams: Vec<_> = texts.iter().map(|text| yaml::read(text)).collect();
    let values: Vec<_> = streams.iter().flat_map(|stream| &stream.documents).map(yaml::Node::value).collect();
    let mut kinds = Kinds::default();
    kinds.add(SANDBOX).expect("a kind");
    let mut objects = Objects::default();
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &kinds);
    }
    let mut count = BTreeMap::new();
    for breach in check_objects(&objects).flat_map(|judged| judged.breaches) {
        *count.entry(breach.rule).or_default() += 1;
    }
    count
}

/// All YAML and JSON below a folder.
fn texts(folder: &Path) -> Vec<String> {
    let mut waiting = vec![folder.to_owned()];
    let mut texts = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(listed(&path).into_iter().rev());
        } else if path
            .extension()
            .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        {
            texts.push(std::fs::read_to_string(&path).expect("the suite is whole"));
        }
    }
    texts
}

/// Rules of ours that answer a check of a peer.
fn answering(peer: &str, check: &str) -> Vec<&'static str> {
    let more =
        MORE.iter().filter(|(own, id, _)| *own == peer && *id == check).flat_map(|(_, _, rules)| *rules);
    RULES
        .iter()
        .filter(|rule| rule.references.contains(&(leaked(peer), leaked(check))))
        .map(|rule| rule.id)
        .chain(more.copied())
        .collect()
}

/// The references of rules are static, and comparing wants the same.
fn leaked(text: &str) -> &'static str {
    RULES
        .iter()
        .flat_map(|rule| rule.references)
        .flat_map(|(peer, id)| [*peer, *id])
        .find(|known| *known == text)
        .unwrap_or_default()
}

/// What agreed, what differs.
#[derive(Default)]
struct Outcome {
    agree: usize,
    differ: BTreeSet<String>,
}

impl Outcome {
    fn add(&mut self, case: String, agrees: bool) {
        if agrees {
            self.agree += 1;
        } else {
            self.differ.insert(case);
        }
    }

    /// Differences are those of the table, and no other; the counts are those that the documentation tells.
    fn is(&self, peer: &str, agree: usize) {
        let explained: BTreeSet<String> = DIFFERENCES
            .iter()
            .filter(|(own, _, _)| *own == peer)
            .flat_map(|(_, cases, _)| cases.iter().map(|case| (*case).to_owned()))
            .collect();
        let unexplained: Vec<_> = self.differ.difference(&explained).collect();
        let stale: Vec<_> = explained.difference(&self.differ).collect();
        assert!(
            unexplained.is_empty() && stale.is_empty() && self.agree == agree,
            "{peer}: {} agree; not explained: {unexplained:#?}; agree by now: {stale:#?}",
            self.agree
        );
        let status =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/status.md"))
                .expect("the suite is whole");
        let told = format!("{peer} {agree} of {}", agree + self.differ.len());
        assert!(status.contains(&told), "docs/status.md does not say `{told}`");
    }
}

/// Further rules that answer a check: ours are cut differently.
const MORE: &[(&str, &str, &[&str])] =
    &[("polaris", "rolebindingClusterRolePodExecAttach", &["rbac-everything"])];

include!("peers/differences.rs");

/// Kubescape's rules by name.
const REGOLIBRARY: &[(&str, &[&str])] = &[
    ("alert-any-hostpath", &["host-path-mounted", "sensitive-host-path"]),
    ("alert-rw-hostpath", &["host-path-mounted", "sensitive-host-path"]),
    ("anonymous-requests-to-kubelet-updated", &["kubelet-anonymous"]),
    ("automount-default-service-account", &["service-account-token-mounted"]),
    ("configmap-in-default-namespace", &["default-namespace"]),
    ("configured-readiness-probe", &["readiness-probe-missing"]),
    ("csistoragecapacity-in-default-namespace", &["default-namespace"]),
    ("dangling-ingress-backend", &["ingress-without-service"]),
    ("deprecated-service-account-field", &["service-account-by-old-name"]),
    ("drop-capability-netraw", &["capabilities-kept"]),
    (
        "encrypt-traffic-to-https-load-balancers-with-tls-certificates",
        &["ingress-without-tls", "service-exposed"],
    ),
    ("endpointslice-in-default-namespace", &["default-namespace"]),
    ("ensure-default-service-accounts-has-only-default-roles", &["default-account-bound"]),
    (
        "ensure-that-the-API-Server-only-makes-use-of-Strong-Cryptographic-Ciphers",
        &["api-server-weak-ciphers"],
    ),
    (
        "ensure-that-the-admission-control-plugin-AlwaysPullImages-is-set",
        &["api-server-without-image-pull-check"],
    ),
    (
        "ensure-that-the-admission-control-plugin-NamespaceLifecycle-is-set",
        &["api-server-without-namespace-lifecycle"],
    ),
    ("ensure-that-the-api-server-anonymous-auth-argument-is-set-to-false", &["api-server-anonymous"]),
    (
        "ensure-that-the-api-server-audit-log-maxbackup-argument-is-set-to-10-or-as-appropriate",
        &["api-server-audit-log-backups"],
    ),
    ("ensure-that-the-api-server-audit-log-path-argument-is-set", &["api-server-audit-log-missing"]),
    ("ensure-that-the-api-server-authorization-mode-argument-includes-RBAC", &["api-server-without-rbac"]),
    (
        "ensure-that-the-api-server-client-ca-file-argument-is-set-as-appropriate",
        &["api-server-client-authority"],
    ),
    (
        "ensure-that-the-api-server-encryption-providers-are-appropriately-configured",
        &["api-server-secrets-unencrypted"],
    ),
    (
        "ensure-that-the-api-server-etcd-certfile-and-etcd-keyfile-arguments-are-set-as-appropriate",
        &["api-server-etcd-certificate"],
    ),
    (
        "ensure-that-the-api-server-kubelet-client-certificate-and-kubelet-client-key-arguments-are-set-as-appropriate",
        &["api-server-kubelet-certificate"],
    ),
    (
        "ensure-that-the-api-server-service-account-extend-token-expiration-is-set-to-false",
        &["api-server-tokens-extended"],
    ),
    (
        "ensure-that-the-api-server-service-account-lookup-argument-is-set-to-true",
        &["api-server-deleted-accounts-valid"],
    ),
    ("ensure-that-the-api-server-token-auth-file-parameter-is-not-set", &["api-server-token-file"]),
    (
        "ensure-that-the-controller-manager-RotateKubeletServerCertificate-argument-is-set-to-true",
        &["controller-manager-kubelet-certificates"],
    ),
    (
        "ensure-that-the-controller-manager-profiling-argument-is-set-to-false",
        &["controller-manager-profiling"],
    ),
    (
        "ensure-that-the-controller-manager-service-account-private-key-file-argument-is-set-as-appropriate",
        &["controller-manager-account-key"],
    ),
    (
        "ensure-that-the-controller-manager-use-service-account-credentials-argument-is-set-to-true",
        &["controller-manager-one-identity"],
    ),
    ("ensure-that-the-scheduler-bind-address-argument-is-set-to-127.0.0.1", &["scheduler-address"]),
    ("ensure_network_policy_configured_in_labels", &["no-network-policy"]),
    ("etcd-auto-tls-disabled", &["etcd-own-certificates"]),
    ("etcd-encryption-native", &["api-server-secrets-unencrypted"]),
    ("etcd-peer-client-auth-cert", &["etcd-peers-unchecked"]),
    ("etcd-tls-enabled", &["etcd-certificate"]),
    ("exposure-to-internet", &["service-exposed"]),
    ("horizontalpodautoscaler-in-default-namespace", &["default-namespace"]),
    ("host-network-access", &["host-network"]),
    ("host-pid-privileges", &["host-pid"]),
    ("image-pull-policy-is-not-set-to-always", &["image-not-pulled-anew"]),
    ("ingress-and-egress-blocked", &["no-network-policy", "egress-not-limited"]),
    ("ingress-no-tls", &["ingress-without-tls"]),
    ("insecure-port-flag", &["api-server-insecure-port"]),
    ("internal-networking", &["no-network-policy"]),
    ("k8s-audit-logs-enabled-native", &["api-server-audit-log-missing"]),
    ("kubelet-ip-tables", &["kubelet-firewall-chains"]),
    ("kubelet-rotate-certificates", &["kubelet-certificate-not-renewed"]),
    ("lease-in-default-namespace", &["default-namespace"]),
    ("naked-pods", &["pod-without-controller"]),
    ("non-root-containers", &["container-may-run-as-root", "container-user-root"]),
    ("persistentvolumeclaim-in-default-namespace", &["default-namespace"]),
    ("pod-security-admission-applied-2", &["namespace-without-pod-security"]),
    ("pod-security-admission-baseline-applied-2", &["namespace-without-pod-security"]),
    ("pod-security-admission-restricted-applied-2", &["namespace-without-pod-security"]),
    ("pods-in-default-namespace", &["default-namespace"]),
    ("pv-without-encryption", &["storage-class-unencrypted"]),
    ("rbac-enabled-native", &["api-server-without-rbac"]),
    ("replicationcontroller-in-default-namespace", &["default-namespace"]),
    ("resources-cpu-limit-and-request", &["cpu-limit-missing", "cpu-request-missing"]),
    ("resources-cpu-requests", &["cpu-request-missing"]),
    ("resources-memory-limits", &["memory-limit-missing"]),
    ("resources-sandbox-cpu-limits", &["cpu-limit-missing"]),
    ("resources-secret-in-default-namespace", &["default-namespace"]),
    ("rolebinding-in-default-namespace", &["default-namespace"]),
    ("rule-access-dashboard-wl-v1", &["dashboard-deployed"]),
    ("rule-can-access-proxy-subresource", &["rbac-node-proxy", "rbac-everything"]),
    ("rule-can-bind-escalate", &["rbac-escalates", "rbac-everything"]),
    ("rule-can-create-pv", &["rbac-makes-volumes", "rbac-everything"]),
    ("rule-can-delete-k8s-events-v1", &["rbac-deletes-events", "rbac-everything"]),
    ("rule-can-list-get-secrets-v1", &["rbac-reads-secrets", "rbac-everything"]),
    ("rule-can-portforward-v1", &["rbac-forwards-ports", "rbac-everything"]),
    ("rule-can-update-configmap-v1", &["rbac-changes-dns", "rbac-everything"]),
    ("rule-credentials-configmap", &["secret-in-config-map"]),
    ("rule-identify-old-k8s-registry", &["registry-frozen"]),
    ("rule-secrets-in-env-var", &["secret-as-environment"]),
    ("service-in-default-namespace", &["default-namespace"]),
    ("serviceaccount-in-default-namespace", &["default-namespace"]),
    ("set-procmount-default", &["proc-unmasked"]),
    ("set-seccomp-profile-RuntimeDefault", &["seccomp-unconfined"]),
    ("set-sysctls-params", &["unsafe-sysctl"]),
    ("system-authenticated-allowed-to-take-over-cluster", &["bound-to-everybody"]),
];

/// Kubescape's rules that none of ours answers, by the reason, as `docs/status.md` names it.
const REGOLIBRARY_ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "ask the sensor on nodes for files and settings (`plimsoll node` reads them, `whose` judges)",
        &[
            "Ensure-that-the-kubeconfig-file-permissions-are-set-to-644-or-more-restrictive",
            "ensure-that-the-API-server-pod-specification-file-ownership-is-set-to-root-root",
            "ensure-that-the-Container-Network-Interface-file-ownership-is-set-to-root-root",
            "ensure-that-the-Kubernetes-PKI-certificate-file-permissions-are-set-to-600-or-more-restrictive",
            "ensure-that-the-Kubernetes-PKI-key-file-permissions-are-set-to-600",
            "ensure-that-the-admin.conf-file-permissions-are-set-to-600",
            "ensure-that-the-client-certificate-authorities-file-ownership-is-set-to-root-root",
            "ensure-that-the-controller-manager-pod-specification-file-ownership-is-set-to-root-root",
            "ensure-that-the-controller-manager.conf-file-permissions-are-set-to-600-or-more-restrictive",
            "ensure-that-the-etcd-data-directory-permissions-are-set-to-700-or-more-restrictive",
            "ensure-that-the-etcd-pod-specification-file-permissions-are-set-to-600-or-more-restrictive",
            "ensure-that-the-kubeconfig-kubelet.conf-file-ownership-is-set-to-root-root",
            "ensure-that-the-kubelet-configuration-file-has-permissions-set-to-644-or-more-restrictive",
            "ensure-that-the-kubelet-service-file-ownership-is-set-to-root-root",
            "ensure-that-the-scheduler-pod-specification-file-permissions-are-set-to-600-or-more-restrictive",
            "ensure-that-the-scheduler.conf-file-ownership-is-set-to-root-root",
            "if-proxy-kubeconfig-file-exists-ensure-ownership-is-set-to-root-root",
            "if-the-kubelet-config.yaml-configuration-file-is-being-used-validate-permissions-set-to-600-or-more-restrictive",
            "kubelet-event-qps",
            "kubelet-set-pod-limit",
            "kubelet-strong-cryptography-ciphers",
            "validate-kubelet-tls-configuration-updated",
        ],
    ),
    (
        "ask clouds (`whose` reads their exports)",
        &[
            "cluster-access-manager-api-eks",
            "ensure-aws-policies-are-present",
            "ensure-clusters-are-created-with-private-endpoint-enabled-and-public-access-disabled",
            "ensure-endpointprivateaccess-is-enabled-and-endpointpublicaccess-is-disabled-eks",
            "ensure-image-scanning-enabled-cloud",
            "ensure-network-policy-is-enabled-eks",
            "list-role-definitions-in-acr",
        ],
    ),
    (
        "are about kinds of others (agent-sandbox's policies, Istio)",
        &["agent-sandbox-egress-policy", "exposure-to-internet-via-istio-ingress"],
    ),
    (
        "hold against lists that users give (registries, labels: a rule of your own or `audit --policy`)",
        &["agent-sandbox-image-registry-allowlist", "container-image-repository", "k8s-common-labels-usage"],
    ),
    (
        "are about what Kubernetes has taken out or its benchmark has turned round (PodSecurityPolicy, SecurityContextDeny, DenyServiceExternalIPs)",
        &[
            "ensure-that-the-admission-control-plugin-SecurityContextDeny-is-set-if-PodSecurityPolicy-is-not-used",
            "ensure-that-the-api-server-DenyServiceExternalIPs-is-not-set",
            "psp-deny-allowed-capabilities",
            "psp-deny-hostipc",
            "psp-deny-hostpid",
            "psp-deny-root-container",
            "psp-enabled-native",
        ],
    ),
    (
        "ask for a setting that need not be there (fsGroup, SELinux, gMSA, Fargate, rolling updates, an external store of secrets)",
        &[
            "alert-fargate-not-in-use",
            "ensure-external-secrets-storage-is-in-use",
            "no-rolling-update-strategy",
            "set-fsgroup-value",
            "set-gmsacredentialspecname-value",
            "set-seLinuxOptions",
        ],
    ),
    (
        "name what is there for people to look at (webhooks, CronJobs, volume claims, a time limit)",
        &[
            "ensure-that-the-api-server-request-timeout-argument-is-set-as-appropriate",
            "list-all-mutating-webhooks",
            "list-all-validating-webhooks",
            "review-roles-with-aws-iam-authenticator",
            "rule-deny-cronjobs",
            "rule-hostile-multitenant-workloads",
            "rule-manual",
            "workload-mounted-pvc",
        ],
    ),
    (
        "are about flaws of images, kernels and Kubernetes itself (`scan`, `cluster attack`)",
        &["CVE-2021-25741", "CVE-2022-0185", "excessive_amount_of_vulnerabilities_pods", "exposed-rce-pods"],
    ),
];

/// Kinds of others whose pods are looked at for these cases, as `--kind` says it.
const SANDBOX: &str = "SandboxTemplate.extensions.agents.x-k8s.io=template:/spec/podTemplate";

#[test]
fn polaris() {
    let Some((_folder, root)) = suite("polaris-checks-give") else { return };
    let mut outcome = Outcome::default();
    for folder in listed(&root.join("test/checks")) {
        let check = name(&folder);
        let rules = answering("polaris", &check);
        for file in listed(&folder) {
            let name = name(&file);
            let failure = name.starts_with("failure");
            if name.contains("mutated") || !(failure || name.starts_with("success")) {
                continue;
            }
            let said = judged(&[std::fs::read_to_string(&file).expect("the suite is whole")]);
            outcome
                .add(format!("{check}/{name}"), rules.iter().any(|rule| said.contains_key(rule)) == failure);
        }
    }
    outcome.is("polaris", POLARIS);
}

/// A document without what means the same as nothing: `false` of what is off by default, empty maps, names beside `ALL`.
fn meaning(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut out = serde_json::Map::new();
            for (key, value) in map {
                let value = meaning(value);
                let off = ["hostIPC", "hostNetwork", "hostPID"].contains(&key.as_str()) && value == false;
                let nothing = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
                let no_port = key == "hostPort" && value == 0;
                let all = key == "drop"
                    && value.as_array().is_some_and(|names| names.iter().any(|one| one == "ALL"));
                if all {
                    out.insert(key.clone(), serde_json::json!(["ALL"]));
                } else if !(off || nothing || no_port) {
                    out.insert(key.clone(), value);
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(meaning).collect()),
        value => value.clone(),
    }
}

/// What polaris makes of a file when it repairs it, against what `--fix --fix-also` makes of it.
#[test]
fn polaris_mutations() {
    let Some((_folder, root)) = suite("polaris-checks-give") else { return };
    let mut outcome = Outcome::default();
    for folder in listed(&root.join("test/checks")) {
        let check = name(&folder);
        let rules = answering("polaris", &check);
        for file in listed(&folder).iter().filter(|file| name(file).starts_with("mutated")) {
            let read = |path: &Path| std::fs::read_to_string(path).expect("the suite is whole");
            let text = read(&folder.join(name(file).replacen("mutated", "failure", 1)));
            let (fixed, wanted) = (repaired(&text, &rules), read(file));
            let of = |text: &str| -> Vec<Value> {
                let stream = yaml::read(text);
                stream.documents.iter().map(|node| meaning(&Value::from(node.value()))).collect()
            };
            outcome.add(format!("{check}/{}", name(file)), of(&fixed) == of(&wanted));
        }
    }
    outcome.is("polaris mutations", POLARIS_MUTATIONS);
}

/// A text with what these rules find repaired, as far as that is known.
fn repaired(text: &str, rules: &[&str]) -> String {
    let stream = yaml::read(text);
    let values: Vec<_> = stream.documents.iter().map(yaml::Node::value).collect();
    let mut objects = Objects::default();
    for (place, value) in values.iter().enumerate() {
        objects.add(value, place, &Kinds::default());
    }
    let mut changes = Vec::new();
    for (object, said) in objects.iter().zip(check_objects(&objects)) {
        let breaches: Vec<_> = said.breaches.iter().filter(|one| rules.contains(&one.rule)).collect();
        for one in repair::repairs(object, &breaches, &|rule| rules.contains(&rule)) {
            if let repair::Repair::Changes(own) = one {
                changes.extend(own.into_iter().map(|change| (object.place, change)));
            }
        }
    }
    let edits = edit::edits(text, &changes).expect("they can be written");
    edit::apply(text, &edits)
}

#[test]
fn kube_linter() {
    let Some((_folder, root)) = suite("kube-linter-give") else { return };
    let mut outcome = Outcome::default();
    for (case, expected) in json(&root.join("expected.json")).as_object().expect("the suite is whole") {
        let (Some(check), Some(count)) = (expected["include"].as_str(), expected["count"].as_u64()) else {
            continue;
        };
        let file = root.join(expected["manifest"].as_str().expect("the suite is whole"));
        if !file.is_file() {
            continue;
        }
        let said = judged(&[std::fs::read_to_string(file).expect("the suite is whole")]);
        let own: usize = answering("kube-linter", check).iter().filter_map(|rule| said.get(rule)).sum();
        outcome.add(case.clone(), own as u64 == count);
    }
    outcome.is("kube-linter", KUBE_LINTER);
}

/// Files say by their names what they hold; where they do not, the summary of the folder says whether there is a failure.
#[test]
fn checkov() {
    let Some((_folder, root)) = suite("checkov-k8s-give") else { return };
    let mut outcome = Outcome::default();
    for (case, expected) in json(&root.join("expected-summary.json")).as_object().expect("the suite is whole")
    {
        let (Some(check), Some(failed)) = (expected["id"].as_str(), expected["failed"].as_u64()) else {
            continue;
        };
        let rules = answering("checkov", check);
        let folder = root.join("tests/kubernetes/checks").join(case);
        for file in listed(&folder) {
            let name = name(&file);
            if name.contains("UNKNOWN") {
                continue;
            }
            let (fails, passes) =
                (name.to_uppercase().contains("FAIL"), name.to_uppercase().contains("PASS"));
            if fails == passes && failed > 0 && listed(&folder).len() > 1 {
                continue;
            }
            let wanted = if fails == passes { failed > 0 } else { fails };
            let said = judged(&[std::fs::read_to_string(&file).expect("the suite is whole")]);
            outcome.add(format!("{case}/{name}"), rules.iter().any(|rule| said.contains_key(rule)) == wanted);
        }
    }
    outcome.is("checkov", CHECKOV);
}

#[test]
fn trivy() {
    let Some((_folder, root)) = suite("trivy-checks-k8s-examples-give") else { return };
    let mut outcome = Outcome::default();
    for file in listed(&root.join("checks/kubernetes")) {
        let check = name(&file);
        let (_, rules) = TRIVY.iter().find(|(own, _)| *own == check).unwrap_or_else(|| panic!("{check}"));
        let stream = std::fs::read_to_string(&file).expect("the suite is whole");
        let examples: Value = serde_saphyr::from_str(&stream).expect("the suite is whole");
        for (key, bad) in [("good", false), ("bad", true)] {
            for (index, example) in examples["kubernetes"][key].as_array().into_iter().flatten().enumerate() {
                let said = judged(&[example.as_str().expect("the suite is whole").to_owned()]);
                outcome.add(
                    format!("{check}/{key}-{index}"),
                    rules.iter().any(|rule| said.contains_key(rule)) == bad,
                );
            }
        }
    }
    outcome.is("trivy-checks", TRIVY_COUNT);
}

/// All but `nothing-allowed` break the baseline, each by what it is named after.
#[test]
fn bad_pods() {
    let Some((_folder, root)) = suite("badpods-give") else { return };
    let mut outcome = Outcome::default();
    for folder in listed(&root.join("manifests")) {
        let kind = name(&folder);
        let Some((_, rules)) = BAD_PODS.iter().find(|(own, _)| *own == kind) else { panic!("{kind}") };
        for folder in listed(&folder).iter().filter(|path| path.is_dir()) {
            for text in texts(folder) {
                let said = judged(&[text]);
                let case = format!("{kind}/{}", name(folder));
                outcome.add(case, rules.iter().all(|rule| said.contains_key(rule)));
            }
        }
    }
    outcome.is("badPods", BAD_PODS_COUNT);
}

/// It gives points for a whole file: a case is about what its name says, and points are given where a rule of ours is silent.
#[test]
fn kubesec() {
    let Some((_folder, root)) = suite("kubesec-give") else { return };
    let mut outcome = Outcome::default();
    for (case, expected) in json(&root.join("expected.json")).as_object().expect("the suite is whole") {
        let points = expected["assert"].as_array().and_then(|all| all.first()).and_then(Value::as_str);
        let (Some(points), Some(asset)) = (points, expected["asset"].as_str()) else { continue };
        let rule = KUBESEC.iter().find(|(own, _)| *own == asset).map(|(_, rule)| *rule);
        let text = std::fs::read_to_string(root.join("test/asset").join(asset)).expect("the suite is whole");
        let speaks = rule.map(|rule| judged(&[text]).contains_key(rule));
        outcome.add(case.clone(), speaks == Some(points != "gt_zero_points"));
    }
    outcome.is("kubesec", KUBESEC_COUNT);
}

/// The cases of a rule of Kubescape: name, files, whether something is found.
fn regolibrary_cases(root: &Path, rule: &str) -> Vec<(String, PathBuf, bool)> {
    let mut cases = Vec::new();
    for case in listed(&root.join("rules").join(rule).join("test")) {
        let expected = case.join("expected.json");
        if expected.is_file() {
            let wanted = json(&expected).as_array().is_some_and(|alerts| !alerts.is_empty());
            cases.push((format!("{rule}/{}", name(&case)), case.join("input"), wanted));
        }
    }
    cases
}

/// Every case is held against ours, or stands in a class with the reason: none is left out.
#[test]
fn regolibrary() {
    let Some((_folder, root)) = suite("regolibrary-rules-give") else { return };
    let mut outcome = Outcome::default();
    for (rule, own) in REGOLIBRARY {
        for (case, input, wanted) in regolibrary_cases(&root, rule) {
            let said = judged(&texts(&input));
            outcome.add(case, own.iter().any(|rule| said.contains_key(rule)) == wanted);
        }
    }
    for (case, input, wanted) in regolibrary_cases(&root, ADMINISTRATIVE) {
        outcome.add(case, leads_to_admin(&texts(&input)) == wanted);
    }
    let held = outcome.agree + outcome.differ.len();
    outcome.is("regolibrary", REGOLIBRARY_COUNT);
    let status = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/status.md"))
        .expect("the documentation is there");
    let (mut elsewhere, mut unsaid) = (0, Vec::new());
    for (reason, rules) in REGOLIBRARY_ELSEWHERE {
        let count: usize = rules.iter().map(|rule| regolibrary_cases(&root, rule).len()).sum();
        elsewhere += count;
        let told = format!("{count} {reason}");
        if !status.contains(&told) {
            unsaid.push(told);
        }
    }
    assert!(unsaid.is_empty(), "docs/status.md does not say: {}", unsaid.join("; "));
    let known = |rule: &str| {
        rule == ADMINISTRATIVE
            || REGOLIBRARY.iter().any(|(own, _)| *own == rule)
            || REGOLIBRARY_ELSEWHERE.iter().any(|(_, rules)| rules.contains(&rule))
    };
    let rules: Vec<String> = listed(&root.join("rules")).iter().map(|path| name(path)).collect();
    let all: usize = rules.iter().map(|rule| regolibrary_cases(&root, rule).len()).sum();
    let unknown: Vec<&String> =
        rules.iter().filter(|rule| !known(rule) && !regolibrary_cases(&root, rule).is_empty()).collect();
    assert!(unknown.is_empty(), "rules that stand nowhere: {unknown:?}");
    assert_eq!(held + elsewhere, all);
    assert!(
        status.contains(&format!("of all {all} cases")),
        "docs/status.md does not say `of all {all} cases`"
    );
}

/// About what a workload becomes by its account: held against the paths of rights.
const ADMINISTRATIVE: &str = "workload-with-administrative-roles";

/// Whether a workload has the token of an account that becomes cluster-admin.
fn leads_to_admin(texts: &[String]) -> bool {
    let mut builder = Builder::new(Origin::Cluster, Kinds::default());
    for text in texts {
        for node in &yaml::read(text).documents {
            builder.object(&node.value(), None);
        }
    }
    let cluster = builder.finish();
    let rbac = Rbac::new(&cluster);
    let answer = paths(&rbac, &PathsAsked::default(), &ClusterInfo::default());
    answer.paths.iter().any(|path| {
        path.sure
            && path.goal == Goal::ClusterAdmin
            && cluster.workloads.iter().any(|workload| {
                let account = format!("ServiceAccount {}/{}", workload.namespace, workload.service_account);
                path.subjects.iter().any(|subject| subject.shown() == account)
            })
    })
}
