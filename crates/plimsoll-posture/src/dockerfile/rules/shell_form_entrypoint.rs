//! ENTRYPOINT or CMD in shell form.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "shell-form-entrypoint",
    title: "ENTRYPOINT or CMD in shell form",
    severity: Level::Low,
    what: "An `ENTRYPOINT` or `CMD` that is no JSON array. A stage that sets its own `SHELL` means it, and does not count.",
    why: "The program runs below a shell that passes no signals on: stopping the container takes ten seconds and ends in a kill.",
    fix: "write it as a JSON array, as in [\"nginx\", \"-g\", \"daemon off;\"]",
    references: &[("hadolint", "DL3025"), ("buildkit", "JSONArgsRecommended")],
    needs: &[],
    bad: "FROM debian:12\nENTRYPOINT nginx\n",
    good: "FROM debian:12\nENTRYPOINT [\"nginx\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Entrypoint).chain(scene.file.of(Keyword::Cmd)) {
        if !step.is_json {
            report.step(step, format!("{} goes through a shell", step.instruction.name));
        }
    }
}
