//! Pip packages without a version.

use super::install::{PIP, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "pip-packages-unpinned",
    title: "pip packages without a version",
    severity: Level::Low,
    what: "`pip install` of packages without `==`, `@` or another version mark, when no requirements or constraints file is given. Local paths and names that a variable brings do not count.",
    why: "Every build installs what is newest that day, also what an attacker has just published under that name.",
    fix: "pin the versions, best in a requirements file with hashes",
    references: &[("hadolint", "DL3013")],
    needs: &[],
    bad: "FROM python:3.12\nRUN pip install --no-cache-dir django\n",
    good: "FROM python:3.12\nRUN pip install --no-cache-dir django==5.0.6\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &PIP) else { continue };
            let command = &call.command;
            let listed_elsewhere = command.has_short('r')
                || command.has_long("--requirement")
                || command.has_short('c')
                || command.has_long("--constraint");
            if listed_elsewhere {
                continue;
            }
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| {
                    let text = &word.text;
                    let archive = [".whl", ".tar.gz", ".zip"].iter().any(|end| text.ends_with(end));
                    !["==", ">=", "<=", "~=", "!=", "<", ">", "@"].iter().any(|mark| text.contains(mark))
                        && !word.varies
                        && !is_file(word)
                        && !archive
                })
                .collect();
            if let Some(first) = open.first() {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
