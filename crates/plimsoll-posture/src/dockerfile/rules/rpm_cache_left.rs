//! Yum, dnf or zypper cache left in the layer.

use super::install::RPM;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "rpm-cache-left",
    title: "yum, dnf or zypper cache left in the layer",
    severity: Level::Low,
    what: "A `RUN` that installs with yum, dnf, microdnf, tdnf or zypper, and neither calls `clean` nor removes the cache nor keeps it in a cache mount.",
    why: "Metadata and packages of the build day stay in every copy of the image.",
    fix: "end the same RUN with dnf clean all, yum clean all or zypper clean",
    references: &[
        ("hadolint", "DL3032"),
        ("hadolint", "DL3036"),
        ("hadolint", "DL3040"),
        ("trivy", "DS-0015"),
        ("trivy", "DS-0019"),
        ("trivy", "DS-0020"),
    ],
    needs: &[],
    bad: "FROM rockylinux:9\nRUN dnf install -y curl-7.76.1\n",
    good: "FROM rockylinux:9\nRUN dnf install -y curl-7.76.1 && dnf clean all\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        let mut told = std::collections::HashSet::new();
        for call in calls.iter().filter(|call| install(&call.command, &RPM).is_some()) {
            let program = call.command.program();
            let folder = if program == "zypper" { "/var/cache/zypp" } else { "/var/cache/" };
            let cleaned = calls.iter().any(|other| {
                let command = &other.command;
                let cleans = command.program() == program
                    && command
                        .operands(RPM.values)
                        .next()
                        .is_some_and(|word| matches!(word.text.as_str(), "clean" | "cc"));
                let removes =
                    command.is(&["rm"]) && command.words.iter().any(|word| word.text.starts_with(folder));
                cleans || removes
            });
            let cache = match program {
                "yum" => "/var/cache/yum",
                "zypper" => "/var/cache/zypp",
                _ => "/var/cache/dnf",
            };
            if !cleaned && !is_mounted(step, cache) && told.insert(program) {
                report.call(step, call, format!("the cache of {program} stays in the layer"));
            }
        }
    }
}
