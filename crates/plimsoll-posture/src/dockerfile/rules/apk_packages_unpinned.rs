//! Apk packages without a version.

use super::install::{APK, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apk-packages-unpinned",
    title: "apk packages without a version",
    severity: Level::Low,
    what: "`apk add` of packages without a version (`=`, `~`, `<`, `>`). Local files and names that a variable brings do not count.",
    why: "Every build installs what is newest that day; two builds of one Dockerfile differ.",
    fix: "pin the version, as in curl=8.5.0-r0 or curl~8.5",
    references: &[("hadolint", "DL3018")],
    needs: &[],
    bad: "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
    good: "FROM alpine:3.20\nRUN apk add --no-cache curl~8.5\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &APK) else { continue };
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| {
                    !word.text.contains(['=', '~', '<', '>'])
                        && !word.varies
                        && !is_file(word)
                        && !word.text.ends_with(".apk")
                })
                .collect();
            if let Some(first) = open.first() {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
