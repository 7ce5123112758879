//! A secret stands in a ConfigMap.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-in-config-map",
    title: "a secret stands in a ConfigMap",
    severity: Level::High,
    what: "A key of a ConfigMap whose name says that it is a secret, or a value in the form of a known credential or private key.",
    why: "ConfigMaps are not encrypted at rest, and rights to read them are given freely.",
    fix: "move it into a Secret, or an external store",
    references: &[
        ("trivy", "KSV-0109"),
        ("trivy", "KSV-01010"),
        ("kubescape", "C-0012"),
        ("polaris", "sensitiveConfigmapContent"),
        ("ATT&CK", "T1552"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata:\n  DB_PASSWORD: hunter22\n",
    good: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata:\n  LOG_LEVEL: info\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("", "ConfigMap") {
        return;
    }
    for (key, value) in
        scene.at(&["data"]).and_then(|data| data.as_object()).into_iter().flat_map(ObjectAsVec::iter)
    {
        if value.as_str().is_some_and(|value| is_secret(key, value)) {
            report.at(scene.pointer(&["data", key]), format!("{} is given in plain text", short(key)));
        }
    }
}
