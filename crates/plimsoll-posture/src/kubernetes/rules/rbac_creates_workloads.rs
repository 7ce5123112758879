//! Role may make pods.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-creates-workloads",
    title: "role may make pods",
    severity: Level::Medium,
    what: "A rule that lets create or change pods, or what makes pods, in any namespace that it holds in.",
    why: "Who makes a pod may run it as any service account of the namespace, mount its secrets, and where no Pod Security Standard is enforced take the node.",
    fix: "leave making pods to the pipeline, and enforce a Pod Security Standard in the namespace",
    references: &[
        ("trivy", "KSV-0048"),
        ("kubescape", "C-0188"),
        ("kube-linter", "access-to-create-pods"),
        ("CIS Kubernetes", "5.1.4"),
        ("ATT&CK", "T1610"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [create]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything()
            && (grant.allows(&["create", "update", "patch"], "", "pods")
                || grant.allows(&["create", "update", "patch"], "apps", "deployments")
                || grant.allows(&["create", "update", "patch"], "apps", "daemonsets")
                || grant.allows(&["create", "update", "patch"], "batch", "cronjobs"))
        {
            report.at(pointer, format!("this {} may make pods", scene.object.name.kind));
        }
    }
}
