//! Ingress without TLS.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "ingress-without-tls",
    title: "ingress without TLS",
    severity: Level::Medium,
    what: "An Ingress with rules and without `tls`.",
    why: "Requests and answers, sessions among them, go over the network in plain text and can be changed on the way.",
    fix: "add tls with the secret of a certificate",
    references: &[("kubescape", "C-0263"), ("polaris", "tlsSettingsMissing")],
    needs: &[],
    bad: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  rules:\n  - host: shop.example\n",
    good: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  tls: [{hosts: [shop.example], secretName: web}]\n  rules:\n  - host: shop.example\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let ingress = scene.is("networking.k8s.io", "Ingress") || scene.is("extensions", "Ingress");
    if ingress && list(scene.at(&["spec", "tls"])).is_empty() {
        report.at(scene.pointer(&["spec", "tls"]), "it has no tls");
    }
}
