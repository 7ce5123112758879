//! COPY --from its own stage.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "copy-from-own-stage",
    title: "COPY --from its own stage",
    severity: Level::High,
    what: "A `COPY --from` that names the stage it stands in.",
    why: "A stage cannot copy from itself: the build fails.",
    fix: "name an earlier stage",
    references: &[("hadolint", "DL3023"), ("trivy", "DS-0006"), ("trivy", "AVD-DS-0006")],
    needs: &[],
    bad: "FROM debian:12 AS build\nCOPY --from=build /a /b\n",
    good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /a /b\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Copy) {
        let (Some(from), Some(index)) = (step.instruction.flag("from"), step.stage) else { continue };
        let own =
            scene.file.stages[index].name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(from));
        if own || from == index.to_string() {
            report.step(step, format!("it copies from its own stage `{}`", short(from)));
        }
    }
}
