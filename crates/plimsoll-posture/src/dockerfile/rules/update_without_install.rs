//! Package lists updated in a RUN of their own.

use super::install::APT;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "update-without-install",
    title: "package lists updated in a RUN of their own",
    severity: Level::Medium,
    what: "`apt-get update`, `apk update`, `yum check-update` and the like in a `RUN` that installs nothing.",
    why: "The layer is cached: later builds install from lists that are weeks old, with packages that are gone or have known flaws.",
    fix: "update and install in one RUN",
    references: &[("trivy", "DS-0017"), ("trivy", "AVD-DS-0017"), ("checkov", "CKV_DOCKER_5")],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl\n",
    good: "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const PROGRAMS: &[&str] = &["apt-get", "apt", "aptitude", "apk", "zypper"];
    const UPDATES: &[&str] = &["update", "refresh", "ref"];
    for (step, calls) in runs(scene) {
        let verb = |call: &Call| {
            call.command.operands(APT.values).next().map(|word| word.text.clone()).unwrap_or_default()
        };
        let mut managers = calls.iter().filter(|call| call.command.is(PROGRAMS));
        let update = managers.clone().find(|call| UPDATES.contains(&verb(call).as_str()));
        let only = managers.all(|call| UPDATES.contains(&verb(call).as_str()) || verb(call) == "clean");
        // A script of its own may install.
        let opaque = calls.iter().any(|call| {
            call.command
                .words
                .first()
                .is_some_and(|word| word.varies || word.text.contains('/') && word.text.ends_with(".sh"))
        });
        if let Some(call) = update.filter(|_| only && !opaque) {
            report.call(
                step,
                call,
                format!("{} updates its lists and nothing is installed", call.command.program()),
            );
        }
    }
}
