//! /bin/sh replaced by a link.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "default-shell-replaced",
    title: "/bin/sh replaced by a link",
    severity: Level::Low,
    what: "A `RUN` that links or moves another shell to /bin/sh.",
    why: "Programs of the distribution rely on its own /bin/sh; only the build was meant to use another shell.",
    fix: "choose the shell with SHELL",
    references: &[("hadolint", "DL4005")],
    needs: &[],
    bad: "FROM debian:12\nRUN ln -sf /bin/bash /bin/sh\n",
    good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-c\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(&["ln", "mv", "cp"])) {
            let target = call.command.operands(&[]).last();
            if target.is_some_and(|word| matches!(word.text.as_str(), "/bin/sh" | "/usr/bin/sh")) {
                report.call(step, call, "it replaces /bin/sh");
            }
        }
    }
}
