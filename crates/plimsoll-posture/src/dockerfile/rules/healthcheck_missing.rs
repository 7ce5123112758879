//! No HEALTHCHECK.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "healthcheck-missing",
    title: "no HEALTHCHECK",
    severity: Level::Negligible,
    what: "The stage that becomes the image, and those it starts from, have no `HEALTHCHECK`. Kubernetes does not use it.",
    why: "Docker and Swarm cannot tell a process that hangs from one that works.",
    fix: "add a HEALTHCHECK, or leave it to the orchestrator's probes",
    references: &[
        ("hadolint", "DL3057"),
        ("trivy", "DS-0026"),
        ("trivy", "AVD-DS-0026"),
        ("checkov", "CKV_DOCKER_2"),
        ("CIS Docker", "4.6"),
    ],
    needs: &[],
    bad: "FROM debian:12\nCMD [\"a\"]\n",
    good: "FROM debian:12\nHEALTHCHECK CMD b\nCMD [\"a\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let Some(last) = scene.file.stages.last() else { return };
    if !scene.file.final_steps().any(|step| step.instruction.keyword == Keyword::Healthcheck) {
        report.step(&scene.file.steps[last.steps.start], "nothing tells whether the process works");
    }
}
