//! Image by a tag that moves.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-tag-moves",
    title: "image by a tag that moves",
    severity: Level::Medium,
    what: "A container whose image has the tag `latest`, or no tag and no digest, which is the same.",
    why: "The same manifest runs another program tomorrow, and two replicas may run two of them. Nobody can say later what ran.",
    fix: "name a version, and pin it by digest",
    references: &[
        ("trivy", "KSV-0013"),
        ("checkov", "CKV_K8S_14"),
        ("kubescape", "C-0075"),
        ("kube-linter", "latest-tag"),
        ("polaris", "tagNotSpecified"),
    ],
    needs: &[],
    bad: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web\n",
    good: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  containers:\n  - name: web\n    image: ghcr.io/acme/web:1.4\n",
    check: Check::Object(check),
};
use crate::dockerfile::ImageName;

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    for (_, run) in scene.containers() {
        let Some(image) = run.container.image.filter(|image| !image.is_empty()) else { continue };
        let name = ImageName::parse(image);
        if name.digest.is_none() && name.tag.is_none_or(|tag| tag == "latest") {
            report.at(run.pointer(&["image"]), format!("{} runs {}", run.shown(), short(image)));
        }
    }
}
