//! Yum, dnf or zypper waits for an answer.

use super::install::RPM;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rpm-asks",
    title: "yum, dnf or zypper waits for an answer",
    severity: Level::Medium,
    what: "`install` of yum, dnf, microdnf or tdnf without `-y` or `--assumeyes`; of zypper without `-n`, `--non-interactive` or `-y`.",
    why: "A build has no terminal: the question gets no answer, and the build fails.",
    fix: "add -y",
    references: &[
        ("hadolint", "DL3030"),
        ("hadolint", "DL3034"),
        ("hadolint", "DL3038"),
        ("trivy", "DS-0015"),
    ],
    needs: &[],
    bad: "FROM rockylinux:9\nRUN dnf install curl-7.76.1 && dnf clean all\n",
    good: "FROM rockylinux:9\nRUN dnf install -y curl-7.76.1 && dnf clean all\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| install(&call.command, &RPM).is_some()) {
            let command = &call.command;
            let yes = command.has_short('y')
                || ["--assumeyes", "--yes", "--no-confirm", "--non-interactive", "--setopt=assumeyes"]
                    .iter()
                    .any(|flag| command.has_long(flag))
                || command.is(&["zypper"]) && command.has_short('n');
            if !yes {
                report.call(
                    step,
                    call,
                    format!("{} asks for an answer that nobody gives", command.program()),
                );
            }
        }
    }
}
