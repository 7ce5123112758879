//! Platform fixed in FROM.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "platform-fixed",
    title: "platform fixed in FROM",
    severity: Level::Low,
    what: "A `FROM --platform` with a platform that is written out. `$BUILDPLATFORM` and `$TARGETPLATFORM` are meant for it and do not count.",
    why: "The image is built for this platform wherever it is built, and runs emulated, or not at all, elsewhere.",
    fix: "leave --platform out, or use $BUILDPLATFORM or $TARGETPLATFORM",
    references: &[("hadolint", "DL3029"), ("buildkit", "FromPlatformFlagConstDisallowed")],
    needs: &[],
    bad: "FROM --platform=linux/amd64 debian:12.11\n",
    good: "FROM --platform=$BUILDPLATFORM debian:12.11\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::From) {
        let platform = step.instruction.flag("platform").unwrap_or_default();
        if !platform.is_empty() && !platform.contains('$') {
            report.step(step, format!("the platform is fixed to `{}`", short(platform)));
        }
    }
}
