//! File with secrets copied into the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "secret-file-copied",
    title: "file with secrets copied into the image",
    severity: Level::High,
    what: "A `COPY` or `ADD` from the build context of a file or folder that by its name holds secrets or the whole history: .env, .git, .ssh, .aws, .npmrc, private keys, key stores, kubeconfig, Terraform state.",
    why: "Whoever gets the image gets the file, also when a later layer removes it.",
    fix: "leave it out with .dockerignore; hand it over with RUN --mount=type=secret, or mount it when the container runs",
    references: &[("CWE", "538"), ("OWASP Docker Security", "D12")],
    needs: &[],
    bad: "FROM debian:12\nCOPY .env /app/\n",
    good: "FROM debian:12\nCOPY .env.example /app/\nRUN --mount=type=secret,id=env make\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Copy).chain(scene.file.of(Keyword::Add)) {
        if step.instruction.flag("from").is_some() {
            continue;
        }
        let Some((_, sources)) = step.arguments.split_last() else { continue };
        for source in sources.iter().filter(|source| is_secret_file(&source.value.text)) {
            report.argument(
                step,
                source.at,
                format!("`{}` goes into the image", short(&source.value.text)),
                "",
            );
        }
    }
}
