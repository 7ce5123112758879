//! Sudo in a build.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sudo-in-build",
    title: "sudo in a build",
    severity: Level::Medium,
    what: "A `RUN` that calls `sudo`.",
    why: "A build is root already, or should say with USER when it is; sudo has surprising terminal and signal behaviour, and stays in the image as a way to root.",
    fix: "leave sudo out; switch with USER where another user is wanted",
    references: &[
        ("hadolint", "DL3004"),
        ("trivy", "DS-0010"),
        ("trivy", "AVD-DS-0010"),
        ("checkov", "CKV2_DOCKER_1"),
    ],
    needs: &[],
    bad: "FROM debian:12\nRUN sudo make install\n",
    good: "FROM debian:12\nRUN make install\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        if let Some(call) = calls.iter().find(|call| call.command.sudo || call.command.is(&["sudo"])) {
            report.call(step, call, "it calls sudo");
        }
    }
}
