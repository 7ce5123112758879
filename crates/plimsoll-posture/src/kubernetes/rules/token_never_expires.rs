//! Token of a service account that never expires.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "token-never-expires",
    title: "token of a service account that never expires",
    severity: Level::Medium,
    what: "A Secret of the type `kubernetes.io/service-account-token`.",
    why: "The token in it holds until the Secret is deleted, for everybody who ever read it. Tokens that are mounted or asked for expire.",
    fix: "ask for a token with TokenRequest (`kubectl create token`), or mount a projected one",
    references: &[("CIS Kubernetes", "5.1.6"), ("ATT&CK", "T1528")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop, annotations: {kubernetes.io/service-account.name: web}}\ntype: kubernetes.io/service-account-token\n",
    good: "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: shop}\ntype: Opaque\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let kind = scene.at(&["type"]).and_then(|value| value.as_str());
    if scene.is("", "Secret") && kind == Some("kubernetes.io/service-account-token") {
        report.at(scene.pointer(&["type"]), "it holds a token that never expires");
    }
}
