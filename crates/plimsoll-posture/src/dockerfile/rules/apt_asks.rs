//! Apt waits for an answer.

use super::install::APT;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apt-asks",
    title: "apt waits for an answer",
    severity: Level::Medium,
    what: "`apt-get install` (also upgrade, remove, ...) without `-y`, `--yes`, `-qq` or `--assume-yes`.",
    why: "A build has no terminal: apt asks, gets no answer, and the build fails.",
    fix: "add -y",
    references: &[("hadolint", "DL3014"), ("trivy", "DS-0021"), ("trivy", "AVD-DS-0021")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get install curl\n",
    good: "FROM debian:12\nRUN apt-get install -y curl\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| install(&call.command, &APT).is_some()) {
            let command = &call.command;
            let quiet = command.arguments().iter().any(|word| {
                let text = word.text.as_str();
                matches!(text, "-qq" | "--quiet=2" | "-q=2")
                    || text.contains("APT::Get::Assume-Yes")
                    || text.starts_with('-') && !text.starts_with("--") && text.matches('q').count() >= 2
            });
            let yes = ["--yes", "--assume-yes", "--force-yes"].iter().any(|flag| command.has_long(flag));
            let many = command
                .arguments()
                .iter()
                .filter(|word| matches!(word.text.as_str(), "-q" | "--quiet"))
                .count()
                >= 2;
            if !command.has_short('y') && !quiet && !yes && !many {
                report.call(
                    step,
                    call,
                    format!("{} asks for an answer that nobody gives", command.program()),
                );
            }
        }
    }
}
