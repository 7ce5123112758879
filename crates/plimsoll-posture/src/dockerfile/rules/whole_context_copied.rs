//! Whole build context copied without .dockerignore.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "whole-context-copied",
    title: "whole build context copied without .dockerignore",
    severity: Level::Medium,
    what: "A `COPY .` or `ADD .` from the build context, while no `.dockerignore` stands beside the Dockerfile. The folder of the Dockerfile is taken for the context.",
    why: "Everything that lies in the folder goes into the image: .git, local settings, keys, test data.",
    fix: "write a .dockerignore, or copy by name",
    references: &[("OWASP Docker Security", "D12")],
    needs: &[Input::BuildContext],
    bad: "FROM debian:12\nCOPY . /app/\n",
    good: "FROM debian:12\nCOPY src /app/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let Some(context) = &scene.around.context else { return };
    if context
        .ignore_file
        .as_deref()
        .is_some_and(|text| text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#')))
    {
        return;
    }
    for step in scene.file.of(Keyword::Copy).chain(scene.file.of(Keyword::Add)) {
        if step.instruction.flag("from").is_some() || step.instruction.onbuild {
            continue;
        }
        let Some((_, sources)) = step.arguments.split_last() else { continue };
        let whole = sources
            .iter()
            .find(|source| matches!(source.value.text.as_str(), "." | "./" | "/" | "*" | "./*"));
        if let Some(source) = whole {
            report.argument(step, source.at, "the whole folder is copied, and there is no .dockerignore", "");
        }
    }
}
