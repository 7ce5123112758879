//! Image is not pinned by digest.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-without-digest",
    title: "image is not pinned by digest",
    severity: Level::Low,
    what: "A container whose image has a version but no digest. The tags that move by name are told by another rule.",
    why: "Whoever can push to the repository can put another image under the same version, and it is run at the next start.",
    fix: "add the digest, as in NAME:VERSION@sha256:DIGEST",
    references: &[("checkov", "CKV_K8S_43"), ("kubescape", "C-0236")],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
    check: Check::Object(check),
};
use crate::dockerfile::ImageName;

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let Some(image) = run.container.image.filter(|image| !image.is_empty()) else { continue };
        let name = ImageName::parse(image);
        if name.digest.is_none() && name.tag.is_some_and(|tag| tag != "latest") {
            report.at(
                run.pointer(&["image"]),
                format!("{} runs {} without a digest", run.shown(), short(image)),
            );
        }
    }
}
