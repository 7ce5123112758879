//! Base image without a tag.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "base-image-without-tag",
    title: "base image without a tag",
    severity: Level::Medium,
    what: "A `FROM` that names an image of a registry without tag or digest. Stages of the same file and `scratch` are no images of a registry.",
    why: "Without a tag the builder takes `latest`, which is another image tomorrow: builds cannot be repeated, and a break or an attack upstream arrives unseen.",
    fix: "name a version: a tag, better a tag with its digest",
    references: &[("hadolint", "DL3006"), ("trivy", "DS-0001"), ("trivy", "AVD-DS-0001")],
    needs: &[],
    bad: "FROM debian\n",
    good: "FROM debian:12.11\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for stage in scene.file.stages.iter().filter(|stage| stage.base == Base::Image) {
        let step = &scene.file.steps[stage.steps.start];
        let name = ImageName::parse(&stage.image.value.text);
        if name.tag.is_some() || name.digest.is_some() {
            continue;
        }
        match stage.image.value.unknown.first() {
            // The argument may bring a tag.
            Some(argument) => report.undecided(Some(step), format!("the build argument {argument}")),
            None => report.argument(
                step,
                stage.image.at,
                format!("the base image `{}` has no tag", short(name.name)),
                format!("name a version of {}, as in {}:VERSION", short(name.name), short(name.name)),
            ),
        }
    }
}
