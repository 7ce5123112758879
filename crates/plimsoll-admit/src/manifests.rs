//! What a cluster needs to run the webhook, as YAML for `kubectl apply`.
//!
//! The webhook asks nothing of the API server, so that its account has no rights at all, unless policies look at namespaces:
//! then it may read those. Everything it needs is mounted: the
//! policies, the authority that its certificates come from, and, when there are some, credentials for registries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::review::clean;

/// Most bytes of policies: a ConfigMap holds 1 MiB, names and quotes included.
pub const MOST_POLICY_BYTES: usize = 900_000;
/// Where the webhook listens in its pod.
const PORT: u16 = 8443;

/// Where certificates come from in the cluster.
#[derive(Clone, Debug)]
pub enum Trust {
    /// An authority of our own: files for a Secret, and what API servers trust, in PEM.
    Authority {
        /// `ca.crt`, `ca.key`, ... by name.
        files: BTreeMap<String, String>,
        /// The certificates of the authorities.
        bundle: String,
    },
    /// cert-manager issues, renews and tells the API server.
    CertManager {
        /// Name of a ClusterIssuer.
        issuer: String,
    },
}

/// What is written.
#[derive(Clone, Debug)]
pub struct Manifests {
    /// The namespace of the webhook.
    pub namespace: String,
    /// The image of the program.
    pub image: String,
    /// How many pods.
    pub replicas: u16,
    /// Where certificates come from.
    pub trust: Trust,
    /// Files of policies, by name.
    pub policies: BTreeMap<String, String>,
    /// Namespaces that the API server does not ask about.
    pub exempt: BTreeSet<String>,
    /// Policies look at namespaces: the webhook reads them, and has the right to.
    pub namespaces: bool,
    /// Further arguments of `plimsoll admit`.
    pub arguments: Vec<String>,
    /// Kinds that run something, as plural resource names by group, of which changes are refused early.
    pub further: Vec<(String, String)>,
}

/// The names that the certificate must be for.
pub fn names(namespace: &str) -> Vec<String> {
    [".svc", ".svc.cluster.local", ""].map(|end| format!("plimsoll-admit.{namespace}{end}")).to_vec()
}

