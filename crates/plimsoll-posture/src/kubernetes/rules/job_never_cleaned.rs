//! Finished job is kept.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "job-never-cleaned",
    title: "finished job is kept",
    severity: Level::Low,
    what: "A Job that no CronJob makes, without `ttlSecondsAfterFinished`.",
    why: "Its pods stay with their logs and environment until somebody deletes them.",
    fix: "set ttlSecondsAfterFinished",
    references: &[("kube-linter", "job-ttl-seconds-after-finished")],
    needs: &[],
    bad: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web, namespace: shop}\nspec: {template: {spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}}}\n",
    good: "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web, namespace: shop}\nspec: {ttlSecondsAfterFinished: 600, template: {spec: {containers: [{name: web, image: \"ghcr.io/acme/web:1.4\"}]}}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if scene.is("batch", "Job") && scene.at(&["spec", "ttlSecondsAfterFinished"]).is_none() {
        report.at(scene.pointer(&["spec"]), "it stays when it is done");
    }
}
