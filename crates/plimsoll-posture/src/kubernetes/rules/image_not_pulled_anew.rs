//! Node may run an old copy of the image.

use super::prelude::*;
use crate::dockerfile::ImageName;

pub(crate) static RULE: Rule = Rule {
    id: "image-not-pulled-anew",
    title: "node may run an old copy of the image",
    severity: Level::Low,
    what: "A container whose image is named by a tag, not by digest, and whose `imagePullPolicy` is not `Always`.",
    why: "A node that has an image of this name runs it: an old one, or one that another tenant pulled with credentials that this pod does not have.",
    fix: "pin the image by digest, or set imagePullPolicy to Always",
    references: &[("checkov", "CKV_K8S_15"), ("kubescape", "C-0075"), ("polaris", "pullPolicyNotAlways")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n    imagePullPolicy: Always\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let Some(image) = run.container.image else { continue };
        let name = ImageName::parse(image);
        let policy = run.at(&["imagePullPolicy"]).and_then(|value| value.as_str());
        // Without a word of it the API server sets Always for `latest`; only manifests that say so are sure of it.
        if name.digest.is_none() && policy != Some("Always") {
            report.at(
                run.pointer(&["imagePullPolicy"]),
                format!("{} runs what the node has of {}", run.shown(), short(image)),
            );
        }
    }
}
