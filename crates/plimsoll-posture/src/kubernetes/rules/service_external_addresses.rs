//! Service takes addresses from outside.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "service-external-addresses",
    title: "service takes addresses from outside",
    severity: Level::High,
    what: "A service with `externalIPs`.",
    why: "Traffic of the cluster to these addresses goes to the service instead (CVE-2020-8554): who may make services can put themselves in the middle.",
    fix: "use a LoadBalancer, Ingress or Gateway",
    references: &[("trivy", "KSV-0108"), ("kubescape", "C-0268"), ("CVE", "CVE-2020-8554")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {externalIPs: [192.0.2.1], ports: [{port: 80}]}\n",
    good: "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: ClusterIP, ports: [{port: 80}]}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.is("", "Service") && !list(scene.at(&["spec", "externalIPs"])).is_empty() {
        let addresses: Vec<String> = texts(scene.at(&["spec", "externalIPs"])).map(short).collect();
        report.at(scene.pointer(&["spec", "externalIPs"]), format!("it takes {}", some(&addresses)));
    }
}
