//! Flags of the control plane and of the kubelet, where they run in containers (kubeadm's static pods): one row one rule.
//!
//! A flag that is not set has its default; where that is the wrong one, absent is wrong too. Settings in configuration files
//! are not seen here.

use super::prelude::*;

/// How a flag must be.
enum Condition {
    /// Set to this.
    Is(&'static str, &'static str),
    /// Set to this, or not set.
    IsOrAbsent(&'static str, &'static str),
    /// Not set to this.
    IsNot(&'static str, &'static str),
    /// Not set.
    Absent(&'static str),
    /// All of them set.
    AllSet(&'static [&'static str]),
    /// A number, and at least this.
    AtLeast(&'static str, u64),
    /// A list with this in it.
    With(&'static str, &'static str),
    /// No list with this in it.
    Without(&'static str, &'static str),
    /// Where it is set, a list of nothing but these.
    Among(&'static str, &'static [&'static str]),
}

/// Cipher suites with forward secrecy and authenticated encryption (RFC 9325, section 4.2), by their names in Go.
const STRONG: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// What stands before and after an argument in an example.
macro_rules! example {
    ($component:literal, $argument:literal) => {
        concat!(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: component, namespace: kube-system}\nspec:\n  containers:\n  - name: component\n    \
             command: [",
            $component,
            ", \"",
            $argument,
            "\"]\n"
        )
    };
}

macro_rules! flags {
    ($($name:ident: $id:literal, $severity:ident, $component:literal, $condition:expr, $title:literal, $why:literal, $fix:literal,
       [$($reference:expr),*], $bad:literal, $good:literal;)*) => {
        $(
            pub(crate) static $name: Rule = Rule {
                id: $id,
                title: $title,
                severity: Level::$severity,
                what: concat!("A container that runs `", $component, "`, by the flags in its command and arguments; what would put it right: ", $fix, "."),
                why: $why,
                fix: $fix,
                references: &[$($reference),*],
                needs: &[],
                bad: example!($component, $bad),
                good: example!($component, $good),
                check: Check::Object(|scene, report| judge(scene, report, $component, &$condition)),
            };
        )*
    };
}

flags! {
    API_SERVER_ANONYMOUS: "api-server-anonymous", High, "kube-apiserver", Condition::Is("anonymous-auth", "false"), "API server answers requests without credentials", "Such a request counts as the user system:anonymous, and one wrong binding opens the cluster to everybody who reaches the port.", "set --anonymous-auth=false, or limit it to the health checks with an AuthenticationConfiguration",
        [("checkov", "CKV_K8S_68"), ("trivy", "KCV-0001"), ("CIS Kubernetes", "1.2.1")], "--anonymous-auth=true", "--anonymous-auth=false";
    API_SERVER_BASIC_AUTH: "api-server-basic-auth", High, "kube-apiserver", Condition::Absent("basic-auth-file"), "API server takes passwords from a file", "They stand in plain text on the disk, and change only when the server starts anew.", "take --basic-auth-file out",
        [("checkov", "CKV_K8S_69"), ("CIS Kubernetes", "1.2.2")], "--basic-auth-file=/a", "--anonymous-auth=false";
    API_SERVER_TOKEN_FILE: "api-server-token-file", High, "kube-apiserver", Condition::Absent("token-auth-file"), "API server takes tokens from a file", "They stand in plain text on the disk, never expire, and change only when the server starts anew.", "take --token-auth-file out",
        [("checkov", "CKV_K8S_70"), ("trivy", "KCV-0002"), ("CIS Kubernetes", "1.2.2")], "--token-auth-file=/a", "--anonymous-auth=false";
    API_SERVER_KUBELET_PLAIN: "api-server-kubelet-plain", High, "kube-apiserver", Condition::IsNot("kubelet-https", "false"), "API server talks to kubelets in plain text", "Commands in pods and their output go over the network readable and changeable.", "take --kubelet-https=false out",
        [("checkov", "CKV_K8S_71"), ("CIS Kubernetes", "1.2.4")], "--kubelet-https=false", "--kubelet-https=true";
    API_SERVER_KUBELET_CERTIFICATE: "api-server-kubelet-certificate", Medium, "kube-apiserver", Condition::AllSet(&["kubelet-client-certificate", "kubelet-client-key"]), "API server does not identify itself to kubelets", "A kubelet cannot tell the server from anybody else, and must let in everybody or nobody.", "set --kubelet-client-certificate and --kubelet-client-key",
        [("checkov", "CKV_K8S_72"), ("trivy", "KCV-0005"), ("CIS Kubernetes", "1.2.4")], "--kubelet-client-key=/k", "--kubelet-client-certificate=/c\", \"--kubelet-client-key=/k";
    API_SERVER_KUBELET_AUTHORITY: "api-server-kubelet-authority", Medium, "kube-apiserver", Condition::AllSet(&["kubelet-certificate-authority"]), "API server does not check kubelets", "Who can answer in the place of a kubelet reads commands and output of its pods.", "set --kubelet-certificate-authority",
        [("checkov", "CKV_K8S_73"), ("trivy", "KCV-0006"), ("CIS Kubernetes", "1.2.5")], "--profiling=false", "--kubelet-certificate-authority=/c";
    API_SERVER_ALLOWS_EVERYTHING: "api-server-allows-everything", High, "kube-apiserver", Condition::Without("authorization-mode", "AlwaysAllow"), "API server lets everybody do everything", "No right is asked for: whoever is authenticated is cluster-admin.", "set --authorization-mode=Node,RBAC",
        [("checkov", "CKV_K8S_74"), ("trivy", "KCV-0007"), ("CIS Kubernetes", "1.2.6")], "--authorization-mode=AlwaysAllow", "--authorization-mode=Node,RBAC";
    API_SERVER_WITHOUT_NODE_AUTHORIZER: "api-server-without-node-authorizer", Medium, "kube-apiserver", Condition::With("authorization-mode", "Node"), "kubelets may read objects of other nodes", "A kubelet may read the secrets of pods that run elsewhere.", "add Node to --authorization-mode",
        [("checkov", "CKV_K8S_75"), ("trivy", "KCV-0008"), ("CIS Kubernetes", "1.2.7")], "--authorization-mode=RBAC", "--authorization-mode=Node,RBAC";
    API_SERVER_WITHOUT_RBAC: "api-server-without-rbac", High, "kube-apiserver", Condition::With("authorization-mode", "RBAC"), "rights are not given by role", "Without RBAC nobody can see or limit who may do what.", "add RBAC to --authorization-mode",
        [("checkov", "CKV_K8S_77"), ("trivy", "KCV-0009"), ("CIS Kubernetes", "1.2.8")], "--authorization-mode=Node", "--authorization-mode=Node,RBAC";
    API_SERVER_WITHOUT_EVENT_LIMIT: "api-server-without-event-limit", Low, "kube-apiserver", Condition::With("enable-admission-plugins", "EventRateLimit"), "events are not limited", "A flood of events fills the store, and the cluster stands still.", "add EventRateLimit to --enable-admission-plugins",
        [("checkov", "CKV_K8S_78"), ("trivy", "KCV-0010"), ("CIS Kubernetes", "1.2.9")], "--enable-admission-plugins=NodeRestriction", "--enable-admission-plugins=EventRateLimit";
    API_SERVER_ADMITS_EVERYTHING: "api-server-admits-everything", High, "kube-apiserver", Condition::Without("enable-admission-plugins", "AlwaysAdmit"), "admission admits everything", "AlwaysAdmit makes every other check meaningless.", "take AlwaysAdmit out of --enable-admission-plugins",
        [("checkov", "CKV_K8S_79"), ("trivy", "KCV-0011"), ("CIS Kubernetes", "1.2.10")], "--enable-admission-plugins=AlwaysAdmit", "--enable-admission-plugins=NodeRestriction";
    API_SERVER_WITHOUT_IMAGE_PULL_CHECK: "api-server-without-image-pull-check", Low, "kube-apiserver", Condition::With("enable-admission-plugins", "AlwaysPullImages"), "images are used without the right to pull them", "Where tenants share nodes, a pod runs an image that another tenant pulled, without credentials for it.", "add AlwaysPullImages to --enable-admission-plugins where tenants share nodes",
        [("checkov", "CKV_K8S_80"), ("trivy", "KCV-0012"), ("CIS Kubernetes", "1.2.11")], "--enable-admission-plugins=NodeRestriction", "--enable-admission-plugins=AlwaysPullImages";
    API_SERVER_WITHOUT_SERVICE_ACCOUNTS: "api-server-without-service-accounts", Medium, "kube-apiserver", Condition::Without("disable-admission-plugins", "ServiceAccount"), "pods get no service account of their own", "Pods that ask the API share other identities then.", "take ServiceAccount out of --disable-admission-plugins",
        [("checkov", "CKV_K8S_82"), ("trivy", "KCV-0014"), ("CIS Kubernetes", "1.2.13")], "--disable-admission-plugins=ServiceAccount", "--disable-admission-plugins=PersistentVolumeLabel";
    API_SERVER_WITHOUT_NAMESPACE_LIFECYCLE: "api-server-without-namespace-lifecycle", Medium, "kube-apiserver", Condition::Without("disable-admission-plugins", "NamespaceLifecycle"), "objects are made in namespaces that are gone", "What is made in a namespace that is being deleted stays behind, outside of its rules.", "take NamespaceLifecycle out of --disable-admission-plugins",
        [("checkov", "CKV_K8S_83"), ("trivy", "KCV-0015"), ("CIS Kubernetes", "1.2.14")], "--disable-admission-plugins=NamespaceLifecycle", "--disable-admission-plugins=PersistentVolumeLabel";
    API_SERVER_WITHOUT_NODE_RESTRICTION: "api-server-without-node-restriction", Medium, "kube-apiserver", Condition::With("enable-admission-plugins", "NodeRestriction"), "a node may change other nodes", "Whoever takes one node labels another one, and draws pods with their secrets to it.", "add NodeRestriction to --enable-admission-plugins",
        [("checkov", "CKV_K8S_85"), ("trivy", "KCV-0016"), ("CIS Kubernetes", "1.2.15")], "--enable-admission-plugins=EventRateLimit", "--enable-admission-plugins=NodeRestriction";
    API_SERVER_INSECURE_ADDRESS: "api-server-insecure-address", High, "kube-apiserver", Condition::Absent("insecure-bind-address"), "API server listens without TLS", "The insecure port asks nobody who they are, and lets them do everything.", "take --insecure-bind-address out",
        [("checkov", "CKV_K8S_86"), ("CIS Kubernetes", "1.2.18")], "--insecure-bind-address=0.0.0.0", "--insecure-port=0";
    API_SERVER_INSECURE_PORT: "api-server-insecure-port", High, "kube-apiserver", Condition::IsOrAbsent("insecure-port", "0"), "API server has a port without TLS", "The insecure port asks nobody who they are, and lets them do everything.", "set --insecure-port=0, or take it out",
        [("checkov", "CKV_K8S_88"), ("CIS Kubernetes", "1.2.19")], "--insecure-port=8080", "--insecure-port=0";
    API_SERVER_NO_SECURE_PORT: "api-server-no-secure-port", Medium, "kube-apiserver", Condition::IsNot("secure-port", "0"), "API server has no port with TLS", "With 0 it serves nothing over TLS.", "take --secure-port=0 out",
        [("checkov", "CKV_K8S_89"), ("trivy", "KCV-0017"), ("CIS Kubernetes", "1.2.16")], "--secure-port=0", "--secure-port=6443";
    API_SERVER_PROFILING: "api-server-profiling", Low, "kube-apiserver", Condition::Is("profiling", "false"), "API server serves profiling data", "Profiles tell of the inside of the process, and cost work to make.", "set --profiling=false",
        [("checkov", "CKV_K8S_90"), ("trivy", "KCV-0018"), ("CIS Kubernetes", "1.2.17")], "--profiling=true", "--profiling=false";
    API_SERVER_AUDIT_LOG_MISSING: "api-server-audit-log-missing", Medium, "kube-apiserver", Condition::AllSet(&["audit-log-path"]), "who did what is not written down", "After an incident nobody can say what was read and changed.", "set --audit-log-path and an audit policy",
        [("checkov", "CKV_K8S_91"), ("trivy", "KCV-0019"), ("CIS Kubernetes", "1.2.18")], "--profiling=false", "--audit-log-path=/var/log/audit.log";
    API_SERVER_AUDIT_LOG_AGE: "api-server-audit-log-age", Low, "kube-apiserver", Condition::AtLeast("audit-log-maxage", 30), "the audit log is not kept for 30 days", "Most intrusions are noticed after weeks; the log is gone then.", "set --audit-log-maxage=30 or more",
        [("checkov", "CKV_K8S_92"), ("trivy", "KCV-0020"), ("CIS Kubernetes", "1.2.19")], "--audit-log-maxage=7", "--audit-log-maxage=30";
    API_SERVER_AUDIT_LOG_BACKUPS: "api-server-audit-log-backups", Low, "kube-apiserver", Condition::AtLeast("audit-log-maxbackup", 10), "few files of the audit log are kept", "A busy hour drives out what was written before it.", "set --audit-log-maxbackup=10 or more",
        [("checkov", "CKV_K8S_93"), ("trivy", "KCV-0021"), ("CIS Kubernetes", "1.2.20")], "--audit-log-maxbackup=2", "--audit-log-maxbackup=10";
    API_SERVER_AUDIT_LOG_SIZE: "api-server-audit-log-size", Low, "kube-apiserver", Condition::AtLeast("audit-log-maxsize", 100), "files of the audit log are small", "A busy hour drives out what was written before it.", "set --audit-log-maxsize=100 or more",
        [("checkov", "CKV_K8S_94"), ("trivy", "KCV-0022"), ("CIS Kubernetes", "1.2.21")], "--audit-log-maxsize=10", "--audit-log-maxsize=100";
    API_SERVER_DELETED_ACCOUNTS_VALID: "api-server-deleted-accounts-valid", Medium, "kube-apiserver", Condition::IsNot("service-account-lookup", "false"), "tokens of deleted service accounts go on", "A token that was stolen cannot be taken back by deleting its account.", "take --service-account-lookup=false out",
        [("checkov", "CKV_K8S_96"), ("trivy", "KCV-0024"), ("CIS Kubernetes", "1.2.22")], "--service-account-lookup=false", "--service-account-lookup=true";
    API_SERVER_ACCOUNT_KEY: "api-server-account-key", Low, "kube-apiserver", Condition::AllSet(&["service-account-key-file"]), "API server checks service account tokens with its TLS key", "Without --service-account-key-file the API server checks the tokens that pods show it with the private key of its TLS certificate: whoever gets that key can forge tokens, and a new key makes every token invalid.", "set --service-account-key-file",
        [("checkov", "CKV_K8S_97"), ("trivy", "KCV-0025"), ("CIS Kubernetes", "1.2.23")], "--profiling=false", "--service-account-key-file=/k";
    API_SERVER_ETCD_CERTIFICATE: "api-server-etcd-certificate", High, "kube-apiserver", Condition::AllSet(&["etcd-certfile", "etcd-keyfile"]), "API server shows etcd no certificate", "etcd must let everybody in then, and it holds all secrets.", "set --etcd-certfile and --etcd-keyfile",
        [("checkov", "CKV_K8S_99"), ("trivy", "KCV-0026"), ("CIS Kubernetes", "1.2.24")], "--etcd-certfile=/c", "--etcd-certfile=/c\", \"--etcd-keyfile=/k";
    API_SERVER_TLS_CERTIFICATE: "api-server-tls-certificate", High, "kube-apiserver", Condition::AllSet(&["tls-cert-file", "tls-private-key-file"]), "API server has no certificate of its own", "It makes one at each start that nobody can check.", "set --tls-cert-file and --tls-private-key-file",
        [("checkov", "CKV_K8S_100"), ("trivy", "KCV-0027"), ("CIS Kubernetes", "1.2.25")], "--tls-cert-file=/c", "--tls-cert-file=/c\", \"--tls-private-key-file=/k";
    API_SERVER_CLIENT_AUTHORITY: "api-server-client-authority", Medium, "kube-apiserver", Condition::AllSet(&["client-ca-file"]), "API server takes no certificates of clients", "Kubelets and administrators need other ways in, which are weaker.", "set --client-ca-file",
        [("checkov", "CKV_K8S_101"), ("trivy", "KCV-0028"), ("CIS Kubernetes", "1.2.26")], "--profiling=false", "--client-ca-file=/c";
    API_SERVER_ETCD_AUTHORITY: "api-server-etcd-authority", High, "kube-apiserver", Condition::AllSet(&["etcd-cafile"]), "API server does not check etcd", "Who can answer in the place of etcd is handed all secrets.", "set --etcd-cafile",
        [("checkov", "CKV_K8S_102"), ("trivy", "KCV-0029"), ("CIS Kubernetes", "1.2.27")], "--profiling=false", "--etcd-cafile=/c";
    API_SERVER_SECRETS_UNENCRYPTED: "api-server-secrets-unencrypted", High, "kube-apiserver", Condition::AllSet(&["encryption-provider-config"]), "secrets are stored in plain text", "Whoever reads the disk of etcd, or a backup of it, reads every secret of the cluster.", "set --encryption-provider-config, with a key management service where there is one",
        [("checkov", "CKV_K8S_104"), ("trivy", "KCV-0030"), ("CIS Kubernetes", "1.2.28"), ("ATT&CK", "T1552")], "--profiling=false", "--encryption-provider-config=/e";
    API_SERVER_WEAK_CIPHERS: "api-server-weak-ciphers", Low, "kube-apiserver", Condition::Among("tls-cipher-suites", STRONG), "API server takes weak ciphers", "What was recorded today is read when the key leaks.", "name the suites with forward secrecy in --tls-cipher-suites",
        [("checkov", "CKV_K8S_105"), ("CIS Kubernetes", "1.2.29")], "--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA", "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    API_SERVER_TOKENS_EXTENDED: "api-server-tokens-extended", Low, "kube-apiserver", Condition::Is("service-account-extend-token-expiration", "false"), "tokens of pods are good for a year", "A token that pods have for an hour is taken for a year, which old clients needed: one that leaks is good for as long.", "set --service-account-extend-token-expiration=false",
        [("CIS Kubernetes", "1.2.30")], "--service-account-extend-token-expiration=true", "--service-account-extend-token-expiration=false";
    API_SERVER_WITHOUT_EXTERNAL_ADDRESS_CHECK: "api-server-without-external-address-check", Low, "kube-apiserver", Condition::With("enable-admission-plugins", "DenyServiceExternalIPs"), "services may take any address", "Whoever may make a Service takes an address with externalIPs, and the traffic that pods send there (CVE-2020-8554).", "add DenyServiceExternalIPs to --enable-admission-plugins",
        [("CIS Kubernetes", "1.2.3")], "--enable-admission-plugins=NodeRestriction", "--enable-admission-plugins=DenyServiceExternalIPs";
    CONTROLLER_MANAGER_PROFILING: "controller-manager-profiling", Low, "kube-controller-manager", Condition::Is("profiling", "false"), "controller manager serves profiling data", "Profiles tell of the inside of the process, and cost work to make.", "set --profiling=false",
        [("checkov", "CKV_K8S_107"), ("trivy", "KCV-0034"), ("CIS Kubernetes", "1.3.2")], "--profiling=true", "--profiling=false";
    CONTROLLER_MANAGER_GARBAGE: "controller-manager-garbage", Low, "kube-controller-manager", Condition::AllSet(&["terminated-pod-gc-threshold"]), "ended pods are kept without a limit set", "They fill the store until the cluster is slow.", "set --terminated-pod-gc-threshold",
        [("checkov", "CKV_K8S_106"), ("trivy", "KCV-0033"), ("CIS Kubernetes", "1.3.1")], "--profiling=false", "--terminated-pod-gc-threshold=10";
    CONTROLLER_MANAGER_ONE_IDENTITY: "controller-manager-one-identity", Medium, "kube-controller-manager", Condition::Is("use-service-account-credentials", "true"), "all controllers share one identity", "Each has the rights of all, and the audit log does not tell them apart.", "set --use-service-account-credentials=true",
        [("checkov", "CKV_K8S_108"), ("trivy", "KCV-0035"), ("CIS Kubernetes", "1.3.3")], "--use-service-account-credentials=false", "--use-service-account-credentials=true";
    CONTROLLER_MANAGER_ACCOUNT_KEY: "controller-manager-account-key", Low, "kube-controller-manager", Condition::AllSet(&["service-account-private-key-file"]), "controller manager has no key to sign service account tokens", "Without --service-account-private-key-file it makes no tokens for Secrets of service accounts, and what waits for such a token stays without one.", "set --service-account-private-key-file",
        [("checkov", "CKV_K8S_110"), ("trivy", "KCV-0036"), ("CIS Kubernetes", "1.3.4")], "--profiling=false", "--service-account-private-key-file=/k";
    CONTROLLER_MANAGER_ROOT_AUTHORITY: "controller-manager-root-authority", Medium, "kube-controller-manager", Condition::AllSet(&["root-ca-file"]), "pods cannot check the API server", "Without the authority in their service account they must trust whoever answers.", "set --root-ca-file",
        [("checkov", "CKV_K8S_111"), ("trivy", "KCV-0037"), ("CIS Kubernetes", "1.3.5")], "--profiling=false", "--root-ca-file=/c";
    CONTROLLER_MANAGER_KUBELET_CERTIFICATES: "controller-manager-kubelet-certificates", Low, "kube-controller-manager", Condition::Without("feature-gates", "RotateKubeletServerCertificate=false"), "certificates of kubelets are not renewed", "They run out, and somebody switches the check off.", "take RotateKubeletServerCertificate=false out of --feature-gates",
        [("checkov", "CKV_K8S_112"), ("trivy", "KCV-0038"), ("CIS Kubernetes", "1.3.6")], "--feature-gates=RotateKubeletServerCertificate=false", "--feature-gates=RotateKubeletServerCertificate=true";
    CONTROLLER_MANAGER_ADDRESS: "controller-manager-address", Low, "kube-controller-manager", Condition::Is("bind-address", "127.0.0.1"), "controller manager listens to the network", "Its port tells of the cluster, and needs no one but the node.", "set --bind-address=127.0.0.1",
        [("checkov", "CKV_K8S_113"), ("trivy", "KCV-0039"), ("CIS Kubernetes", "1.3.7")], "--bind-address=0.0.0.0", "--bind-address=127.0.0.1";
    SCHEDULER_PROFILING: "scheduler-profiling", Low, "kube-scheduler", Condition::Is("profiling", "false"), "scheduler serves profiling data", "Profiles tell of the inside of the process, and cost work to make.", "set --profiling=false",
        [("checkov", "CKV_K8S_114"), ("trivy", "KCV-0040"), ("CIS Kubernetes", "1.4.1")], "--profiling=true", "--profiling=false";
    SCHEDULER_ADDRESS: "scheduler-address", Low, "kube-scheduler", Condition::Is("bind-address", "127.0.0.1"), "scheduler listens to the network", "Its port tells of the cluster, and needs no one but the node.", "set --bind-address=127.0.0.1",
        [("checkov", "CKV_K8S_115"), ("trivy", "KCV-0041"), ("CIS Kubernetes", "1.4.2")], "--bind-address=0.0.0.0", "--bind-address=127.0.0.1";
    ETCD_CERTIFICATE: "etcd-certificate", High, "etcd", Condition::AllSet(&["cert-file", "key-file"]), "etcd listens without TLS", "All secrets of the cluster go over the network in plain text.", "set --cert-file and --key-file",
        [("checkov", "CKV_K8S_116"), ("trivy", "KCV-0042"), ("CIS Kubernetes", "2.1")], "--cert-file=/c", "--cert-file=/c\", \"--key-file=/k";
    ETCD_LETS_EVERYBODY_IN: "etcd-lets-everybody-in", High, "etcd", Condition::Is("client-cert-auth", "true"), "etcd asks for no certificate", "Whoever reaches it reads and writes everything, past all rights.", "set --client-cert-auth=true",
        [("checkov", "CKV_K8S_117"), ("trivy", "KCV-0043"), ("CIS Kubernetes", "2.2")], "--client-cert-auth=false", "--client-cert-auth=true";
    ETCD_OWN_CERTIFICATES: "etcd-own-certificates", Medium, "etcd", Condition::IsNot("auto-tls", "true"), "etcd makes its own certificates", "Nobody can check them.", "take --auto-tls out",
        [("checkov", "CKV_K8S_118"), ("trivy", "KCV-0044"), ("CIS Kubernetes", "2.3")], "--auto-tls=true", "--auto-tls=false";
    ETCD_PEER_CERTIFICATE: "etcd-peer-certificate", High, "etcd", Condition::AllSet(&["peer-cert-file", "peer-key-file"]), "etcd talks to its peers without TLS", "All secrets of the cluster go over the network in plain text.", "set --peer-cert-file and --peer-key-file",
        [("checkov", "CKV_K8S_119"), ("trivy", "KCV-0045"), ("CIS Kubernetes", "2.4")], "--peer-cert-file=/c", "--peer-cert-file=/c\", \"--peer-key-file=/k";
    ETCD_PEERS_UNCHECKED: "etcd-peers-unchecked", High, "etcd", Condition::Is("peer-client-cert-auth", "true"), "etcd asks its peers for no certificate", "Whoever reaches the port joins the cluster of etcd, and has everything.", "set --peer-client-cert-auth=true",
        [("checkov", "CKV_K8S_121"), ("trivy", "KCV-0046"), ("CIS Kubernetes", "2.5")], "--peer-client-cert-auth=false", "--peer-client-cert-auth=true";
    KUBELET_ANONYMOUS: "kubelet-anonymous", High, "kubelet", Condition::Is("anonymous-auth", "false"), "kubelet answers requests without credentials", "Whoever reaches the port may ask for pods, and often run commands in them.", "set --anonymous-auth=false",
        [("checkov", "CKV_K8S_138"), ("trivy", "KCV-0079"), ("CIS Kubernetes", "4.2.1")], "--anonymous-auth=true", "--anonymous-auth=false";
    KUBELET_ALLOWS_EVERYTHING: "kubelet-allows-everything", High, "kubelet", Condition::Without("authorization-mode", "AlwaysAllow"), "kubelet lets everybody do everything", "Whoever reaches the port runs commands in every pod of the node.", "set --authorization-mode=Webhook",
        [("checkov", "CKV_K8S_139"), ("trivy", "KCV-0080"), ("CIS Kubernetes", "4.2.2")], "--authorization-mode=AlwaysAllow", "--authorization-mode=Webhook";
    KUBELET_CLIENT_AUTHORITY: "kubelet-client-authority", High, "kubelet", Condition::AllSet(&["client-ca-file"]), "kubelet cannot check the API server", "It must let in everybody or nobody.", "set --client-ca-file",
        [("checkov", "CKV_K8S_140"), ("trivy", "KCV-0081"), ("CIS Kubernetes", "4.2.3")], "--anonymous-auth=false", "--client-ca-file=/c";
    KUBELET_READ_ONLY_PORT: "kubelet-read-only-port", Medium, "kubelet", Condition::Is("read-only-port", "0"), "kubelet has a port without authentication", "It tells every pod of the network which pods run on the node, with their environment.", "set --read-only-port=0",
        [("checkov", "CKV_K8S_141"), ("trivy", "KCV-0082"), ("CIS Kubernetes", "4.2.4")], "--read-only-port=10255", "--read-only-port=0";
    KUBELET_IDLE_CONNECTIONS: "kubelet-idle-connections", Low, "kubelet", Condition::IsNot("streaming-connection-idle-timeout", "0"), "idle connections to pods are never ended", "A forgotten session stays a way in.", "take --streaming-connection-idle-timeout=0 out",
        [("checkov", "CKV_K8S_143"), ("CIS Kubernetes", "4.2.5")], "--streaming-connection-idle-timeout=0", "--streaming-connection-idle-timeout=5m";
    KUBELET_FIREWALL_CHAINS: "kubelet-firewall-chains", Low, "kubelet", Condition::IsNot("make-iptables-util-chains", "false"), "kubelet does not keep its firewall rules", "Rules of pods and of the node get into each other's way.", "take --make-iptables-util-chains=false out",
        [("checkov", "CKV_K8S_145"), ("trivy", "KCV-0084"), ("CIS Kubernetes", "4.2.6")], "--make-iptables-util-chains=false", "--make-iptables-util-chains=true";
    KUBELET_NAME_OVERRIDDEN: "kubelet-name-overridden", Low, "kubelet", Condition::Absent("hostname-override"), "kubelet goes by another name than its node", "Its certificate and what is told of it in logs no longer fit the machine.", "take --hostname-override out",
        [("checkov", "CKV_K8S_146"), ("trivy", "KCV-0086"), ("CIS Kubernetes", "4.2.7")], "--hostname-override=a", "--read-only-port=0";
    KUBELET_CERTIFICATE_NOT_RENEWED: "kubelet-certificate-not-renewed", Medium, "kubelet", Condition::IsNot("rotate-certificates", "false"), "kubelet does not renew its certificate", "It runs out and takes the node with it, or is made to run for years.", "take --rotate-certificates=false out",
        [("checkov", "CKV_K8S_149"), ("trivy", "KCV-0090"), ("CIS Kubernetes", "4.2.10")], "--rotate-certificates=false", "--rotate-certificates=true";
}

fn judge(scene: &Scene<'_, '_>, report: &mut Reporter<'_>, component: &str, condition: &Condition) {
    for (_, run) in scene.containers() {
        let Some(flags) = Flags::of(&run, component) else { continue };
        if let Some(detail) = flags.fault(condition) {
            report.at(run.pointer(&[flags.place]), format!("{} runs {component} {detail}", run.shown()));
        }
    }
}

/// The arguments of a component.
struct Flags<'v> {
    /// Where the most of them stand.
    place: &'static str,
    arguments: Vec<&'v str>,
}

/// Whether a command line is that of a program.
fn names(words: &[&str], program: &str) -> bool {
    words.iter().any(|word| {
        let own = word.split_ascii_whitespace().next().unwrap_or_default();
        own.rsplit('/').next() == Some(program)
    })
}

/// Whether a container runs a program, by its command and arguments.
pub(crate) fn runs(container: &Value<'_>, program: &str) -> bool {
    let words: Vec<&str> =
        ["command", "args"].into_iter().flat_map(|key| texts(at(container, &[key]))).collect();
    names(&words, program)
}

impl<'v> Flags<'v> {
    /// Those of the component, when the container runs it.
    fn of(run: &Run<'_, 'v>, component: &str) -> Option<Self> {
        let of = |key: &str| texts(run.at(&[key])).collect::<Vec<&str>>();
        let (command, arguments) = (of("command"), of("args"));
        let place = if arguments.is_empty() { "command" } else { "args" };
        let all: Vec<&str> = command.into_iter().chain(arguments).collect();
        let runs = names(&all, component);
        // `sh -c "etcd --flag=x"` holds its flags in one word.
        let arguments = all.iter().flat_map(|word| {
            let several = word.contains(" --");
            let parts: Vec<&str> = if several { word.split_ascii_whitespace().collect() } else { vec![word] };
            parts
        });
        runs.then(|| Flags { place, arguments: arguments.collect() })
    }

    /// The value of a flag; the last one counts, and one without a value is `true`.
    fn value(&self, flag: &str) -> Option<&'v str> {
        let mut found = None;
        for (index, argument) in self.arguments.iter().enumerate() {
            let Some(rest) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                continue;
            };
            match rest.split_once('=') {
                Some((name, value)) if name == flag => found = Some(value.trim_matches(['"', '\''])),
                None if rest == flag => {
                    found = Some(
                        self.arguments
                            .get(index + 1)
                            .filter(|next| !next.starts_with('-'))
                            .map_or("true", |next| *next),
                    );
                }
                _ => {}
            }
        }
        found
    }

