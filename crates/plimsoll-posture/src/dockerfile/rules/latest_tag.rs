//! Base image by the tag latest.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "latest-tag",
    title: "base image by the tag latest",
    severity: Level::Medium,
    what: "A `FROM` whose tag is `latest`, written or by the default of a build argument.",
    why: "`latest` is a name for whatever was pushed last. The same Dockerfile gives another image tomorrow, and nobody can say later what was in it.",
    fix: "name a version instead of latest",
    references: &[("hadolint", "DL3007"), ("trivy", "DS-0001"), ("trivy", "AVD-DS-0001")],
    needs: &[],
    bad: "FROM debian:latest\n",
    good: "FROM debian:12.11\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for stage in scene.file.stages.iter().filter(|stage| stage.base == Base::Image) {
        let step = &scene.file.steps[stage.steps.start];
        let name = ImageName::parse(&stage.image.value.text);
        if name.digest.is_some() {
            continue;
        }
        if name.tag == Some("latest") {
            report.argument(
                step,
                stage.image.at,
                format!("the base image is `{}`", short(&stage.image.value.text)),
                format!("name a version of {} instead of latest", short(name.name)),
            );
        } else if let (Some(tag), Some(argument)) = (name.tag, stage.image.value.unknown.first())
            && tag == format!("${{{argument}}}")
        {
            report.undecided(Some(step), format!("the build argument {argument}"));
        }
    }
}
