//! Apt package lists left in the layer.

use super::install::APT;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apt-lists-left",
    title: "apt package lists left in the layer",
    severity: Level::Low,
    what: "A `RUN` that calls `apt-get update` and neither removes /var/lib/apt/lists nor keeps it in a cache mount.",
    why: "Tens of megabytes of lists that are stale tomorrow stay in every copy of the image.",
    fix: "end the same RUN with rm -rf /var/lib/apt/lists/*",
    references: &[("hadolint", "DL3009")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n",
    good: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let last = scene.file.stages.len().saturating_sub(1);
    for (step, calls) in runs(scene) {
        // Layers of a stage from which only files are copied are thrown away.
        let kept = step.stage.is_some_and(|stage| {
            stage == last || scene.file.stages.iter().any(|later| later.base == Base::Stage(stage))
        });
        let update = calls.iter().find(|call| {
            call.command.is(&["apt-get", "apt"])
                && call.command.operands(APT.values).next().is_some_and(|word| word.text == "update")
        });
        let cleans = calls.iter().any(|call| {
            call.command.is(&["rm", "find"])
                && call.command.words.iter().any(|word| word.text.contains("/var/lib/apt"))
        });
        if let Some(call) = update.filter(|_| kept && !cleans && !is_mounted(step, "/var/lib/apt/lists")) {
            report.call(step, call, "the package lists stay in the layer");
        }
    }
}