/// Whether it is a name that a namespace can have (RFC 1123, label).
pub fn is_namespace(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A text in YAML, quoted.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            // What YAML does not hold as it is, and what only looks like something else.
            _ if clean(character.encode_utf8(&mut [0; 4]), 1).len() > character.len_utf8() => {
                let _ = write!(out, "\\U{:08x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// A text of several lines as the value of a key, set in by `indent`.
fn block(out: &mut String, indent: usize, key: &str, text: &str) {
    // Only what a block carries unchanged is one.
    let plain = text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && clean(text.replace('\n', "").as_str(), usize::MAX) == text.replace('\n', "");
    let pad = " ".repeat(indent);
    if plain {
        let _ = writeln!(out, "{pad}{}: |", quoted(key));
        for line in text.lines() {
            let _ = if line.is_empty() { writeln!(out) } else { writeln!(out, "{pad}  {line}") };
        }
    } else {
        let _ = writeln!(out, "{pad}{}: {}", quoted(key), quoted(text));
    }
}

/// Kinds whose pods are refused anyway, refused early where people see it.
const WORKLOADS: [(&str, &str); 5] = [
    ("", "replicationcontrollers, podtemplates"),
    ("apps", "deployments, replicasets, statefulsets, daemonsets"),
    ("batch", "jobs, cronjobs"),
    ("argoproj.io", "rollouts"),
    ("jobset.x-k8s.io", "jobsets"),
];

/// The right to read namespaces, and who has it.
fn role(namespace: &str) -> String {
    format!(
        "---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: plimsoll-admit
rules:
- apiGroups: [\"\"]
  resources: [namespaces]
  verbs: [list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: plimsoll-admit
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: plimsoll-admit
subjects:
- kind: ServiceAccount
  name: plimsoll-admit
  namespace: {namespace}
"
    )
}

/// All documents.
pub fn write(manifests: &Manifests) -> String {
    let Manifests { namespace, replicas, .. } = manifests;
    let image = quoted(&manifests.image);
    let mut out = String::new();
    let _ = write!(
        out,
        "# What `plimsoll admit` needs in a cluster. Apply with: kubectl apply --server-side -f -
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels:
    app.kubernetes.io/name: plimsoll-admit
    pod-security.kubernetes.io/enforce: restricted
---
# {rights}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: plimsoll-admit
  namespace: {namespace}
automountServiceAccountToken: false
{role}---
apiVersion: v1
kind: ConfigMap
metadata:
  name: plimsoll-policies
  namespace: {namespace}
data:
",
        rights = if manifests.namespaces {
            "Policies look at namespaces: this account may read them, and nothing else."
        } else {
            "The webhook asks the API server for nothing: there is no role for this account, and it gets no token."
        },
        role = if manifests.namespaces { role(namespace) } else { String::new() },
    );
    for (name, text) in &manifests.policies {
        block(&mut out, 2, name, text);
    }
    let _ = write!(
        out,
        "---
# Apart from the policies: who may write this one object may let an image in for a while, in the open, and do nothing else.
# Bind the role to those people. They change it by kubectl edit, and the API server's audit log names them.
apiVersion: v1
kind: ConfigMap
metadata:
  name: plimsoll-exceptions
  namespace: {namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: plimsoll-exceptions
  namespace: {namespace}
rules:
- apiGroups: [\"\"]
  resources: [configmaps]
  resourceNames: [plimsoll-exceptions]
  verbs: [get, update, patch]
"
    );
    let mut bundle = None;
    match &manifests.trust {
        Trust::Authority { files, bundle: own } => {
            bundle = Some(STANDARD.encode(own));
            let _ = write!(
                out,
                "---
# The authority that every replica issues its own certificate from. A secret: who has it can answer for the webhook.
apiVersion: v1
kind: Secret
metadata:
  name: plimsoll-admit-authority
  namespace: {namespace}
type: Opaque
data:
"
            );
            for (name, text) in files {
                let _ = writeln!(out, "  {name}: {}", STANDARD.encode(text));
            }
        }
        Trust::CertManager { issuer } => {
            let _ = write!(
                out,
                "---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: plimsoll-admit
  namespace: {namespace}
spec:
  secretName: plimsoll-admit-certificate
  issuerRef:
    kind: ClusterIssuer
    name: {}
  privateKey: {{algorithm: ECDSA, size: 256, rotationPolicy: Always}}
  dnsNames:
",
                quoted(issuer)
            );
            for name in names(namespace) {
                let _ = writeln!(out, "  - {name}");
            }
        }
    }
    let (secret, flags) = match &manifests.trust {
        Trust::Authority { .. } => {
            let mut flags = vec!["--authority=/etc/plimsoll/certificates".to_owned()];
            flags.extend(names(namespace).iter().map(|name| format!("--name={name}")));
            ("plimsoll-admit-authority", flags)
        }
        Trust::CertManager { .. } => (
            "plimsoll-admit-certificate",
            vec![
                "--certificate=/etc/plimsoll/certificates/tls.crt".to_owned(),
                "--private-key=/etc/plimsoll/certificates/tls.key".to_owned(),
            ],
        ),
    };
    let mut arguments = vec![
        "admit".to_owned(),
        format!("--listen=[::]:{PORT}"),
        format!("--namespace={namespace}"),
        "--policy=/etc/plimsoll/policies".to_owned(),
        "--exceptions=/etc/plimsoll/exceptions".to_owned(),
    ];
    arguments.extend(flags);
    arguments.extend(manifests.exempt.iter().map(|name| format!("--exempt={name}")));
    arguments.extend(manifests.arguments.iter().cloned());
    let _ = write!(
        out,
        "---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: plimsoll-admit
  namespace: {namespace}
  labels:
    app.kubernetes.io/name: plimsoll-admit
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app.kubernetes.io/name: plimsoll-admit
  strategy:
    rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: plimsoll-admit
      annotations:
        prometheus.io/scrape: \"true\"
        prometheus.io/scheme: https
        prometheus.io/port: \"{PORT}\"
    spec:
      serviceAccountName: plimsoll-admit
      automountServiceAccountToken: {token}
      enableServiceLinks: false
      priorityClassName: system-cluster-critical
      terminationGracePeriodSeconds: 40
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: plimsoll-admit
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: plimsoll-admit
      containers:
      - name: admit
        image: {image}
        args:
",
        token = manifests.namespaces
    );
    for argument in &arguments {
        let _ = writeln!(out, "        - {}", quoted(argument));
    }
    let _ = write!(
        out,
        "        env:
        - {{name: HOME, value: /var/lib/plimsoll}}
        - {{name: DOCKER_CONFIG, value: /etc/plimsoll/registries}}
        ports:
        - name: https
          containerPort: {PORT}
        readinessProbe:
          httpGet: {{path: /readyz, port: https, scheme: HTTPS}}
          periodSeconds: 2
        livenessProbe:
          httpGet: {{path: /healthz, port: https, scheme: HTTPS}}
          initialDelaySeconds: 10
          periodSeconds: 10
          failureThreshold: 6
        resources:
          requests: {{cpu: 100m, memory: 64Mi}}
          limits: {{memory: 512Mi}}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
        volumeMounts:
        - {{name: policies, mountPath: /etc/plimsoll/policies, readOnly: true}}
        - {{name: exceptions, mountPath: /etc/plimsoll/exceptions, readOnly: true}}
        - {{name: certificates, mountPath: /etc/plimsoll/certificates, readOnly: true}}
        - {{name: registries, mountPath: /etc/plimsoll/registries, readOnly: true}}
        - {{name: data, mountPath: /var/lib/plimsoll}}
        - {{name: scratch, mountPath: /tmp}}
      volumes:
      - name: policies
        configMap: {{name: plimsoll-policies}}
      - name: exceptions
        configMap: {{name: plimsoll-exceptions, optional: true}}
      - name: certificates
        # 0440: readers of YAML differ in what they take octal numbers for.
        secret: {{secretName: {secret}, defaultMode: 288}}
      # Credentials for registries, when there are some: kubectl create secret docker-registry plimsoll-registries ...
      - name: registries
        secret:
          secretName: plimsoll-registries
          optional: true
          items: [{{key: .dockerconfigjson, path: config.json}}]
      - name: data
        emptyDir: {{sizeLimit: 4Gi}}
      - name: scratch
        emptyDir: {{sizeLimit: 1Gi}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: plimsoll-admit
  namespace: {namespace}
spec:
  {available}
  selector:
    matchLabels:
      app.kubernetes.io/name: plimsoll-admit
---
apiVersion: v1
kind: Service
metadata:
  name: plimsoll-admit
  namespace: {namespace}
spec:
  selector:
    app.kubernetes.io/name: plimsoll-admit
  ports:
  - {{name: https, port: 443, targetPort: https}}
---
",
        // A budget that asks for the only pod there is would stop every node from being drained.
        available = if *replicas > 1 { "minAvailable: 1" } else { "maxUnavailable: 1" }
    );
    let pods = [(String::new(), "pods, pods/ephemeralcontainers".to_owned())];
    let mut workloads: Vec<(String, String)> =
        WORKLOADS.iter().map(|(group, resources)| ((*group).to_owned(), (*resources).to_owned())).collect();
    workloads.extend(manifests.further.iter().cloned());
    let hooks = Hooks { manifests, bundle: bundle.as_deref() };
    hooks.head(&mut out, "ValidatingWebhookConfiguration");
    out.push_str("# No pod starts that was not decided on. Of the kinds that make pods only early news is lost while the webhook is away.\n");
    hooks.hook(&mut out, "pods.plimsoll.dev", "/validate", "Fail", 10, &pods);
    hooks.hook(&mut out, "workloads.plimsoll.dev", "/validate", "Ignore", 5, &workloads);
    out.push_str("---\n");
    hooks.head(&mut out, "MutatingWebhookConfiguration");
    hooks.hook(&mut out, "pin.plimsoll.dev", "/mutate", "Fail", 10, &pods);
    out.push_str("  reinvocationPolicy: IfNeeded\n");
    out
}

struct Hooks<'a> {
    manifests: &'a Manifests,
    bundle: Option<&'a str>,
}

impl Hooks<'_> {
    fn head(&self, out: &mut String, kind: &str) {
        let namespace = &self.manifests.namespace;
        let _ = write!(
            out,
            "apiVersion: admissionregistration.k8s.io/v1
kind: {kind}
metadata:
  name: plimsoll-admit
"
        );
        if self.bundle.is_none() {
            let _ = writeln!(
                out,
                "  annotations:\n    cert-manager.io/inject-ca-from: {namespace}/plimsoll-admit"
            );
        }
        out.push_str("webhooks:\n");
    }

    fn hook(
        &self,
        out: &mut String,
        name: &str,
        path: &str,
        failure: &str,
        seconds: u8,
        rules: &[(String, String)],
    ) {
        let namespace = &self.manifests.namespace;
        let _ = write!(
            out,
            "- name: {name}
  admissionReviewVersions: [v1]
  clientConfig:
    service: {{name: plimsoll-admit, namespace: {namespace}, path: {path}, port: 443}}
"
        );
        if let Some(bundle) = self.bundle {
            let _ = writeln!(out, "    caBundle: {bundle}");
        }
        let mut exempt: BTreeSet<&str> = self.manifests.exempt.iter().map(String::as_str).collect();
        exempt.insert(namespace);
        let exempt = exempt.into_iter().collect::<Vec<_>>().join(", ");
        let _ = write!(
            out,
            "  failurePolicy: {failure}
  matchPolicy: Equivalent
  sideEffects: NoneOnDryRun
  timeoutSeconds: {seconds}
  # The cluster's own parts and this webhook start without it, so that it cannot lock the cluster out.
  namespaceSelector:
    matchExpressions:
    - {{key: kubernetes.io/metadata.name, operator: NotIn, values: [{exempt}]}}
  matchConditions:
  - name: not-being-deleted
    expression: \"request.operation != 'UPDATE' || !has(oldObject.metadata.deletionTimestamp)\"
  rules:
"
        );
        for (group, resources) in rules {
            let _ = write!(
                out,
                "  - apiGroups: [{}]
    apiVersions: [\"*\"]
    operations: [CREATE, UPDATE]
    resources: [{resources}]
    scope: Namespaced
",
                quoted(group)
            );
        }
    }
}
