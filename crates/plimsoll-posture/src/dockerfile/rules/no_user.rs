//! No USER is set.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "no-user",
    title: "no USER is set",
    severity: Level::Medium,
    what: "The stage that becomes the image, and the stages it starts from, have no `USER`, and the base image's name does not say that it runs as another user (\"nonroot\", \"rootless\", \"unprivileged\").",
    why: "The container then runs as the user of the base image, which is root for nearly all of them.",
    fix: "add a USER that is not root",
    references: &[
        ("trivy", "DS-0002"),
        ("trivy", "AVD-DS-0002"),
        ("checkov", "CKV_DOCKER_3"),
        ("CIS Docker", "4.1"),
    ],
    needs: &[],
    bad: "FROM debian:12\nCMD [\"sleep\", \"1\"]\n",
    good: "FROM gcr.io/distroless/static:nonroot\nCOPY app /\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let Some(last) = scene.file.stages.len().checked_sub(1) else { return };
    let has_user = scene.file.final_steps().any(|step| step.instruction.keyword == Keyword::User);
    let says_so = scene.file.base_image(last).is_some_and(|stage| {
        ["nonroot", "rootless", "unprivileged"].iter().any(|word| stage.image.value.text.contains(word))
    });
    if !has_user && !says_so {
        let step = &scene.file.steps[scene.file.stages[last].steps.start];
        report.step(step, "no USER is set: the container runs as the base image's user, most often root");
    }
}
