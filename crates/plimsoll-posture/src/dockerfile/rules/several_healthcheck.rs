//! Several HEALTHCHECK in one stage.

use super::prelude::*;
use super::several;

pub(crate) static RULE: Rule = Rule {
    id: "several-healthcheck",
    title: "several HEALTHCHECK in one stage",
    severity: Level::Low,
    what: "A stage with more than one `HEALTHCHECK`.",
    why: "Only the last one counts; the others mislead.",
    fix: "keep the last one",
    references: &[
        ("hadolint", "DL3012"),
        ("trivy", "DS-0023"),
        ("trivy", "AVD-DS-0023"),
        ("buildkit", "MultipleInstructionsDisallowed"),
    ],
    needs: &[],
    bad: "FROM debian:12\nHEALTHCHECK CMD a\nHEALTHCHECK CMD b\n",
    good: "FROM debian:12\nHEALTHCHECK CMD b\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    several(scene, report, Keyword::Healthcheck);
}
