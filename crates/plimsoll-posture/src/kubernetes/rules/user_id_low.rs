//! Container has a user of the node.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "user-id-low",
    title: "container has a user of the node",
    severity: Level::Low,
    what: "A container whose `runAsUser`, its own or the pod's, is not set or is 10000 or less. Pods with users of their own (`hostUsers: false`) are not meant.",
    why: "The number may be that of a user on the node. Whoever leaves the container has the files of that user.",
    fix: "set runAsUser to a number above 10000",
    references: &[("checkov", "CKV_K8S_40"), ("trivy", "KSV-0020"), ("kubesec", "RunAsUser")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 1000}\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    securityContext: {runAsUser: 10001}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let user = run.security("runAsUser").and_then(Value::as_u64);
        // With users of its own the pod's numbers are none of the node.
        let own =
            run.pod.spec.is_some_and(|spec| at(spec, &["hostUsers"]).and_then(Value::as_bool) == Some(false));
        let counts = !own && run.container.kind != ContainerKind::Ephemeral;
        if counts && user.is_none_or(|user| user <= 10_000) {
            let what =
                user.map_or_else(|| "the user of the image".to_owned(), |user| format!("the user {user}"));
            report.at(
                run.pointer(&["securityContext", "runAsUser"]),
                format!("{} runs as {what}", run.shown()),
            );
        }
    }
}
