//! Yarn cache left in the layer.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "yarn-cache-left",
    title: "yarn cache left in the layer",
    severity: Level::Low,
    what: "`yarn install` in a `RUN` that neither cleans the cache nor keeps it in a cache mount.",
    why: "Downloaded archives stay in the layer, often as large as what was installed.",
    fix: "end the same RUN with yarn cache clean",
    references: &[("hadolint", "DL3060")],
    needs: &[],
    bad: "FROM node:22\nRUN yarn install\n",
    good: "FROM node:22\nRUN yarn install && yarn cache clean\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        let verb = |call: &Call, word: &str| {
            call.command.is(&["yarn"]) && call.command.operands(&[]).any(|have| have.text == word)
        };
        let cleans = calls.iter().any(|call| verb(call, "clean"));
        let mounted = ["/usr/local/share/.cache/yarn", "/root/.yarn", "/root/.cache/yarn"]
            .iter()
            .any(|folder| is_mounted(step, folder));
        if let Some(call) = calls.iter().find(|call| verb(call, "install")).filter(|_| !cleans && !mounted) {
            report.call(step, call, "downloaded archives stay in the layer");
        }
    }
}
