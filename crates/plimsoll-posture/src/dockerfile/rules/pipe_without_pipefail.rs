//! Pipe whose first command may fail unseen.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pipe-without-pipefail",
    title: "pipe whose first command may fail unseen",
    severity: Level::Low,
    what: "A `RUN` with a pipe in a shell without `pipefail`: neither `SHELL` nor `set -o pipefail` sets it.",
    why: "The shell takes the last command's answer for the whole: a download that breaks off in front of the pipe leaves a broken image and a build that succeeded.",
    fix: "set SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"], or begin with set -o pipefail",
    references: &[("hadolint", "DL4006")],
    needs: &[],
    bad: "FROM debian:12\nRUN wget -O - https://example.org/x | tar x\n",
    good: "FROM debian:12\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -O - https://example.org/x | tar x\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        if step.shell == Shell::Pipefail {
            continue;
        }
        let sets = |call: &Call| {
            let words = || call.command.words.iter().map(|word| word.text.as_str());
            call.command.is(&["set", "bash"]) && words().any(|word| word.contains("pipefail"))
        };
        let first_set = calls.iter().position(sets).unwrap_or(calls.len());
        let pipe = calls.iter().take(first_set).find(|call| call.command.after == Joint::Pipe);
        if let Some(call) = pipe {
            report.call(
                step,
                call,
                format!(
                    "when `{}` fails in front of the pipe, the build goes on",
                    short(call.command.program())
                ),
            );
        }
    }
}
