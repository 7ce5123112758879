//! Password set in a build.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "password-set-in-build",
    title: "password set in a build",
    severity: Level::High,
    what: "A `RUN` that sets a login password: chpasswd, `passwd` (locking with -l does not count), `useradd -p`, `usermod -p`.",
    why: "The password stands in the Dockerfile, in the history and in the layer, and is the same in every container.",
    fix: "set no password; containers need no login",
    references: &[("CWE", "798"), ("checkov", "CKV2_DOCKER_17")],
    needs: &[],
    bad: "FROM debian:12\nRUN echo 'root:toor' | chpasswd\n",
    good: "FROM debian:12\nRUN useradd --no-log-init app && passwd -l root\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let command = &call.command;
            let sets = match command.program() {
                "chpasswd" => true,
                "passwd" => !command.has_short('l') && !command.has_long("--lock") && !command.has_short('S'),
                "useradd" | "usermod" => command.has_short('p') || command.has_long("--password"),
                _ => false,
            };
            if sets {
                report.call(step, call, format!("{} sets a password", command.program()));
            }
        }
    }
}
