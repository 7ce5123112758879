//! The distribution is upgraded in a build.

use super::install::APT;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "distribution-upgrade-in-build",
    title: "the distribution is upgraded in a build",
    severity: Level::Low,
    what: "`apt-get dist-upgrade` or `full-upgrade`, `zypper dist-upgrade` or `dup`, `do-release-upgrade`.",
    why: "The build ends in another release than the base image's tag says, different each day.",
    fix: "start from the newer base image instead",
    references: &[
        ("hadolint", "DL3005"),
        ("hadolint", "DL3035"),
        ("trivy", "DS-0024"),
        ("trivy", "AVD-DS-0024"),
    ],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get update && apt-get dist-upgrade -y\n",
    good: "FROM debian:13\nRUN apt-get update && apt-get upgrade -y\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let verb = call.command.operands(APT.values).next().map_or("", |word| word.text.as_str());
            let upgrades = match call.command.program() {
                "apt-get" | "apt" | "aptitude" => matches!(verb, "dist-upgrade" | "full-upgrade"),
                "zypper" => matches!(verb, "dist-upgrade" | "dup"),
                "do-release-upgrade" => true,
                _ => false,
            };
            if upgrades {
                report.call(
                    step,
                    call,
                    format!("`{} {verb}` upgrades the distribution", call.command.program()),
                );
            }
        }
    }
}