    /// What is wrong with it.
    fn fault(&self, condition: &Condition) -> Option<String> {
        let shown = |flag: &str| match self.value(flag) {
            Some(value) => format!("with --{flag}={}", short(value)),
            None => format!("without --{flag}"),
        };
        let holds = |flag: &str, wanted: &str| {
            self.value(flag).is_some_and(|list| list.split(',').any(|one| one.trim() == wanted))
        };
        let (right, flag) = match *condition {
            Condition::Is(flag, wanted) => (self.value(flag) == Some(wanted), flag),
            Condition::IsOrAbsent(flag, wanted) => {
                (self.value(flag).is_none_or(|value| value == wanted), flag)
            }
            Condition::IsNot(flag, unwanted) => (self.value(flag) != Some(unwanted), flag),
            Condition::Absent(flag) => (self.value(flag).is_none(), flag),
            Condition::AllSet(flags) => {
                let missing = flags.iter().find(|flag| self.value(flag).is_none_or(str::is_empty));
                (missing.is_none(), missing.copied().unwrap_or_default())
            }
            Condition::AtLeast(flag, least) => (
                self.value(flag)
                    .and_then(|value| value.parse::<u64>().ok())
                    .is_some_and(|value| value >= least),
                flag,
            ),
            Condition::With(flag, wanted) => (holds(flag, wanted), flag),
            Condition::Without(flag, unwanted) => (!holds(flag, unwanted), flag),
            Condition::Among(flag, known) => (
                self.value(flag).is_none_or(|list| list.split(',').all(|one| known.contains(&one.trim()))),
                flag,
            ),
        };
        (!right).then(|| shown(flag))
    }
}
