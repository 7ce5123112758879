//! WORKDIR is not absolute.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "relative-workdir",
    title: "WORKDIR is not absolute",
    severity: Level::Medium,
    what: "A `WORKDIR` that begins neither with `/`, a drive, nor a variable.",
    why: "It depends on the WORKDIR before it, also on that of the base image, so a change far away moves the files.",
    fix: "write the whole path",
    references: &[
        ("hadolint", "DL3000"),
        ("trivy", "DS-0009"),
        ("trivy", "AVD-DS-0009"),
        ("buildkit", "WorkdirRelativePath"),
    ],
    needs: &[],
    bad: "FROM debian:12\nWORKDIR app\n",
    good: "FROM debian:12\nWORKDIR /app\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Workdir) {
        let Some(argument) = step.arguments.first() else { continue };
        let path = &argument.value.text;
        let drive = path.as_bytes().get(1) == Some(&b':');
        if !path.is_empty() && !drive && !path.starts_with(['/', '\\', '$']) {
            report.argument(step, 0, format!("WORKDIR `{}` is not absolute", short(path)), "");
        }
    }
}
