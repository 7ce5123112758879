const POLARIS: usize = 122;
const POLARIS_MUTATIONS: usize = 8;
const KUBE_LINTER: usize = 21;
const CHECKOV: usize = 112;
const TRIVY_COUNT: usize = 29;
const BAD_PODS_COUNT: usize = 128;
const REGOLIBRARY_COUNT: usize = 272;
const KUBESEC_COUNT: usize = 25;

/// What the points of kubesec's tests are about: points are given where our rule is silent, taken or not given where it speaks.
const KUBESEC: &[(&str, &str)] = &[
    ("allowPrivilegeEscalation.yaml", "privilege-escalation-allowed"),
    ("score-0-cap-chown.yml", "capabilities-kept"),
    ("score-0-cap-sys-admin.yml", "dangerous-capability"),
    ("score-0-daemonset-host-pid.yml", "host-pid"),
    ("score-0-daemonset-securitycontext-privileged.yml", "privileged-container"),
    ("score-0-dep-apparmor-empty-securitycontext.yml", "apparmor-unconfined"),
    ("score-0-dep-apparmor-unconfined-ephemeralcontainer.yml", "apparmor-unconfined"),
    ("score-0-dep-apparmor-unconfined-spec-securitycontext.yml", "apparmor-unconfined"),
    ("score-0-dep-seccomp-unconfined-container.yml", "seccomp-unconfined"),
    ("score-0-dep-seccomp-unconfined-initcontainer.yml", "seccomp-unconfined"),
    ("score-1-cap-drop-all.yml", "capabilities-kept"),
    ("score-1-dep-apparmor-nonunconfined-container.yml", "apparmor-unconfined"),
    ("score-1-dep-apparmor-nonunconfined-initcontainer.yml", "apparmor-unconfined"),
    ("score-1-dep-podseccon-run-as-group-10001.yml", "container-group-root"),
    ("score-1-dep-podseccon-run-as-user-1.yml", "user-id-low"),
    ("score-1-dep-resource-limit-cpu.yml", "cpu-limit-missing"),
    ("score-1-dep-ro-root-fs.yml", "root-filesystem-writable"),
    ("score-1-dep-seccomp-nonunconfined-ephemeralcontainer.yml", "seccomp-unconfined"),
    ("score-1-dep-seccomp-nonunconfined-spec-securitycontext.yml", "seccomp-unconfined"),
    ("score-1-dep-seccon-run-as-group-10001.yml", "container-group-root"),
    ("score-1-dep-seccon-run-as-user-1.yml", "user-id-low"),
    ("score-1-pod-automount-sa-set-to-false.yml", "service-account-token-mounted"),
    ("score-2-dep-serviceaccount.yml", "default-service-account"),
];

/// Trivy's examples by file.
const TRIVY: &[(&str, &[&str])] = &[
    ("CPU_not_limited.yaml", &["cpu-limit-missing"]),
    ("SYS_ADMIN_capability.yaml", &["dangerous-capability"]),
    ("apparmor_policy_disabled.yaml", &["apparmor-unconfined"]),
    ("capabilities_no_drop_all.yaml", &["capabilities-kept"]),
    ("file_system_not_read_only.yaml", &["root-filesystem-writable"]),
    ("host_network.yaml", &["host-network"]),
    ("hostpath_volumes_mounted.yaml", &["host-path-mounted", "sensitive-host-path"]),
    ("memory_not_limited.yaml", &["memory-limit-missing"]),
    ("mounts_docker_socket.yaml", &["sensitive-host-path"]),
    ("non_default_proc_masks_set.yaml", &["proc-unmasked"]),
    ("protect_core_components_namespace.yaml", &["system-namespace"]),
    ("runs_as_root.yaml", &["container-may-run-as-root"]),
    ("runs_with_UID_le_10000.yaml", &["user-id-low"]),
    ("selector_usage_in_network_policies.yaml", &["network-policy-open"]),
    ("specific_capabilities_added.yaml", &["dangerous-capability"]),
    ("unsafe_sysctl_options_set.yaml", &["unsafe-sysctl"]),
];

/// What each of the bad pods must be told of.
const BAD_PODS: &[(&str, &[&str])] = &[
    ("everything-allowed", &["host-network", "host-pid", "host-ipc", "privileged-container", "sensitive-host-path"]),
    ("hostipc", &["host-ipc"]),
    ("hostnetwork", &["host-network"]),
    ("hostpath", &["sensitive-host-path"]),
    ("hostpid", &["host-pid"]),
    ("nothing-allowed", &["privilege-escalation-allowed"]),
    ("priv", &["privileged-container"]),
    ("priv-and-hostpid", &["privileged-container", "host-pid"]),
];

