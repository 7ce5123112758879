//! Cd instead of WORKDIR.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "cd-instead-of-workdir",
    title: "cd instead of WORKDIR",
    severity: Level::Low,
    what: "A `RUN` that changes the folder in its own shell. `cd` within a subshell, and `RUN` with several commands of which it is not the first, count too.",
    why: "The change ends with the instruction; readers and later instructions easily take another folder for the current one.",
    fix: "set the folder with WORKDIR",
    references: &[("hadolint", "DL3003"), ("trivy", "DS-0013"), ("trivy", "AVD-DS-0013")],
    needs: &[],
    bad: "FROM debian:12\nRUN cd /tmp && make\n",
    good: "FROM debian:12\nWORKDIR /tmp\nRUN make\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        // A script in a here-document may well go where it likes.
        if !step.instruction.heredocs.is_empty() {
            continue;
        }
        if let Some(call) = calls.iter().find(|call| call.command.is(&["cd"])) {
            report.call(step, call, "it changes the folder with cd");
        }
    }
}
