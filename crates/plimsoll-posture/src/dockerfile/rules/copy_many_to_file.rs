//! COPY of several files to one that is no folder.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "copy-many-to-file",
    title: "COPY of several files to one that is no folder",
    severity: Level::High,
    what: "A `COPY` of more than one source whose destination does not end with a slash.",
    why: "The builder refuses it, or, with one of its older forms, makes a file of the last source.",
    fix: "end the destination with a slash",
    references: &[("hadolint", "DL3021"), ("trivy", "DS-0011"), ("trivy", "AVD-DS-0011")],
    needs: &[],
    bad: "FROM debian:12\nCOPY a b /srv\n",
    good: "FROM debian:12\nCOPY a b /srv/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Copy) {
        let Some((target, sources)) = step.arguments.split_last() else { continue };
        let path = &target.value.text;
        if sources.len() > 1
            && target.value.unknown.is_empty()
            && !path.ends_with(['/', '\\'])
            && !matches!(path.as_str(), "." | "..")
        {
            report.argument(
                step,
                target.at,
                format!("several files go to `{}`, which does not end with a slash", short(path)),
                "",
            );
        }
    }
}
