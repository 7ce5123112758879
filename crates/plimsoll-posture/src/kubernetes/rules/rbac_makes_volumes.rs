//! Role may mount folders of nodes.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rbac-makes-volumes",
    title: "role may mount folders of nodes",
    severity: Level::Medium,
    what: "A rule that lets `create` persistent volumes.",
    why: "A volume of the type hostPath is a folder of a node: whoever makes one and a pod that claims it is past the Pod Security Standards.",
    fix: "take the right out; provisioners alone need it",
    references: &[("CIS Kubernetes", "5.1.9"), ("kubescape", "C-0278")],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [persistentvolumes]\n  verbs: [create]\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: web}\nrules:\n- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get, list]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (pointer, grant) in grants(scene) {
        if !grant.is_everything() && grant.allows(&["create"], "", "persistentvolumes") {
            report.at(pointer, format!("this {} may make volumes of any kind", scene.object.name.kind));
        }
    }
}