/// A peer, its cases, and why we differ.
const DIFFERENCES: &[(&str, &[&str], &str)] = &[
    ("badPods", &[], "none"),
    (
        "polaris mutations",
        &["cpuLimitsMissing/mutated.yaml", "livenessProbeMissing/mutated.yaml", "memoryRequestsMissing/mutated.yaml"],
        "how much a program needs, and how to see that it lives, is a decision: nothing is made up",
    ),
    (
        "polaris mutations",
        &["dangerousCapabilities/mutated.yaml", "insecureCapabilities/mutated.add.yaml"],
        "what somebody added on purpose is not taken away: ALL is dropped beside it, and what is added stays a finding",
    ),
    (
        "checkov",
        &[
            "example_AllowPrivilegeEscalation/oc-deploymentConfig-FAILED.yml",
            "example_AllowedCapabilitiesSysAdmin/pod-FAILED2.yaml",
        ],
        "`containers` has not the form that the API gives it: it is told as unread, and the answer is unknown",
    ),
    (
        "checkov",
        &["example_ApiServerAdmissionControlEventRateLimit/ApiServerAdmissionControlEventRateLimit-FAILED.yaml"],
        "which plugins run is told by the flags of the API server; its AdmissionConfiguration is judged by what it sets",
    ),
    (
        "checkov",
        &[
            "example_ApiServerNamespaceLifecyclePlugin/ApiServerNamespaceLifecyclePlugin-FAILED.yaml",
            "example_ApiServerServiceAccountLookup/ApiServer-FAILED-2.yaml",
            "example_RotateKubeletServerCertificate/KubletRotateKubeletServerCertificate-FAILED.yaml",
        ],
        "on by default: we speak when it is turned off",
    ),
    (
        "checkov",
        &[
            "example_ApiServerPodSecurityPolicyPlugin/ApiServerPodSecurityPolicyPlugin-FAILED.yaml",
            "example_ApiServerSecurityContextDenyPlugin/ApiServerSecurityContextDenyPlugin-FAILED.yaml",
            "example_PSP/psp-most-insecure-FAILED.yaml",
            "example_PSP/psp-no-annotations-FAILED.yml",
        ],
        "PodSecurityPolicy and SecurityContextDeny are gone from Kubernetes; objects of it are told by api-version-removed",
    ),
    (
        "checkov",
        &["example_ApiServerRequestTimeout/api-server-request-timeout-FAILED.yaml"],
        "no value of the timeout is wrong in itself",
    ),
    (
        "checkov",
        &["example_DefaultNamespace/nginx-statefulset-FAILED.yaml"],
        "it names no namespace: whoever applies it decides",
    ),
    (
        "checkov",
        &["example_DropCapabilities/pod-drop-NET_RAW-capabilities-PASSED.yaml"],
        "all capabilities are to be dropped, not one",
    ),
    (
        "checkov",
        &[
            "example_KubeControllerManagerRootCAFile/ApiServer-FAILED.yaml",
            "example_KubeControllerManagerServiceAccountPrivateKeyFile/ApiServer-FAILED.yaml",
        ],
        "the end of a file's name says nothing of what is in it",
    ),
    (
        "checkov",
        &[
            "example_KubeControllerManagerRootCAFile/ApiServer-PASSED_2.yaml",
            "example_KubeControllerManagerServiceAccountPrivateKeyFile/ApiServer-PASSED-2.yaml",
        ],
        "the flag is to be set",
    ),
    (
        "checkov",
        &["example_RbacBindRoleBindings/clusterrole-failed-1.yaml"],
        "the verb bind is about roles; on bindings it means nothing",
    ),
    (
        "checkov",
        &[
            "example_RbacBindRoleBindings/clusterrole-passed-1.yaml",
            "example_RbacBindRoleBindings/role-passed-2.yaml",
            "example_RbacEscalateRoles/role-passed-2.yaml",
        ],
        "who may make bindings may give himself rights too: one rule of ours speaks of both",
    ),
    (
        "checkov",
        &["example_RootContainersHighUID/rootContainersHighUIDPASSED.yaml"],
        "the user 10000 is taken for a low one, as by Trivy",
    ),
    ("checkov", &["example_Suppressed/suppress-checks-PASSED.yaml"], "annotations of checkov accept nothing here"),
    (
        "checkov",
        &[
            "example_TillerDeploymentListener/tiller-deployment_PASSED_LOCALHOST.json",
            "example_TillerDeploymentListener/tiller-deployment_PASSED_LOOPBACK.json",
        ],
        "Tiller gets no fixes: it is told wherever it listens",
    ),
    (
        "kube-linter",
        &["dangling-networkpolicypeer-podselector"],
        "no pods are among the objects: they may stand elsewhere",
    ),
    ("kube-linter", &["dangling-servicemonitor"], "without namespaceSelector a monitor looks into its own namespace"),
    ("kube-linter", &["docker-sock"], "every socket of the node is told"),
    ("kube-linter", &["job-ttl-seconds-after-finished"], "a CronJob cleans up by its history limits"),
    (
        "kube-linter",
        &["hpa-minimum-three-replicas", "no-node-affinity", "required-label-owner", "sorted-keys"],
        "availability, labels and order of keys are not security: no rule",
    ),
    (
        "polaris",
        &[
            "clusterrolebindingClusterAdmin/success.gce_calico_binding.yaml",
            "clusterrolebindingClusterAdmin/success.system_prefix_binding.yaml",
            "rolebindingClusterAdminClusterRole/success.gce_calico_binding.yaml",
            "rolebindingClusterAdminClusterRole/success.system_prefix_binding.yaml",
            "rolebindingClusterRolePodExecAttach/success.gce_calico_binding.yaml",
            "rolebindingClusterRolePodExecAttach/success.system_prefix_binding.yaml",
        ],
        "a name alone excuses nothing: anybody may give it",
    ),
    (
        "polaris",
        &["insecureCapabilities/success.case.yaml", "insecureCapabilities/success.pod.yaml", "insecureCapabilities/success.yaml"],
        "all capabilities are to be dropped, not some",
    ),
    (
        "polaris",
        &[
            "missingNetworkPolicy/failure.netpol_missing_egress_rules.yaml",
            "missingNetworkPolicy/failure.netpol_missing_ingress_rules.yaml",
        ],
        "a policy without rules lets nothing through: that is the safe one",
    ),
    (
        "polaris",
        &["nakedPod/failure.yaml", "oneController/failure.yaml", "resourceRange/failure.cpu-number.yaml", "resourceRange/failure.mem-number.yaml"],
        "checks of the suite's own, about names and amounts",
    ),
    (
        "polaris",
        &["pdbMinAvailableGreaterThanHPAMinReplicas/success.no-min-replicas.yaml"],
        "an autoscaler without minReplicas goes down to one",
    ),
    (
        "polaris",
        &["rolebindingClusterRolePodExecAttach/failure.binding_points_to_missing_ref.yaml"],
        "what a role allows that is not there is not known",
    ),
    (
        "polaris",
        &["topologySpreadConstraint/failure.empty.yaml", "topologySpreadConstraint/failure.nospreadconstraint.yaml"],
        "availability is not security: no rule",
    ),
    ("trivy-checks", &["apparmor_policy_disabled.yaml/bad-0"], "the profile is not valid, which is not unconfined"),
    (
        "trivy-checks",
        &["selector_usage_in_network_policies.yaml/bad-0"],
        "a policy without selector holds for every pod, which is meant to be so",
    ),
    (
        "trivy-checks",
        &["specific_capabilities_added.yaml/bad-0"],
        "NET_BIND_SERVICE is allowed by the restricted standard",
    ),
    (
        "regolibrary",
        &[
            "anonymous-requests-to-kubelet-updated/invalid-cli-argument",
            "anonymous-requests-to-kubelet-updated/invalid-config-value",
            "ensure-that-the-api-server-encryption-providers-are-appropriately-configured/failed",
            "kubelet-ip-tables/fail-sensor-failed",
            "kubelet-ip-tables/fail-set-via-cli",
            "kubelet-ip-tables/fail-set-via-config",
            "kubelet-rotate-certificates/fail-cli-argument-set-false",
            "kubelet-rotate-certificates/fail-sensor-failed",
            "kubelet-rotate-certificates/fail-set-false-via-config-file",
        ],
        "reports of Kubescape's own sensor on the node are not read",
    ),
    (
        "regolibrary",
        &[
            "automount-default-service-account/both-mount",
            "automount-default-service-account/both-mount-default",
            "automount-default-service-account/sa-mount",
        ],
        "an account that no pod uses mounts nothing; pods are told",
    ),
    (
        "regolibrary",
        &[
            "dangling-ingress-backend/failed_dangling_default_backend",
            "dangling-ingress-backend/failed_dangling_path",
            "dangling-ingress-backend/failed_wrong_namespace",
        ],
        "no services of its namespace are among the objects: they may stand elsewhere",
    ),
    (
        "regolibrary",
        &[
            "ensure-default-service-accounts-has-only-default-roles/passed_rolebinding_one_subject",
            "system-authenticated-allowed-to-take-over-cluster/success",
        ],
        "a label or a name alone excuses nothing",
    ),
    (
        "regolibrary",
        &[
            "ensure-that-the-API-Server-only-makes-use-of-Strong-Cryptographic-Ciphers/passed",
            "ensure-that-the-API-Server-only-makes-use-of-Strong-Cryptographic-Ciphers/rke2-args",
        ],
        "suites in CBC mode are not strong (RFC 9325)",
    ),
    (
        "regolibrary",
        &[
            "ensure-that-the-API-Server-only-makes-use-of-Strong-Cryptographic-Ciphers/rke2-args-fail",
            "k8s-audit-logs-enabled-native/rke2-args",
            "k8s-audit-logs-enabled-native/test-passed",
            "ensure-that-the-api-server-audit-log-maxbackup-argument-is-set-to-10-or-as-appropriate/rke2-args",
        ],
        "ours asks for other flags: a log path and not only a policy; defaults of Go are strong; ten backups are enough",
    ),
    (
        "regolibrary",
        &["exposure-to-internet/detect_with_ingress", "exposure-to-internet/failed_with_ingress"],
        "an Ingress is how a service is meant to be reached; one without TLS is told",
    ),
    (
        "regolibrary",
        &[
            "ingress-and-egress-blocked/ccnp-ingress-egress",
            "ingress-and-egress-blocked/ccnp-specs-list-passed",
            "ingress-and-egress-blocked/cnp-empty-selector",
            "ingress-and-egress-blocked/cnp-endpoint-selector-match",
            "ingress-and-egress-blocked/cnp-ingress-egress",
            "ingress-and-egress-blocked/cnp-only-egress",
            "ingress-and-egress-blocked/cnp-specs-list-passed",
            "ingress-and-egress-blocked/cnp-specs-multiple-passed",
            "ingress-and-egress-blocked/mixed-np-cnp",
            "ensure_network_policy_configured_in_labels/success_pod_ccnp_empty_selector",
            "ensure_network_policy_configured_in_labels/success_pod_ccnp_specs_list",
            "ensure_network_policy_configured_in_labels/success_pod_cilium_empty_selector",
            "ensure_network_policy_configured_in_labels/success_pod_cilium_label_match",
            "ensure_network_policy_configured_in_labels/success_pod_cilium_specs_list",
        ],
        "policies of Cilium are not read",
    ),
    (
        "regolibrary",
        &["encrypt-traffic-to-https-load-balancers-with-tls-certificates/failed_ingress_annotation_value"],
        "TLS ends at an Ingress of any class, not only at that of Azure",
    ),
    ("regolibrary", &["ingress-and-egress-blocked/cronjob"], "policies do not hold for pods on the network of the node"),
    (
        "regolibrary",
        &["ingress-and-egress-blocked/only-egress-policy"],
        "a policy about what goes out lets everything in",
    ),
    (
        "regolibrary",
        &[
            "internal-networking/namespace-ccnp-match-expressions-selective-failed",
            "internal-networking/namespace-failed",
        ],
        "a namespace in which nothing runs is not told",
    ),
    (
        "regolibrary",
        &["pod-security-admission-applied-2/test"],
        "a webhook of somebody may enforce the standards, and may not",
    ),
    ("regolibrary", &["pods-in-default-namespace/pod"], "it names no namespace: whoever applies it decides"),
    (
        "regolibrary",
        &["resources-cpu-limit-and-request/pod-only-requests", "resources-cpu-requests/pod-only-requests"],
        "a request that is not set is as large as the limit",
    ),
    (
        "regolibrary",
        &[
            "resources-cpu-limit-and-request/workload-exceeded",
            "resources-cpu-limit-and-request/workload-mixed-unit",
            "resources-sandbox-cpu-limits/failed-exceeded-cpu-limits",
            "resources-sandbox-cpu-limits/failed-exceeded-cpu-limits-decimal-si",
        ],
        "how much is too much is not ours to say",
    ),
    (
        "regolibrary",
        &["rule-access-dashboard-wl-v1/cronjob", "rule-access-dashboard-wl-v1/pod", "rule-access-dashboard-wl-v1/workload"],
        "the name of a service account is no dashboard",
    ),
    (
        "regolibrary",
        &["rule-can-portforward-v1/clusterrole-clusterrolebinding"],
        "`pods/*` names no subresource: the API server knows `*/portforward` and `*`",
    ),
    ("regolibrary", &["set-procmount-default/workload"], "Default is the default"),
    (
        "regolibrary",
        &["set-seccomp-profile-RuntimeDefault/pod", "set-seccomp-profile-RuntimeDefault/workloads"],
        "a profile of the node confines too",
    ),
    (
        "kubesec",
        &["fails Deployment with unconfined apparmor for all containers"],
        "nothing is said of AppArmor, and the runtime's own profile confines then",
    ),
    (
        "kubesec",
        &["passes Deployment with non-unconfined seccomp on the .spec.ephemeralContainers section"],
        "the other container has no profile, and is told",
    ),
    (
        "kubesec",
        &["passes StatefulSet with no volumeClaimTemplate"],
        "a point for something about storage, which no rule is about",
    ),
    (
        "kubesec",
        &["strips form 'file=' prefix from JSON (json, remote)"],
        "the form of an upload to its server, and no manifest: told as unreadable",
    ),
];
