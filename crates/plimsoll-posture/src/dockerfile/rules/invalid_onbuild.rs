//! ONBUILD of an instruction that it may not hold.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "invalid-onbuild",
    title: "ONBUILD of an instruction that it may not hold",
    severity: Level::High,
    what: "An `ONBUILD` of `ONBUILD`, `FROM` or `MAINTAINER`.",
    why: "The builder refuses it.",
    fix: "take it out",
    references: &[("hadolint", "DL3043")],
    needs: &[],
    bad: "FROM debian:12\nONBUILD MAINTAINER x\n",
    good: "FROM debian:12\nONBUILD RUN make\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.steps.iter().filter(|step| step.instruction.onbuild) {
        if matches!(step.instruction.keyword, Keyword::Onbuild | Keyword::From | Keyword::Maintainer) {
            report.step(step, format!("ONBUILD may not hold {}", step.instruction.name));
        }
    }
}
