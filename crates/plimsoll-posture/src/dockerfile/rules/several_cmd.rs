//! Several CMD in one stage.

use super::prelude::*;
use super::several;

pub(crate) static RULE: Rule = Rule {
    id: "several-cmd",
    title: "several CMD in one stage",
    severity: Level::Medium,
    what: "A stage with more than one `CMD`.",
    why: "Only the last one counts; the others mislead.",
    fix: "keep the last one",
    references: &[
        ("hadolint", "DL4003"),
        ("trivy", "DS-0016"),
        ("trivy", "AVD-DS-0016"),
        ("buildkit", "MultipleInstructionsDisallowed"),
    ],
    needs: &[],
    bad: "FROM debian:12\nCMD [\"a\"]\nCMD [\"b\"]\n",
    good: "FROM debian:12\nCMD [\"b\"]\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    several(scene, report, Keyword::Cmd);
}
