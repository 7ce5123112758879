//! RUN without the builder's confinement.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "build-runs-unconfined",
    title: "RUN without the builder's confinement",
    severity: Level::Medium,
    what: "A `RUN --security=insecure` or `RUN --network=host`.",
    why: "The command runs without the sandbox, or in the network of the build machine: whatever it downloads can reach that machine's services.",
    fix: "leave the flag out",
    references: &[("buildkit", "security.insecure")],
    needs: &[],
    bad: "FROM debian:12\nRUN --security=insecure make\n",
    good: "FROM debian:12\nRUN --network=none make\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Run) {
        for (name, value) in [("security", "insecure"), ("network", "host")] {
            if step.instruction.flag(name) == Some(value) {
                report.step(step, format!("it runs with --{name}={value}"));
            }
        }
    }
}
