//! Several ENTRYPOINT in one stage.

use super::prelude::*;
use super::several;

pub(crate) static RULE: Rule = Rule {
    id: "several-entrypoint",
    title: "several ENTRYPOINT in one stage",
    severity: Level::Medium,
    what: "A stage with more than one `ENTRYPOINT`.",
    why: "Only the last one counts; the others mislead.",
    fix: "keep the last one",
    references: &[
        ("hadolint", "DL4004"),
        ("trivy", "DS-0007"),
        ("trivy", "AVD-DS-0007"),
        ("buildkit", "MultipleInstructionsDisallowed"),
    ],
    needs: &[],
    bad: "FROM debian:12\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n",
    good: "FROM debian:12\nENTRYPOINT [\"b\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    several(scene, report, Keyword::Entrypoint);
}
