//! Apt packages without a version.

use super::install::{APT, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apt-packages-unpinned",
    title: "apt packages without a version",
    severity: Level::Low,
    what: "`apt-get install` of packages without `=version`. Local files, and names that a variable brings, do not count.",
    why: "Every build installs what is newest that day; two builds of one Dockerfile differ, and what broke cannot be told from what changed.",
    fix: "pin the version, or build from a snapshot of the archive",
    references: &[("hadolint", "DL3008")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
    good: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=7.88.1-10\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &APT) else { continue };
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| {
                    let text = &word.text;
                    !text.contains('=')
                        && !word.varies
                        && !is_file(word)
                        && !text.ends_with(".deb")
                        && !text.contains('/')
                })
                .collect();
            if let Some(first) = open.first() {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
