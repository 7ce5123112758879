//! Apt instead of apt-get.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apt-instead-of-apt-get",
    title: "apt instead of apt-get",
    severity: Level::Low,
    what: "A `RUN` that calls `apt`.",
    why: "apt is made for people and says itself that its command line may change.",
    fix: "call apt-get or apt-cache",
    references: &[("hadolint", "DL3027")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt install -y curl\n",
    good: "FROM debian:12\nRUN apt-get install -y curl\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        if let Some(call) = calls.iter().find(|call| call.command.is(&["apt"])) {
            report.call(step, call, "it calls apt");
        }
    }
}
