//! Workload stands beside the system.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "system-namespace",
    title: "workload stands beside the system",
    severity: Level::Low,
    what: "A workload in kube-system, kube-public or kube-node-lease. Static pods of the control plane (component kube-apiserver, kube-controller-manager, kube-scheduler or etcd) are not meant.",
    why: "Who may change something there may change the cluster, and policies often leave it out.",
    fix: "give it a namespace of its own",
    references: &[("trivy", "KSV-0037")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: kube-system\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    const OWN: [&str; 4] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"];
    let namespace = scene.object.name.namespace;
    let own =
        scene.pods().all(|pod| label(pod, "component").is_some_and(|component| OWN.contains(&component)));
    if ["kube-system", "kube-public", "kube-node-lease"].contains(&namespace) && !own {
        report.at(scene.pointer(&["metadata", "namespace"]), format!("it stands in {namespace}"));
    }
}
