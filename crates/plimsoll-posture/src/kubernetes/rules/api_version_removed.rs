//! Version of the API that is gone.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "api-version-removed",
    title: "version of the API that is gone",
    severity: Level::Low,
    what: "An object of an API version that current releases of Kubernetes no longer serve.",
    why: "The manifest cannot be applied any more; where it once was, the next upgrade of the cluster stops at it.",
    fix: "write it in the version that is named",
    references: &[("kube-linter", "no-extensions-v1beta"), ("trivy", "KSV-0107")],
    needs: &[],
    bad: "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {}\n",
    good: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {}\n",
    check: Check::Object(check),
};

/// Version, kinds (none: all), release that took it out, what came after it (the deprecated API migration guide of Kubernetes).
const GONE: [(&str, &[&str], &str, &str); 19] = [
    ("extensions/v1beta1", &["Ingress"], "1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["NetworkPolicy"], "1.16", "networking.k8s.io/v1"),
    ("extensions/v1beta1", &["PodSecurityPolicy"], "1.16", "Pod Security Admission"),
    ("extensions/v1beta1", &["DaemonSet", "Deployment", "ReplicaSet"], "1.16", "apps/v1"),
    ("apps/v1beta1", &[], "1.16", "apps/v1"),
    ("apps/v1beta2", &[], "1.16", "apps/v1"),
    ("networking.k8s.io/v1beta1", &["Ingress", "IngressClass"], "1.22", "networking.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", &[], "1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1alpha1", &[], "1.22", "rbac.authorization.k8s.io/v1"),
    (
        "admissionregistration.k8s.io/v1beta1",
        &["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"],
        "1.22",
        "admissionregistration.k8s.io/v1",
    ),
    ("apiextensions.k8s.io/v1beta1", &[], "1.22", "apiextensions.k8s.io/v1"),
    ("certificates.k8s.io/v1beta1", &["CertificateSigningRequest"], "1.22", "certificates.k8s.io/v1"),
    ("batch/v1beta1", &["CronJob"], "1.25", "batch/v1"),
    ("policy/v1beta1", &["PodDisruptionBudget"], "1.25", "policy/v1"),
    ("policy/v1beta1", &["PodSecurityPolicy"], "1.25", "Pod Security Admission"),
    ("autoscaling/v2beta1", &[], "1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", &[], "1.26", "autoscaling/v2"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", &[], "1.29", "flowcontrol.apiserver.k8s.io/v1"),
    (
        "storage.k8s.io/v1beta1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
        "1.22",
        "storage.k8s.io/v1",
    ),
];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let version = scene.at(&["apiVersion"]).and_then(|value| value.as_str()).unwrap_or_default();
    let kind = scene.object.name.kind;
    if let Some((_, _, release, after)) =
        GONE.iter().find(|(gone, kinds, ..)| *gone == version && (kinds.is_empty() || kinds.contains(&kind)))
    {
        let detail = format!("{version} of {} is gone since Kubernetes {release}", short(kind));
        report.at_with(scene.pointer(&["apiVersion"]), detail, format!("write it as {after}"));
    }
}
