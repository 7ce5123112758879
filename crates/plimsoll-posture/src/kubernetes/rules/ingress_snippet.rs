//! Ingress brings configuration of its own.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-snippet",
    title: "ingress brings configuration of its own",
    severity: Level::High,
    what: "An Ingress with an annotation that puts text into the configuration of the NGINX controller (`configuration-snippet`, `server-snippet`, `auth-snippet`, `stream-snippet`).",
    why: "The controller reads all secrets of the cluster; who writes its configuration reads them too (CVE-2021-25742, CVE-2023-5043).",
    fix: "take the snippet out, and switch snippets off in the controller",
    references: &[
        ("checkov", "CKV_K8S_152"),
        ("checkov", "CKV_K8S_153"),
        ("checkov", "CKV_K8S_154"),
        ("CVE", "CVE-2021-25742"),
    ],
    needs: &[],
    bad: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop, annotations: {nginx.ingress.kubernetes.io/configuration-snippet: \"lua_code\"}}\nspec: {}\n",
    good: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.object.name.kind != "Ingress" {
        return;
    }
    let annotations = scene.at(&["metadata", "annotations"]).and_then(|map| map.as_object());
    for (key, _) in annotations.into_iter().flat_map(ObjectAsVec::iter) {
        if key.starts_with("nginx.") && key.ends_with("-snippet") {
            report.at(
                scene.pointer(&["metadata", "annotations", key]),
                format!("{} writes into the configuration of the controller", short(key)),
            );
        }
    }
}
