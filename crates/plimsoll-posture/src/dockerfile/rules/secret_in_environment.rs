//! Secret in the environment of the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-in-environment",
    title: "secret in the environment of the image",
    severity: Level::High,
    what: "An `ENV` whose name says that it holds a password, token or key, and whose value is not empty.",
    why: "It stands in the image's configuration for everybody who has the image, and in the environment of every process.",
    fix: "hand it over when the container runs, as a mounted file",
    references: &[
        ("hadolint", "DL3064"),
        ("trivy", "DS-0031"),
        ("buildkit", "SecretsUsedInArgOrEnv"),
        ("CWE", "798"),
    ],
    needs: &[],
    bad: "FROM debian:12\nENV DB_PASSWORD=hunter2\n",
    good: "FROM debian:12\nENV DB_PASSWORD_FILE=/run/secrets/db\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Env) {
        for pair in step.pairs.iter().filter(|pair| is_secret_name(&pair.key)) {
            let value = pair.raw.trim_matches(['"', '\'']);
            if !matches!(value, "" | "true" | "false" | "0" | "1") {
                // The value itself is never shown.
                report.argument(
                    step,
                    pair.at,
                    format!("`{}` is by its name a secret, and has a value", short(&pair.key)),
                    "",
                );
            }
        }
    }
}
