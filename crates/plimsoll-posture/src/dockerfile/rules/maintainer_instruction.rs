//! MAINTAINER is deprecated.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "maintainer-instruction",
    title: "MAINTAINER is deprecated",
    severity: Level::Negligible,
    what: "A `MAINTAINER` instruction.",
    why: "It is deprecated since Docker 1.13 and cannot be found as labels can.",
    fix: "write LABEL org.opencontainers.image.authors=\"...\"",
    references: &[
        ("hadolint", "DL4000"),
        ("trivy", "DS-0022"),
        ("trivy", "AVD-DS-0022"),
        ("checkov", "CKV_DOCKER_6"),
        ("buildkit", "MaintainerDeprecated"),
    ],
    needs: &[],
    bad: "FROM debian:12\nMAINTAINER somebody\n",
    good: "FROM debian:12\nLABEL org.opencontainers.image.authors=\"somebody\"\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Maintainer) {
        report.step(step, "MAINTAINER is deprecated");
    }
}
