//! Base image not pinned by digest.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "base-without-digest",
    title: "base image not pinned by digest",
    severity: Level::Low,
    what: "A `FROM` with a tag other than `latest`, but without digest.",
    why: "Tags move: only a digest says which bytes were meant. With a digest, a rebuild that changes something is a change in the Dockerfile that somebody has seen.",
    fix: "add the digest, as in debian:12.11@sha256:...; let a bot keep it new",
    references: &[("checkov", "CKV_DOCKER_7"), ("OpenSSF Scorecard", "Pinned-Dependencies")],
    needs: &[],
    bad: "FROM debian:12.11\n",
    good: "FROM debian:12.11@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for stage in scene.file.stages.iter().filter(|stage| stage.base == Base::Image) {
        let value = &stage.image.value;
        let name = ImageName::parse(&value.text);
        // What a build argument decides may well be pinned by whoever builds.
        if name.tag.is_some_and(|tag| tag != "latest") && name.digest.is_none() && value.unknown.is_empty() {
            report.argument(
                &scene.file.steps[stage.steps.start],
                stage.image.at,
                format!("the base image `{}` is not pinned by its digest", short(&value.text)),
                format!("pin {} by its digest", short(&value.text)),
            );
        }
    }
}
