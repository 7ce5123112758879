//! Npm packages without a version.

use super::install::{NPM, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "npm-packages-unpinned",
    title: "npm packages without a version",
    severity: Level::Low,
    what: "`npm install NAME` without `@version`, or with a tag such as `latest`. Local paths, addresses and names that a variable brings do not count.",
    why: "Every build installs what is newest that day, also what an attacker has just published.",
    fix: "name the version, or put the package into package.json and its lock file",
    references: &[("hadolint", "DL3016")],
    needs: &[],
    bad: "FROM node:22\nRUN npm install -g typescript\n",
    good: "FROM node:22\nRUN npm install -g typescript@5.4.5\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &NPM) else { continue };
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| {
                    let text = word.text.as_str();
                    let name = text.strip_prefix('@').unwrap_or(text);
                    let pinned = match name.split_once('@') {
                        Some((_, version)) => version != "latest" && version != "next",
                        None => name.contains('#'),
                    };
                    let archive = text.ends_with(".tgz") || text.ends_with(".tar.gz");
                    !pinned && !word.varies && !is_file(word) && !archive && !text.starts_with('~')
                })
                .collect();
            if let Some(first) = open.first() {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
