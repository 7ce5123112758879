//! ADD instead of COPY.

use super::is_archive;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "add-instead-of-copy",
    title: "ADD instead of COPY",
    severity: Level::Low,
    what: "An `ADD` of local files that are no archives.",
    why: "ADD unpacks archives and fetches addresses: what it does depends on what the file is called. COPY does one thing.",
    fix: "use COPY",
    references: &[
        ("hadolint", "DL3020"),
        ("trivy", "DS-0005"),
        ("trivy", "AVD-DS-0005"),
        ("checkov", "CKV_DOCKER_4"),
        ("CIS Docker", "4.9"),
    ],
    needs: &[],
    bad: "FROM debian:12\nADD app /srv/\n",
    good: "FROM debian:12\nCOPY app /srv/\nADD files.tar.gz /srv/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Add) {
        let Some((_, sources)) = step.arguments.split_last() else { continue };
        let plain = sources.iter().find(|source| {
            let text = source.value.text.to_ascii_lowercase();
            let remote = text.contains("://") || text.starts_with("git@");
            !remote && !is_archive(&text) && source.value.unknown.is_empty() && !text.starts_with("<<")
        });
        if let Some(source) = plain {
            report.argument(
                step,
                source.at,
                format!("ADD of `{}`, which is no archive", short(&source.value.text)),
                "",
            );
        }
    }
}
