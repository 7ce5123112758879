//! Apk index left in the layer.

use super::install::APK;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "apk-cache-left",
    title: "apk index left in the layer",
    severity: Level::Low,
    what: "`apk add` without `--no-cache`, in a `RUN` that neither removes /var/cache/apk nor keeps it in a cache mount.",
    why: "The index is stale tomorrow and stays in every copy of the image.",
    fix: "add --no-cache",
    references: &[("hadolint", "DL3019"), ("trivy", "DS-0025"), ("trivy", "AVD-DS-0025")],
    needs: &[],
    bad: "FROM alpine:3.20\nRUN apk add curl\n",
    good: "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        let cleans = calls.iter().any(|call| {
            call.command.is(&["rm"])
                && call.command.words.iter().any(|word| word.text.contains("/var/cache/apk"))
        });
        if cleans || is_mounted(step, "/var/cache/apk") || is_mounted(step, "/etc/apk/cache") {
            continue;
        }
        let add = calls
            .iter()
            .find(|call| install(&call.command, &APK).is_some() && !call.command.has_long("--no-cache"));
        if let Some(call) = add {
            report.call(step, call, "the package index stays in the layer");
        }
    }
}
