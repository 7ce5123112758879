//! Two stages with the same name.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "duplicate-stage-name",
    title: "two stages with the same name",
    severity: Level::Medium,
    what: "A stage that takes the name of an earlier one; names are compared in lower case.",
    why: "`COPY --from` and `FROM` then mean the later one, which is not what a reader expects.",
    fix: "give each stage its own name",
    references: &[
        ("hadolint", "DL3024"),
        ("trivy", "DS-0012"),
        ("trivy", "AVD-DS-0012"),
        ("buildkit", "DuplicateStageName"),
    ],
    needs: &[],
    bad: "FROM debian:12 AS build\nFROM debian:12 AS build\n",
    good: "FROM debian:12 AS build\nFROM debian:12 AS run\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let mut seen = std::collections::HashSet::new();
    for stage in &scene.file.stages {
        let Some(name) = &stage.name else { continue };
        if !seen.insert(name) {
            let step = &scene.file.steps[stage.steps.start];
            report.argument(step, stage.name_at, format!("the stage name `{}` is taken", short(name)), "");
        }
    }
}
