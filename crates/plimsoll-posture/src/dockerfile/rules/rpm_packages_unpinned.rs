//! Rpm packages without a version.

use super::install::{RPM, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rpm-packages-unpinned",
    title: "rpm packages without a version",
    severity: Level::Low,
    what: "`yum`, `dnf`, `microdnf`, `tdnf` or `zypper` `install` of packages without a version. Groups, modules, local files and names that a variable brings do not count.",
    why: "Every build installs what is newest that day; two builds of one Dockerfile differ.",
    fix: "name the version, as in curl-7.76.1 (zypper: curl=7.76.1)",
    references: &[("hadolint", "DL3033"), ("hadolint", "DL3037"), ("hadolint", "DL3041")],
    needs: &[],
    bad: "FROM rockylinux:9\nRUN dnf install -y curl && dnf clean all\n",
    good: "FROM rockylinux:9\nRUN dnf install -y curl-7.76.1 && dnf clean all\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &RPM) else { continue };
            let zypper = call.command.is(&["zypper"]);
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| {
                    let text = &word.text;
                    let versioned = if zypper {
                        text.contains(['=', '<', '>', '~'])
                    } else {
                        // name-version: a dash before a digit; epochs and architectures come after it.
                        text.as_bytes().windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
                            || text.contains(['=', ':'])
                    };
                    !versioned
                        && !word.varies
                        && !is_file(word)
                        && !text.starts_with('@')
                        && !text.ends_with(".rpm")
                })
                .collect();
            if let Some(first) = open.first() {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
