//! Npm install instead of npm ci.

use super::install::NPM;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "npm-install-instead-of-ci",
    title: "npm install instead of npm ci",
    severity: Level::Low,
    what: "`npm install` without packages and not global, which reads package.json.",
    why: "npm install may change the lock file and take newer versions; npm ci installs exactly what the lock file says, or fails.",
    fix: "call npm ci",
    references: &[("OpenSSF Scorecard", "Pinned-Dependencies")],
    needs: &[],
    bad: "FROM node:22\nCOPY package.json package-lock.json /app/\nWORKDIR /app\nRUN npm install\n",
    good: "FROM node:22\nCOPY package.json package-lock.json /app/\nWORKDIR /app\nRUN npm ci\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls {
            let bare = install(&call.command, &NPM).is_some_and(|packages| packages.is_empty());
            if bare && !call.command.has_short('g') && !call.command.has_long("--global") {
                report.call(step, call, "npm install may take other versions than the lock file says");
            }
        }
    }
}
