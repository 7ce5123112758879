//! COPY to a relative path without WORKDIR.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "copy-to-relative-path",
    title: "COPY to a relative path without WORKDIR",
    severity: Level::Low,
    what: "A `COPY` or `ADD` whose destination is not absolute, in a stage that sets no `WORKDIR` and starts from none that does.",
    why: "Where the files land depends on the base image.",
    fix: "set WORKDIR first, or give the whole path",
    references: &[("hadolint", "DL3045")],
    needs: &[],
    bad: "FROM debian:12\nCOPY app bin/\n",
    good: "FROM debian:12\nWORKDIR /srv\nCOPY app bin/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let mut has = vec![false; scene.file.stages.len()];
    for step in &scene.file.steps {
        let Some(stage) = step.stage else { continue };
        match step.instruction.keyword {
            Keyword::From => {
                has[stage] = matches!(scene.file.stages[stage].base, Base::Stage(below) if has[below]);
            }
            Keyword::Workdir => has[stage] = true,
            Keyword::Copy if !has[stage] => {
                let Some(target) = step.arguments.last() else { continue };
                let path = target.value.text.trim_matches('"');
                let drive = path.as_bytes().get(1) == Some(&b':');
                if step.arguments.len() > 1 && !drive && !path.starts_with(['/', '\\', '$']) {
                    report.argument(
                        step,
                        target.at,
                        format!("the destination `{}` is relative, and no WORKDIR is set", short(path)),
                        "",
                    );
                }
            }
            _ => {}
        }
    }
}
