//! Everybody can get past the Pod Security Standards.

use super::admission::pod_security;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pod-security-exemption-wide",
    title: "an exemption lets everybody past the Pod Security Standards",
    severity: Level::Medium,
    what: "A PodSecurityConfiguration that exempts a controller of the cluster (`system:serviceaccount:kube-system:...-controller`), a runtime class, or the namespace `default`.",
    why: "A controller makes pods for everybody who makes a Deployment; a runtime class is named by whoever writes the pod; in `default` lands what names no namespace. Each of them is an exemption for everybody.",
    fix: "take it out, and exempt namespaces of the cluster's own parts by name instead",
    references: &[("CIS Kubernetes", "5.2.1")],
    needs: &[],
    bad: "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {enforce: baseline}\nexemptions: {usernames: [\"system:serviceaccount:kube-system:replicaset-controller\"]}\n",
    good: "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\ndefaults: {enforce: baseline}\nexemptions: {namespaces: [kube-system]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let Some((configuration, pointer)) = pod_security(scene, report) else { return };
    let controller =
        |name: &str| name.starts_with("system:serviceaccount:kube-system:") && name.ends_with("-controller");
    let all: [(&str, &dyn Fn(&str) -> bool, &str); 3] = [
        ("usernames", &controller, "makes pods for everybody"),
        ("runtimeClasses", &|_| true, "is named by whoever writes the pod"),
        ("namespaces", &|name| name == "default", "is where pods of everybody land"),
    ];
    for (field, is_wide, why) in all {
        for (index, name) in list(at(configuration, &["exemptions", field])).iter().enumerate() {
            if let Some(name) = name.as_str().filter(|name| is_wide(name)) {
                report.at(
                    format!("{pointer}/exemptions/{field}/{index}"),
                    format!("`{}` is exempt, and {why}", short(name)),
                );
            }
        }
    }
}
