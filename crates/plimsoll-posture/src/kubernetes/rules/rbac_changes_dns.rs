//! Role may change what names lead to.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-changes-dns",
    title: "role may change what names lead to",
    severity: Level::Medium,
    what: "A rule that lets `update` or `patch` ConfigMaps in `kube-system` (a ClusterRole, or a Role there) without naming which, or naming that of CoreDNS or kube-dns. A wildcard for everything is told by another rule.",
    why: "The ConfigMap of the cluster's DNS says where names lead: whoever changes it sends the traffic of any workload through a machine of his own.",
    fix: "name the ConfigMaps with resourceNames, or give the right by a Role of the namespace that needs it",
    references: &[("kubescape", "C-0037")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: web, namespace: kube-system}\nrules:\n- apiGroups: [\"\"]\n  resources: [configmaps]\n  verbs: [get, update]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: web, namespace: kube-system}\nrules:\n- apiGroups: [\"\"]\n  resources: [configmaps]\n  resourceNames: [web]\n  verbs: [get, update]\n",
    check: Check::Object(check),
};

/// Where the cluster's DNS runs.
const NAMESPACE: &str = "kube-system";
/// ConfigMaps of DNS: of Kubernetes, and those that add-ons of clouds merge into it.
const OF_DNS: &[&str] = &["coredns", "coredns-custom", "kube-dns"];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let name = scene.object.name;
    if name.kind == "Role" && name.namespace != NAMESPACE {
        return;
    }
    for (pointer, grant) in grants(scene) {
        let named = grant.names.is_empty() || grant.names.iter().any(|name| OF_DNS.contains(name));
        if named && !grant.is_everything() && grant.allows(&["update", "patch"], "", "configmaps") {
            report.at(pointer, format!("this {} may change the ConfigMap of the cluster's DNS", name.kind));
        }
    }
}
