//! Command that does nothing in a build.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "command-without-use",
    title: "command that does nothing in a build",
    severity: Level::Low,
    what: "A `RUN` that calls a program for interactive work or for a running machine: ssh, vim, shutdown, service, ps, free, top, kill, mount, ifconfig, nano.",
    why: "A build has no terminal, no services and no processes beside its own; what it was meant to do does not happen.",
    fix: "take the command out; start services from ENTRYPOINT",
    references: &[("hadolint", "DL3001")],
    needs: &[],
    bad: "FROM debian:12\nRUN service nginx start\n",
    good: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const PROGRAMS: &[&str] =
        &["ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount", "ifconfig", "nano"];
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(PROGRAMS)) {
            report.call(step, call, format!("`{}` has nothing to do in a build", call.command.program()));
        }
    }
}
