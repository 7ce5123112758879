//! Build argument used for a secret.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-in-build-argument",
    title: "build argument used for a secret",
    severity: Level::High,
    what: "An `ARG` whose name says that it holds a password, token or key.",
    why: "Build arguments stand in the image's history for everybody who has the image.",
    fix: "use RUN --mount=type=secret",
    references: &[
        ("hadolint", "DL3064"),
        ("trivy", "DS-0031"),
        ("buildkit", "SecretsUsedInArgOrEnv"),
        ("CWE", "538"),
    ],
    needs: &[],
    bad: "FROM debian:12\nARG NPM_TOKEN\nRUN make\n",
    good: "FROM debian:12\nRUN --mount=type=secret,id=npm make\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Arg) {
        for pair in step.pairs.iter().filter(|pair| is_secret_name(&pair.key)) {
            report.argument(
                step,
                pair.at,
                format!("the build argument `{}` is by its name a secret", short(&pair.key)),
                "",
            );
        }
    }
}
