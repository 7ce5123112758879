//! ENV or LABEL without an equals sign.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "old-env-form",
    title: "ENV or LABEL without an equals sign",
    severity: Level::Negligible,
    what: "An `ENV name value` or `LABEL name value`.",
    why: "The whole rest of the line becomes the value, also what was meant as a second variable; the form is deprecated.",
    fix: "write name=value",
    references: &[("buildkit", "LegacyKeyValueFormat")],
    needs: &[],
    bad: "FROM debian:12\nENV A b C=d\n",
    good: "FROM debian:12\nENV A=b C=d\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Env).chain(scene.file.of(Keyword::Label)) {
        let first = step.instruction.arguments().split_whitespace().next().unwrap_or_default();
        if !first.is_empty() && !first.contains('=') {
            report.step(step, format!("{} without an equals sign", step.instruction.name));
        }
    }
}
