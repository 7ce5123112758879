//! Apt installs recommended packages.

use super::install::APT;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apt-recommends-installed",
    title: "apt installs recommended packages",
    severity: Level::Low,
    what: "`apt-get install` without `--no-install-recommends`.",
    why: "Packages come in that nobody asked for: more to download, more to patch, more to attack.",
    fix: "add --no-install-recommends",
    references: &[("hadolint", "DL3015"), ("trivy", "DS-0029"), ("trivy", "AVD-DS-0029")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get install -y curl\n",
    good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| install(&call.command, &APT).is_some()) {
            let set = call.command.has_long("--no-install-recommends")
                || call.command.words.iter().any(|word| {
                    let text = &word.text;
                    text.contains("APT::Install-Recommends")
                        && (text.ends_with("=false") || text.ends_with("=0") || text.ends_with("=no"))
                });
            if !set {
                report.call(step, call, "recommended packages are installed as well");
            }
        }
    }
}
