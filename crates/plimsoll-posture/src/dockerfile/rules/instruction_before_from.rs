//! Instruction before the first FROM.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "instruction-before-from",
    title: "instruction before the first FROM",
    severity: Level::High,
    what: "Anything but `ARG` before the first `FROM`, or a file without `FROM`.",
    why: "The builder refuses it.",
    fix: "begin with FROM; only ARG may stand before it",
    references: &[("hadolint", "DL3061")],
    needs: &[],
    bad: "RUN true\nFROM debian:12\n",
    good: "ARG VERSION=12\nFROM debian:${VERSION}\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let before = scene.file.steps.iter().filter(|step| step.stage.is_none());
    for step in before.filter(|step| step.instruction.keyword != Keyword::Arg).take(1) {
        report.step(step, format!("{} stands before the first FROM", short(&step.instruction.name)));
    }
}
