//! The container runs as root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "last-user-is-root",
    title: "the container runs as root",
    severity: Level::High,
    what: "The last `USER` of the stage that becomes the image is root or 0.",
    why: "Whoever breaks into the process is root in the container, and every flaw of kernel or runtime starts from there.",
    fix: "end with a USER that is not root",
    references: &[
        ("hadolint", "DL3002"),
        ("trivy", "DS-0002"),
        ("trivy", "AVD-DS-0002"),
        ("checkov", "CKV_DOCKER_8"),
        ("CIS Docker", "4.1"),
    ],
    needs: &[],
    bad: "FROM debian:12\nUSER app\nUSER root\n",
    good: "FROM debian:12\nUSER root\nRUN make\nUSER app\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let last = scene
        .file
        .final_steps()
        .find(|step| step.instruction.keyword == Keyword::User && !step.instruction.onbuild);
    let Some(step) = last else { return };
    let Some(argument) = step.arguments.first() else { return };
    let user = argument.value.text.split(':').next().unwrap_or_default();
    if let Some(name) = argument.value.unknown.first() {
        if user.contains("${") {
            report.undecided(Some(step), format!("the build argument {name}"));
        }
    } else if matches!(user, "root" | "0") {
        report.step(step, format!("the last USER is `{}`", short(user)));
    }
}
