//! Gems without a version.

use super::install::{GEM, is_file};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "gem-packages-unpinned",
    title: "gems without a version",
    severity: Level::Low,
    what: "`gem install NAME` without `-v` or `:version`.",
    why: "Every build installs what is newest that day.",
    fix: "name the version, as in gem install rails:7.1.3",
    references: &[("hadolint", "DL3028")],
    needs: &[],
    bad: "FROM ruby:3.3\nRUN gem install rails\n",
    good: "FROM ruby:3.3\nRUN gem install rails:7.1.3\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let Some(packages) = install(&call.command, &GEM) else { continue };
            let versioned = call.command.has_long("--version")
                || call.command.arguments().iter().any(|word| word.text.starts_with("-v"));
            // Behind a lone -- stand options for the compiler.
            let end = call
                .command
                .words
                .iter()
                .position(|word| word.text == "--")
                .and_then(|at| call.command.words.get(at))
                .map(|word| word.at);
            let open: Vec<&Word> = packages
                .into_iter()
                .filter(|word| end.is_none_or(|end| word.at < end))
                .filter(|word| {
                    !word.text.contains(':') && !word.varies && !is_file(word) && !word.text.ends_with(".gem")
                })
                .collect();
            if let Some(first) = open.first().filter(|_| !versioned) {
                report.word(step, call, first, format!("{} without a version", listed(&open)), "");
            }
        }
    }
}
