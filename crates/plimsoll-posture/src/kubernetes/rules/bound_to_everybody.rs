//! Rights are given to everybody.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "bound-to-everybody",
    title: "rights are given to everybody",
    severity: Level::High,
    what: "A binding to `system:anonymous`, `system:unauthenticated` or `system:authenticated`, outside of what the cluster itself brings.",
    why: "The first two are anybody who reaches the API server; the third is every user, every pod of the cluster, and on some clouds everybody with an account there.",
    fix: "bind to the people and accounts that are meant",
    references: &[
        ("trivy", "KSV-0122"),
        ("trivy", "KSV-0123"),
        ("kubescape", "C-0265"),
        ("CIS Kubernetes", "5.1.7"),
        ("ATT&CK", "T1078"),
    ],
    needs: &[],
    bad: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: \"system:authenticated\"}\n",
    good: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: web}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects:\n- {kind: ServiceAccount, name: web, namespace: shop}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    // What the API server makes by itself lets everybody ask for its version and what they themselves may do.
    let own = ["system:basic-user", "system:discovery", "system:public-info-viewer"]
        .contains(&scene.object.name.name);
    if !is_binding(scene) || own {
        return;
    }
    for subject in subjects(scene).filter(|subject| {
        ["system:anonymous", "system:unauthenticated", "system:authenticated"].contains(&subject.name)
    }) {
        report
            .at(subject.pointer.clone(), format!("{} is given {}", subject.shown(), short(role_name(scene))));
    }
}
